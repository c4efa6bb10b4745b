"""Clusters of Redis in the world are real: asked as a client inside the VPC would ask."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

if TYPE_CHECKING:
    from pathlib import Path

    from local.world import World

SECRET = "sixteen-characters-or-more"  # noqa: S105 - of this test's own cache
HASH = "v8rkgb.use1.cache.amazonaws.com"


@pytest.fixture(scope="module", autouse=True)
def _caches(world: World) -> None:
    world.create_replication_group("wide", replicas=1, shards=3, cluster_mode=True)
    world.create_replication_group(
        "safe", replicas=1, shards=1, cluster_mode=True, tls=True, auth=SECRET
    )


def ask(world: World, cluster_id: str, *command: str, **options: Any) -> Any:
    """Ask a node once, as a program in the VPC does."""
    node, once = world.node(cluster_id), Retry(NoBackoff(), 0)
    with redis.Redis(
        str(node.address), node.port, decode_responses=True, retry=once, **options
    ) as connection:
        return connection.execute_command(*command)


def verifying(ca_file: Path) -> dict[str, Any]:
    """Return a client's options that have every certificate checked."""
    return {"ssl": True, "ssl_ca_certs": str(ca_file), "ssl_check_hostname": False}


def test_without_tls_a_node_announces_the_inner_addresses_of_all(world: World) -> None:
    slots = ask(world, "wide-0002-001", "CLUSTER", "SLOTS")

    places = {(first, last): [node[0] for node in nodes] for first, last, *nodes in slots}
    assert places == {
        span: [str(world.node(f"wide-{shard:04}-{n:03}").address) for n in (1, 2)]
        for shard, span in enumerate([(0, 5460), (5461, 10921), (10922, 16383)], 1)
    }


def test_with_tls_a_node_announces_the_names_that_aws_tells(world: World) -> None:
    options = verifying(world.ca_file)

    ((_first, _last, *nodes),) = ask(
        world, "safe-0001-001", "CLUSTER", "SLOTS", password=SECRET, **options
    )

    assert [node[0] for node in nodes] == [
        f"safe-0001-001.safe.{HASH}", f"safe-0001-002.safe.{HASH}",
    ]  # fmt: skip
    assert nodes[0][0] == world.node("safe-0001-001").name


def test_a_key_of_another_shard_is_answered_by_moved(world: World) -> None:
    with pytest.raises(redis.ResponseError, match=f"{world.node('wide-0003-001').address}:6379"):
        ask(world, "wide-0001-001", "SET", "foo", "bar")  # slot 12182


def test_nobody_is_served_without_the_token_or_in_the_clear(world: World) -> None:
    with pytest.raises(redis.AuthenticationError):
        ask(world, "safe-0001-001", "PING", **verifying(world.ca_file))
    with pytest.raises(redis.ConnectionError):
        ask(world, "safe-0001-001", "PING", password=SECRET)


def places(world: World, cluster_id: str, **options: Any) -> dict[int, list[str]]:
    """Return who serves each span of slots, by its first slot, the primary first."""
    slots = ask(world, cluster_id, "CLUSTER", "SLOTS", **options)
    return {first: [node[0] for node in nodes] for first, _last, *nodes in slots}


def at(world: World, *cluster_ids: str) -> list[str]:
    return [str(world.node(cluster_id).address) for cluster_id in cluster_ids]


def test_a_failover_swaps_roles_and_keeps_what_was_written(world: World) -> None:
    former, latter = at(world, "wide-0003-001", "wide-0003-002")
    ask(world, "wide-0003-001", "SET", "foo", "kept")

    assert world.fail_over("wide", shard="0003") == "wide-0003-002"

    assert places(world, "wide-0001-001")[10922] == [latter, former]
    assert ask(world, "wide-0003-002", "GET", "foo") == "kept"


