"""Every kind of cache at its ports, from outside: one world for what does not disturb the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from local.world import SHORT_WINDOWS, World
from tests.system.test_story import ASK_REDIS, ask, listens, three_caches
from tests.system.traffic import Traffic

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.system.permissions import Permissions

ASK_MEMCACHED = """
import socket, sys
s = socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=2)
s.sendall(b"version\\r\\n")
print(s.recv(200).decode().split()[0])
"""


@pytest.fixture(scope="module")
def world(permissions: Permissions) -> Iterator[World]:
    """Return one world for all tests here."""
    with World(windows=SHORT_WINDOWS) as made:
        yield made
        permissions.note(made.aws.gate)
        assert made.aws.gate.denied == []


@pytest.fixture(scope="module")
def ports(world: World) -> dict[str, int]:
    """Return the listen ports of three caches that a deployed stack exposes, by key."""
    return three_caches(world)


def test_every_node_is_reached_at_its_own_port_and_a_replaced_one_at_its_old_port(
    world: World, ports: dict[str, int]
) -> None:
    assert len(set(ports.values())) == len(ports) == 3 + 2 + 1 + 2
    for member in ("sessions-001", "sessions-002", "sessions-003"):
        port = ports[f"sessions/{member}/0001"]
        assert ask(world, ASK_REDIS, port) == str(world.node(member).address)
    assert ask(world, ASK_REDIS, ports["cart/cart/0001"]) == str(world.node("cart").address)
    for node_id in ("0001", "0002"):
        assert ask(world, ASK_MEMCACHED, ports[f"pages/pages/{node_id}"]) == "VERSION"

    replaced = ports["sessions/sessions-002/0001"]
    others = [ports["sessions/sessions-001/0001"], ports["sessions/sessions-003/0001"],
              ports["cart/cart/0001"]]  # fmt: skip
    with Traffic(world.client, world.nat.public_address, others) as traffic:
        before = world.node("sessions-002").address
        after = world.replace_node("sessions-002")
        world.trigger()
        world.wait_until(
            lambda: ask(world, ASK_REDIS, replaced) == str(after), what="the new node answers"
        )

    assert after != before
    assert listens(world) == ports
    for port in others:
        assert traffic.report[port]["errors"] == []
        assert traffic.report[port]["answered"] > 20


def test_the_role_ports_follow_a_failover(world: World, ports: dict[str, int]) -> None:
    old = world.node("sessions-001").address
    assert ask(world, ASK_REDIS, ports["sessions/primary"]) == str(old)

    new = world.fail_over("sessions")
    assert world.invoke({"action": "sync"})["ok"]

    assert ask(world, ASK_REDIS, ports["sessions/primary"]) == str(world.node(new).address)
    replicas = {str(world.node(m).address) for m in ("sessions-001", "sessions-003")}
    answers = {ask(world, ASK_REDIS, ports["sessions/readers"]) for _ in range(12)}
    assert answers == replicas


def test_a_stranger_is_not_admitted(world: World, ports: dict[str, int]) -> None:
    answer = ask(world, ASK_REDIS, ports["cart/cart/0001"], world.vpc.stranger)

    assert "refused" in answer or "timed out" in answer


def test_a_serverless_cache_is_reached_at_a_port_of_its_own(
    world: World, ports: dict[str, int]
) -> None:
    world.create_serverless("quick")

    assert world.invoke({"action": "sync"})["ok"]

    port = listens(world)["quick/endpoint"]
    assert port not in ports.values()
    (address,) = world.aws.fleet.serverless["quick"].addresses
    assert ask(world, ASK_REDIS, port) == str(address)
