"""The cluster clients of redis-py and valkey-py behind a natmap, when slots and roles move."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import threading
from typing import TYPE_CHECKING, Any

import glide
import pytest
import redis.asyncio
import redis.asyncio.cluster
import redis.cluster
import valkey.asyncio
import valkey.asyncio.cluster
import valkey.cluster

from cachegate.client import LiveNatmap, Natmap, mended
from tests.unit.client.described import description, forward

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.integration.client.cluster import Cluster, Node

CLASSES: dict[str, Any] = {
    "redis-py": redis.RedisCluster,
    "redis-py asyncio": redis.asyncio.RedisCluster,
    "valkey-py": valkey.ValkeyCluster,
    "valkey-py asyncio": valkey.asyncio.ValkeyCluster,
}
MENDED_UPSTREAM = (
    "{} {} maps this by itself now: cachegate.client's mended may go for it, where no older "
    "version is to be supported (docs/client-helper.md)"
)


class Driver:
    """Any of the clients, sync or asyncio, behind the same calls."""

    def __init__(self, cluster_class: Any, cluster: Cluster, **options: Any) -> None:
        natmap = Natmap(cluster.natmap)
        self._runner = asyncio.Runner()
        host, port = natmap.seeds[0]
        self.client = cluster_class(host=host, port=port, **{"address_remap": natmap, **options})

    def run(self, *command: str, **options: Any) -> Any:
        return self._done(self.client.execute_command(*command, **options))

    def pipeline(self, *commands: tuple[str, ...], transaction: bool = False) -> list[Any]:
        """Run commands in one pipeline."""
        pipe = self.client.pipeline(transaction=transaction or None)
        for command in commands:
            pipe.execute_command(*command)
        return list(self._done(pipe.execute()))

    def close(self) -> None:
        self._done(getattr(self.client, "aclose", self.client.close)())
        self._runner.close()

    def _done(self, found: Any) -> Any:
        return self._runner.run(_awaited(found)) if inspect.isawaitable(found) else found


async def _awaited(something: Any) -> Any:
    return await something


@pytest.fixture(params=CLASSES)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def opened(cluster: Cluster, dialled: list[str]) -> Iterator[Callable[..., Driver]]:
    """Give clients that have read the slots, and close them."""
    with contextlib.ExitStack() as closing:

        def opened(cluster_class: Any, **options: Any) -> Driver:
            driver = Driver(cluster_class, cluster, **options)
            closing.callback(driver.close)
            driver.run("PING", target_nodes="all")  # now it has read the slots
            assert not dialled
            return driver

        yield opened


def test_a_command_that_is_answered_ask_goes_where_the_slot_is_going(
    kind: str, cluster: Cluster, dialled: list[str], opened: Callable[..., Driver]
) -> None:
    key = f"ask {kind}"
    client = opened(mended(CLASSES[kind]))
    target = cluster.other(key)

    cluster.begin_move(key, target)
    client.run("SET", key, "moved")

    cluster.end_move(key, target)
    assert target.client.get(key) == "moved"
    assert client.run("GET", key) == b"moved"  # answered MOVED by now
    assert dialled == []


def test_an_ask_may_name_a_node_that_no_slot_has_shown_yet(
    kind: str, cluster: Cluster, dialled: list[str], opened: Callable[..., Driver]
) -> None:
    key = f"first slot of a new shard {kind}"
    client = opened(mended(CLASSES[kind]))

    cluster.begin_move(key, cluster.spare)
    client.run("SET", key, "moved")
    cluster.end_move(key, cluster.spare)

    assert cluster.spare.client.get(key) == "moved"
    assert client.run("GET", key) == b"moved"
    assert dialled == []


def test_a_moved_that_makes_it_read_the_slots_again_dials_outer_places_alone(
    kind: str, cluster: Cluster, dialled: list[str], opened: Callable[..., Driver]
) -> None:
    client = opened(mended(CLASSES[kind]), reinitialize_steps=2)
    keys = [f"reread {kind} {number}" for number in range(4)]

    for key in keys:
        cluster.begin_move(key, cluster.other(key))
        cluster.end_move(key, cluster.other(key))
    for key in keys:
        client.run("SET", key, "moved")

    assert [cluster.other(key).client.get(key) for key in keys] == ["moved"] * len(keys)
    assert dialled == []


def test_a_moved_may_name_the_only_place_that_is_left_to_read_the_slots_from(
    cluster: Cluster, dialled: list[str], opened: Callable[..., Driver]
) -> None:
    driver = opened(mended(redis.RedisCluster), reinitialize_steps=1)
    driver.client.nodes_manager.startup_nodes.clear()  # as if none of them answered any more
    key = "reread from the new owner"

    cluster.begin_move(key, cluster.other(key))
    cluster.end_move(key, cluster.other(key))
    driver.run("SET", key, "moved")

    assert cluster.other(key).client.get(key) == "moved"
    assert dialled == []


def test_after_a_failover_no_inner_place_is_dialled(
    kind: str, cluster: Cluster, dialled: list[str], opened: Callable[..., Driver]
) -> None:
    client = opened(mended(CLASSES[kind]))
    keys = [f"{kind} {number}" for number in range(30)]

    cluster.fail_over()
    for key in keys:
        client.run("SET", key, "after")

    assert [client.run("GET", key) for key in keys] == [b"after"] * len(keys)
    assert dialled == []


def test_a_pipeline_follows_a_moved_slot(
    kind: str, cluster: Cluster, dialled: list[str], opened: Callable[..., Driver]
) -> None:
    client = opened(mended(CLASSES[kind]))
    key = f"pipeline {kind}"

    cluster.begin_move(key, cluster.spare)
    cluster.end_move(key, cluster.spare)
    client.pipeline(("SET", key, "moved"), ("GET", key))

    assert cluster.spare.client.get(key) == "moved"
    assert dialled == []


def test_a_client_that_could_not_wait_for_its_natmap_finds_a_new_node_at_its_next_try(
    kind: str, cluster: Cluster, dialled: list[str]
) -> None:
    known = [node for node in cluster.nodes if node is not cluster.spare]
    described = [_described(cluster.nodes), _described(known)]
    tried = threading.Event()
    tried.set()

    def describe() -> dict[str, Any]:
        assert tried.wait(30)
        return described.pop()

    natmap = LiveNatmap("sessions", describe, wait_s=0)
    natmap._not_before = 0.0  # the first look was less than five seconds ago
    tried.clear()
    key = f"new node {kind}"
    cluster.begin_move(key, cluster.spare)
    cluster.end_move(key, cluster.spare)

    client = Driver(mended(CLASSES[kind]), cluster, address_remap=natmap)
    with contextlib.suppress(redis.RedisError, valkey.ValkeyError):
        client.run("SET", key, "first")
    assert cluster.spare.inner in dialled
    tried.set()
    assert natmap._asking is not None
    natmap._asking.join(30)
    client.run("SET", key, "second")
    client.close()

    assert cluster.spare.client.get(key) == "second"


def _described(nodes: list[Node]) -> dict[str, Any]:
    forwards = [
        forward(each.port, endpoint=f"{each.inner}:{each.port}", public_addresses=["127.0.0.1"])
        for each in nodes
    ]
    return description(*forwards, endpoint=None)


def test_the_library_asks_the_map_about_announced_places_and_never_about_where_it_starts(
    kind: str, cluster: Cluster, opened: Callable[..., Driver]
) -> None:
    asked: list[tuple[str, int]] = []
    natmap = Natmap(cluster.natmap)

    def asking(place: tuple[str, int]) -> tuple[str, int]:
        asked.append(place)
        return natmap(place)

    opened(CLASSES[kind], address_remap=asking)

    assert {host for host, _ in asked} <= {node.inner for node in cluster.nodes}
    assert {cluster.replica.inner, cluster.shards[0].inner} <= {host for host, _ in asked}


def test_valkey_glide_needs_no_mending(cluster: Cluster, dialled: list[str]) -> None:
    natmap = Natmap(cluster.natmap)
    asked: list[tuple[str, int]] = []

    def resolve(host: str, port: int) -> tuple[str, int]:
        asked.append((host, port))
        return natmap.resolve(host, port)

    async def use() -> bytes | None:
        client = await glide.GlideClusterClient.create(
            glide.GlideClusterClientConfiguration(
                [glide.NodeAddress(*natmap.seeds[0])], address_resolver=resolve
            )
        )
        cluster.begin_move("glide", cluster.spare)
        await client.set("glide", "moved")  # answered ASK
        cluster.end_move("glide", cluster.spare)
        found = await client.get("glide")  # answered MOVED
        await client.close()
        return found

    assert asyncio.run(use()) == b"moved"
    assert natmap.seeds[0] in asked  # unlike the others, it asks about where it starts too
    assert (cluster.spare.inner, cluster.spare.port) in asked


def test_without_mended_the_library_still_fails_on_ask(
    kind: str, cluster: Cluster, dialled: list[str], opened: Callable[..., Driver]
) -> None:
    key = f"unmended ask {kind}"
    client = opened(CLASSES[kind])
    target = cluster.other(key)
    cluster.begin_move(key, target)

    try:
        client.run("SET", key, "moved")
    except AttributeError:  # it found no node under the inner name, and went on with None
        pass
    else:
        pytest.fail(MENDED_UPSTREAM.format(kind, _version(kind)))
    finally:
        cluster.end_move(key, target)


def test_without_mended_the_library_still_dials_the_inner_place_of_a_moved(
    kind: str, cluster: Cluster, dialled: list[str], opened: Callable[..., Driver]
) -> None:
    key = f"unmended moved {kind}"
    client = opened(CLASSES[kind], reinitialize_steps=0)
    target = cluster.other(key)
    cluster.begin_move(key, target)
    cluster.end_move(key, target)

    with contextlib.suppress(redis.RedisError, valkey.ValkeyError):
        client.run("SET", key, "moved")

    assert target.inner in dialled, MENDED_UPSTREAM.format(kind, _version(kind))


def _version(kind: str) -> str:
    return str((redis if kind.startswith("redis") else valkey).__version__)
