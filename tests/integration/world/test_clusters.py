"""Clusters of Redis in the world are real: asked as a client inside the VPC would ask."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import redis

if TYPE_CHECKING:
    from pathlib import Path

    from local.world import World

SECRET = "a token of sixteen characters or more"  # noqa: S105 - of this test's own cache
HASH = "v8rkgb.use1.cache.amazonaws.com"


@pytest.fixture(scope="module", autouse=True)
def _caches(world: World) -> None:
    world.create_replication_group("wide", replicas=1, shards=3, cluster_mode=True)
    world.create_replication_group(
        "safe", replicas=1, shards=1, cluster_mode=True, tls=True, auth=SECRET
    )


def ask(world: World, cluster_id: str, *command: str, **options: Any) -> Any:
    """Ask a node as a program in the VPC does."""
    node = world.node(cluster_id)
    with redis.Redis(str(node.address), node.port, decode_responses=True, **options) as connection:
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
