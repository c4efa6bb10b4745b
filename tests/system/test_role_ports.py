"""The role ports with real clients: who writes is never left with a replica, and reads spread.

`pytest -s` shows the gaps: from the moment that AWS announces a failover to the next write.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from local.world import World
from tests.system.role_clients import Record, Writers, spread
from tests.system.sending import Deployed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from ipaddress import IPv4Address

    from tests.system.permissions import Permissions

READS = 60
UNSENT_S = 0.1  # what a primary acknowledged last before it died, its replicas may not have


@pytest.fixture(scope="module")
def deployed(permissions: Permissions) -> Iterator[Deployed]:
    """Return a group with two replicas whose notifications come to the stack's topic."""
    with World() as world:
        yield Deployed(world)
        permissions.note(world.aws.gate)
        assert world.aws.gate.denied == []


def writers(deployed: Deployed) -> Writers:
    """Return clients of the primary port, to be entered."""
    world = deployed.world
    return Writers(world.client, world.nat.public_address, deployed.ports["sessions/primary"])


def address(deployed: Deployed, cluster_id: str) -> IPv4Address:
    return deployed.world.node(cluster_id).address


def written_at(deployed: Deployed, cluster_id: str) -> set[str]:
    return set(deployed.world.servers.tell(address(deployed, cluster_id), "KEYS", "*"))


def until_both_write_at(deployed: Deployed, cluster_id: str) -> None:
    """Wait until what a client of each kind writes comes to this node."""
    before = written_at(deployed, cluster_id)

    def both() -> bool:
        new = written_at(deployed, cluster_id) - before
        return {key.split(":")[0] for key in new} == {"redis-py", "socket"}

    deployed.wait(both, f"both clients write at {cluster_id}")


def show(what: str, records: dict[str, Record], since: float) -> None:
    for name, record in records.items():
        print(
            f"\n{what}: {name}: {record.gap_ms(since):.0f} ms to the next write; "
            f"{sum(record.read_only.values())} refused by a replica before the cut"
        )


def test_after_a_planned_failover_the_cut_ends_all_writes_to_the_replica(
    deployed: Deployed,
) -> None:
    with writers(deployed) as clients:
        promoted = deployed.world.fail_over("sessions")
        announced = time.time()
        until_both_write_at(deployed, promoted)
        time.sleep(0.5)

    show("planned failover", clients.records, announced)
    for record in clients.records.values():
        assert set(record.read_only) <= {"1"}  # none that was opened after the cut
        assert set(record.written) <= written_at(deployed, promoted)
        assert record.connections == 2
    assert clients.records["redis-py"].errors == []
    assert clients.records["socket"].errors == ["ConnectionResetError"]


def test_after_the_primary_was_killed_clients_are_cut_loose_and_write_to_the_new_one(
    deployed: Deployed,
) -> None:
    world = deployed.world
    old = world.primary_of("sessions")

    with writers(deployed) as clients:
        killed = time.time()
        world.kill_node(old)
        promoted = world.fail_over("sessions")
        announced = time.time()
        until_both_write_at(deployed, promoted)
        time.sleep(0.5)

    show("killed primary", clients.records, announced)
    for record in clients.records.values():
        lost = set(record.written) - written_at(deployed, promoted)
        assert all(record.written[key] > killed - UNSENT_S for key in lost)
        assert record.read_only == {}
    assert clients.records["redis-py"].errors == []
    deployed.wait_for_answer(f"sessions/{old}/0001", world.replace_node(old))


def test_the_readers_port_spreads_over_the_replicas_and_leaves_a_dead_one_out(
    deployed: Deployed,
) -> None:
    world, port = deployed.world, deployed.ports["sessions/readers"]
    assert world.invoke({"action": "sync"})["ok"]
    primary = world.primary_of("sessions")
    dying, other = (each for each in world.aws.fleet.groups["sessions"].members if each != primary)
    dead = address(deployed, dying)

    before = spread(world.client, world.nat.public_address, port, READS)

    assert before.keys() == {str(dead), str(address(deployed, other))}
    world.kill_node(dying)
    new = world.replace_node(dying)
    synced = world.invoke({"action": "sync"})
    assert synced["ok"], synced
    after = spread(world.client, world.nat.public_address, port, READS)
    assert after.keys() == {str(new), str(address(deployed, other))}
    print(f"\nreaders: {READS} connections spread {before}, then {after}")