def test_a_primary_that_is_killed_is_followed_by_the_replica_that_the_nodes_elect(
    world: World,
) -> None:
    ask(world, "wide-0002-001", "SET", "c", "kept")  # slot 7365
    ask(world, "wide-0002-001", "WAIT", "1", "1000")

    world.kill_node("wide-0002-001")

    assert world.await_failover("wide", "0002") == "wide-0002-002"
    assert places(world, "wide-0001-001")[5461] == at(world, "wide-0002-002")
    assert ask(world, "wide-0002-002", "GET", "c") == "kept"

    former = world.node("wide-0002-001").address
    new = world.replace_node("wide-0002-001")

    assert new != former
    assert places(world, "wide-0001-001")[5461] == at(world, "wide-0002-002", "wide-0002-001")
    assert str(former) not in ask(world, "wide-0001-001", "CLUSTER", "NODES")


def test_a_primary_that_is_replaced_fails_over_first_and_comes_back_as_a_replica(
    world: World,
) -> None:
    options = verifying(world.ca_file) | {"password": SECRET}
    ask(world, "safe-0001-001", "SET", "foo", "kept", **options)
    name = world.node("safe-0001-001").name

    world.replace_node("safe-0001-001")

    assert places(world, "safe-0001-001", **options)[0] == [world.node("safe-0001-002").name, name]
    assert ask(world, "safe-0001-002", "GET", "foo", **options) == "kept"


def test_a_shard_of_one_node_keeps_its_keys_when_that_is_replaced_and_not_when_it_died(
    world: World,
) -> None:
    world.create_replication_group("bare", replicas=0, shards=2, cluster_mode=True)
    ask(world, "bare-0002-001", "SET", "foo", "kept")

    world.replace_node("bare-0002-001")
    assert ask(world, "bare-0002-001", "GET", "foo") == "kept"

    world.kill_node("bare-0002-001")
    world.replace_node("bare-0002-001")
    assert ask(world, "bare-0002-001", "GET", "foo") is None
    assert places(world, "bare-0001-001")[8192] == at(world, "bare-0002-001")


def test_a_replica_that_is_added_serves_in_its_shard_until_it_is_removed(world: World) -> None:
    world.create_replication_group("grown", replicas=0, shards=1, cluster_mode=True)

    node = world.add_node("grown")
    assert places(world, "grown-0001-001")[0][1:] == [str(node.address)]

    world.remove_node(node.cluster_id)
    assert places(world, "grown-0001-001")[0][1:] == []
    assert str(node.address) not in ask(world, "grown-0001-001", "CLUSTER", "NODES")


@pytest.mark.parametrize(("group", "secret"), [("moving", None), ("moving-safe", SECRET)])
def test_a_slot_that_moves_answers_ask_and_then_moved(
    world: World, group: str, secret: str | None
) -> None:
    options = {} if secret is None else verifying(world.ca_file) | {"password": secret}
    world.create_replication_group(
        group, replicas=0, shards=2, cluster_mode=True, tls=secret is not None, auth=secret
    )
    source, target = (f"{group}-{shard}-001" for shard in ("0002", "0001"))
    node = world.node(target)
    place = f"{node.address if secret is None else node.name}:6379"
    ask(world, source, "SET", "foo", "kept", **options)  # slot 12182

    world.begin_slot_move(group, 12182, "0001")
    with pytest.raises(redis.ResponseError, match=f"12182 {place}"):
        ask(world, source, "GET", "foo", **options)

    world.end_slot_move(group, 12182, "0001")
    assert ask(world, target, "GET", "foo", **options) == "kept"
    with pytest.raises(redis.ResponseError, match=f"12182 {place}"):
        ask(world, source, "GET", "foo", **options)


def test_nodes_reach_each_other_where_no_rule_of_a_group_admits_anybody(world: World) -> None:
    world.groups.enforce()

    world.replace_node("safe-0001-001")

    options = verifying(world.ca_file) | {"password": SECRET}
    assert len(places(world, "safe-0001-002", **options)[0]) == 2
