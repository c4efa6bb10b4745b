"""`plan` and `describe` propose a group of its own for a cache that sits on a shared one."""

from __future__ import annotations

import json
from dataclasses import replace
from ipaddress import IPv4Address
from typing import Any

import pytest

from cachegate.actions import Actions
from cachegate.domain.groups import Interface, SecurityGroup
from cachegate.errors import TransientError
from tests.unit.passes.fakes import NAT, VPC, FakeWorld

ADDRESS = "10.0.1.230"


def ask(world: FakeWorld, action: str) -> dict[str, Any]:
    answer = Actions(world.adapters, world.settings, lambda _: None).answer({"action": action})
    json.dumps(answer)
    return answer


def interface(interface_id: str, group_id: str, **fields: Any) -> Interface:
    return Interface(
        interface_id=interface_id,
        groups=frozenset({group_id}),
        **{"addresses": frozenset({IPv4Address("10.0.9.9")})} | fields,
    )


@pytest.fixture
def world() -> FakeWorld:
    """Groups are managed; a web server has the cache's, and the NAT instance has its own."""
    world = FakeWorld()
    world.settings = replace(world.settings, manage_groups=True)
    world.network.instances[NAT] = replace(world.network.instances[NAT], groups=("sg-nat",))
    world.add_cluster("sessions", ADDRESS)
    on(world, "sg-web")
    for group_id in ("sg-web", "sg-nat"):
        world.group_rules.known[group_id] = SecurityGroup(
            group_id=group_id, name=f"{group_id} name", vpc_id=VPC, owner="123456789012"
        )
    own = frozenset({IPv4Address(ADDRESS)})
    world.group_rules.has = (
        interface("eni-nat", "sg-nat", attached_to=NAT),
        interface("eni-web", "sg-web", attached_to="i-web"),
        interface("eni-cache", "sg-web", addresses=own),
    )
    return world


def on(world: FakeWorld, *groups: str, **fields: Any) -> None:
    cache = world.inventory.caches["sessions"]
    world.inventory.caches["sessions"] = replace(cache, groups=frozenset(groups), **fields)


def admits(answer: dict[str, Any]) -> str:
    (proposal,) = answer["proposals"]
    found = [each["command"] for each in proposal["steps"] if "admit the NAT" in each["what"]]
    return str(found[0])


@pytest.mark.parametrize("action", ["plan", "describe"])
def test_a_cache_on_a_shared_group_is_shown_with_who_shares_it(
    world: FakeWorld, action: str
) -> None:
    (proposal,) = ask(world, action)["proposals"]

    assert (proposal["cache"], proposal["kind"], proposal["vpc"]) == ("sessions", "cluster", VPC)
    assert proposal["groups"] == ["sg-web"]
    assert proposal["shared"] == [
        {"group": "sg-web", "name": "sg-web name", "why": "eni-web (i-web) has it too"}
    ]
    assert proposal["group"] == "cachegate-sessions"
    assert proposal["admitted"] == []
    assert {frozenset(step) for step in proposal["steps"]} == {frozenset({"what", "command"})}
    commands = [step["command"] for step in proposal["steps"] if step["command"]]
    assert all("--region eu-west-1" in command for command in commands)


def test_nothing_is_changed_by_a_proposal(world: FakeWorld) -> None:
    ask(world, "plan")
    ask(world, "describe")

    assert (world.group_rules.held, world.group_rules.touched) == ({}, [])
    assert world.ledgers.writes == 0


def test_a_cache_whose_interface_only_dns_tells_about_shares_with_nobody(world: FakeWorld) -> None:
    world.group_rules.has = tuple(i for i in world.group_rules.has if i.attached_to != "i-web")

    assert ask(world, "plan")["proposals"] == []


def test_the_nat_instances_own_group_is_admitted(world: FakeWorld) -> None:
    assert '"GroupId": "sg-nat"' in admits(ask(world, "plan"))


def test_a_nat_instance_that_shares_its_group_is_admitted_by_its_address(world: FakeWorld) -> None:
    """Its group would admit the others that have it."""
    stranger = interface("eni-other", "sg-nat", attached_to="i-other")
    world.group_rules.has = (*world.group_rules.has, stranger)

    assert '"CidrIp": "10.0.255.10/32"' in admits(ask(world, "plan"))


def test_in_a_peered_vpc_the_nat_instance_is_admitted_by_its_address(world: FakeWorld) -> None:
    world.add_vpc("vpc-peer", "10.1.0.0/16")
    world.settings = replace(world.settings, peered={"vpc-peer": VPC})
    on(world, "sg-web", vpc_id="vpc-peer")

    (proposal,) = ask(world, "plan")["proposals"]

    assert proposal["vpc"] == "vpc-peer"
    assert '"CidrIp": "10.0.255.10/32"' in admits(ask(world, "plan"))


@pytest.mark.parametrize("action", ["plan", "describe"])
def test_a_stack_that_manages_no_groups_does_not_even_ask(world: FakeWorld, action: str) -> None:
    world.settings = replace(world.settings, manage_groups=False)
    world.inventory.missing = TransientError("this must not be asked")

    answer = ask(world, action)

    assert answer["ok"]
    assert answer["proposals"] is None
    problems = answer["problems" if action == "plan" else "not_forwarded"]
    assert "sharing_unknown" not in {problem["code"] for problem in problems}


def test_where_no_cache_shows_its_groups_nothing_is_asked(world: FakeWorld) -> None:
    on(world)
    world.inventory.missing = TransientError("this must not be asked")

    assert ask(world, "plan")["proposals"] == []


@pytest.mark.parametrize(("action", "where"), [("plan", "problems"), ("describe", "not_forwarded")])
def test_where_aws_does_not_answer_nothing_is_proposed_and_the_rest_is_there(
    world: FakeWorld, action: str, where: str
) -> None:
    world.inventory.missing = TransientError("no answer")

    answer = ask(world, action)

    assert answer["ok"]
    assert answer["proposals"] is None
    (unknown,) = (each for each in answer[where] if each["code"] == "sharing_unknown")
    assert unknown["forwarded"]
    assert "no answer" in unknown["message"]
    assert answer["vpcs"][0]["vpc"] == VPC
