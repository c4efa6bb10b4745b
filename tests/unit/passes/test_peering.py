"""Who learns what is missing on the way to a peered VPC, and what that costs."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Network
from typing import TYPE_CHECKING, Any

import pytest

from cachegate.actions import Actions
from cachegate.domain.routes import Peering, Route, RouteTable, Subnet
from cachegate.errors import NotShownError
from cachegate.sync import sync
from tests.unit.passes.fakes import NAT, VPC, FakeWorld

if TYPE_CHECKING:
    from cachegate.results import SyncResult

PEER, PEER_TABLE = "vpc-peer", "rtb-peer"
LOOK = 3  # questions to the adapter, of which one is two calls


@pytest.fixture
def world() -> FakeWorld:
    """Return a world in which a peered VPC has a cache, and all that it takes is there."""
    world = FakeWorld()
    world.settings = replace(world.settings, peered={PEER: VPC})
    world.add_vpc(PEER, "10.7.0.0/16")
    world.add_cluster("far", "10.7.1.5", PEER)
    world.add_cluster("near", "10.0.1.5")
    pair = frozenset({VPC, PEER})
    world.subnets.connections["pcx-1"] = Peering(
        connection_id="pcx-1", vpc_ids=pair, status="active"
    )
    for vpc_id, network, to in (
        (VPC, "10.0.0.0/16", "10.7.0.0/16"),
        (PEER, "10.7.0.0/16", "10.0.0.0/16"),
    ):
        world.subnets.known[f"s-{vpc_id}"] = Subnet(
            subnet_id=f"s-{vpc_id}", vpc_id=vpc_id, zone="a", network=IPv4Network(network)
        )
        route = Route(destination=IPv4Network(to), target="pcx-1")
        table_id = f"rtb-{vpc_id.removeprefix('vpc-')}"
        world.subnets.route_tables[table_id] = RouteTable(
            table_id=table_id, vpc_id=vpc_id, main=True, subnet_ids=frozenset(), routes=(route,)
        )
    return world


def lose_the_way_back(world: FakeWorld) -> None:
    table = world.subnets.route_tables[PEER_TABLE]
    world.subnets.route_tables[PEER_TABLE] = replace(table, routes=())


def listen(world: FakeWorld, name: str) -> int:
    return world.ledgers.records[VPC].ledger.leases[f"{name}/{name}/0001"].listen


def run(world: FakeWorld) -> SyncResult:
    return sync(world.adapters, world.settings)


def told(world: FakeWorld, action: str, field: str) -> list[tuple[str, str, bool]]:
    answer: dict[str, Any] = Actions(world.adapters, world.settings, lambda _result: None).answer(
        {"action": action}
    )
    assert answer["ok"], answer
    return [(each["cache"], each["code"], each["forwarded"]) for each in answer[field]]


ASKED = pytest.mark.parametrize(
    ("action", "field"), [("plan", "problems"), ("describe", "not_forwarded")]
)


@ASKED
def test_a_person_learns_what_is_missing_whether_anything_answers_or_not(
    world: FakeWorld, action: str, field: str
) -> None:
    assert told(world, action, field) == []
    lose_the_way_back(world)

    assert told(world, action, field) == [("far", "no_route", True)]
    assert world.subnets.asked == 2 * LOOK


@ASKED
def test_without_a_cache_in_a_peered_vpc_nothing_is_asked(
    world: FakeWorld, action: str, field: str
) -> None:
    del world.inventory.caches["far"]

    assert told(world, action, field) == []
    assert world.subnets.asked == 0


def test_a_pass_asks_only_where_a_target_in_a_peered_vpc_does_not_answer(
    world: FakeWorld,
) -> None:
    lose_the_way_back(world)

    assert run(world).all_problems == ()
    world.gateways.report = {"unreachable": [listen(world, "near")]}
    world.move("near", "10.0.1.6")
    assert run(world).all_problems == ()
    assert world.subnets.asked == 0
    world.gateways.report = {"unreachable": [listen(world, "far")]}
    world.move("near", "10.0.1.7")
    (problem,) = run(world).all_problems

    assert (problem.cache, problem.code, problem.forwarded) == ("far", "no_route", True)
    assert world.subnets.asked == LOOK


def test_what_is_missing_fails_no_pass_and_takes_no_forward_away(world: FakeWorld) -> None:
    world.subnets.connections.clear()
    world.subnets.route_tables.clear()
    world.gateways.report = {"unreachable": [6379, 6380]}

    result = run(world)

    (vpc,) = result.vpcs
    assert ([p.code for p in vpc.problems], vpc.failure) == (["no_peering"], None)
    assert len(world.gateways.held[NAT]["forwards"]) == 2


@ASKED
def test_where_ec2_does_not_show_it_that_is_said_and_nothing_else_is_lost(
    world: FakeWorld, action: str, field: str
) -> None:
    world.subnets.refusal = NotShownError("route tables are not known: denied")
    world.gateways.report = {"unreachable": [6379, 6380]}

    assert told(world, action, field) == [("far", "peering_unknown", True)]
    result = run(world)
    assert [(p.code, p.forwarded) for p in result.all_problems] == [("peering_unknown", True)]
    assert result.failures == ()


def test_networks_that_overlap_are_told_by_every_pass_without_a_question(world: FakeWorld) -> None:
    world.add_vpc(PEER, "10.0.128.0/17")
    world.subnets.refusal = NotShownError("nothing is shown")

    result = run(world)

    assert [(p.cache, p.code) for p in result.all_problems] == [("far", "overlapping_vpcs")]
    assert world.subnets.asked == 0


@ASKED
def test_without_a_nat_instance_nothing_can_be_missing_on_its_way(
    world: FakeWorld, action: str, field: str
) -> None:
    run(world)
    del world.network.instances[NAT]
    lose_the_way_back(world)

    assert ("far", "no_nat_instance", False) in told(world, action, field)
    assert world.subnets.asked == 0
