"""The guard and sync_forwards work on the same groups, and never against each other."""

from __future__ import annotations

import pytest

from cachegate.domain.group_rules import MANAGED_TAG
from cachegate.guard.look import look
from cachegate.planning.findings import find
from cachegate.planning.own_path import ways
from tests.unit.guard.fakes import STACK, key
from tests.unit.guard.turns import OURS, Turns, anything

WIDE = "12.0.0.0/8"  # too wide by itself, and trusted


def steps(turns: Turns) -> dict[str, str]:
    found = find(look(turns.guard.adapters).view, turns.guard.settings.policy)
    return {f"{each.rule.traffic} {each.rule.source}": each.step.value for each in found}


@pytest.mark.parametrize("seed", range(200))
def test_by_turns_they_come_to_rest_and_neither_takes_what_the_other_needs(seed: int) -> None:
    turns = anything(seed, Turns)
    people = {i: each for i, each in turns.guard.ec2.held.items() if MANAGED_TAG not in each.tags}

    turns.settle("guard" if seed % 2 else "sync")

    guard, seen = turns.guard.ec2, look(turns.guard.adapters).view
    assert set(turns.rules.opened).isdisjoint(rule.rule_id for rule in guard.removed)
    assert people.keys().isdisjoint(rule.rule_id for rule in turns.rules.removed)
    policy = turns.guard.settings.policy
    every = ways(seen.caches, seen.instances, stack=STACK, peered={})
    if guard.quota == 60:  # in a full group what has to stay open finds no room, and nothing goes
        assert all(way.open_by(seen.rules) for way in every)
        assert not any(each.step.acts for each in find(seen, policy))
    assert len({key(rule) for rule in guard.held.values()}) == len(guard.held)


def shared() -> Turns:
    """A cache and a NAT instance on one group, and nothing else there."""
    turns = Turns([WIDE])
    turns.add_group("sg-both")
    turns.add_nat("i-nat", "sg-both")
    turns.add_cache("cart", "sg-both")
    return turns


def apart() -> Turns:
    """A cache and a NAT instance on a group each, with what they need in it."""
    turns = Turns([WIDE])
    turns.add_group("sg-both")
    turns.add_nat("i-nat", "sg-both")
    turns.add_group("sg-cache")
    turns.add_cache("cart", "sg-cache")
    turns.settle()
    return turns


def test_a_cache_that_comes_into_the_nat_instances_group_starts_no_fight() -> None:
    turns = apart()
    (clients,) = turns.admitted("sg-both")
    assert clients == f"tcp 6379 {WIDE}"
    turns.add_cache("users", "sg-both")

    turns.pass_of("guard")
    reported = steps(turns)

    assert reported == {f"tcp 6379 {WIDE}": "report"}
    assert turns.guard.ec2.removed == []
    turns.settle("guard")
    # Clients are not cut off because somebody gives the group to a cache: that is reported.
    assert turns.admitted("sg-both") == {f"tcp 6379-6380 {WIDE}", "tcp 6379 sg-both"}
    assert turns.guard.ec2.removed == []


def test_a_group_that_waits_for_the_successor_of_its_nat_instance_starts_no_fight() -> None:
    turns = apart()
    turns.add_cache("users", "sg-both")
    turns.settle()
    before = turns.admitted("sg-both")
    turns.lose_nat("i-nat")

    turns.settle("guard")

    assert turns.admitted("sg-both") == before
    assert turns.guard.ec2.removed == []


def test_a_forged_tag_on_a_rule_that_is_open_to_the_world_goes() -> None:
    turns = shared()
    turns.pass_of("sync")
    forged = turns.guard.add_rule("tcp 6379", "0.0.0.0/0", "sg-both", "", **OURS)

    turns.pass_of("guard")

    assert turns.guard.ec2.removed == [forged]


def test_a_persons_rule_that_goes_is_replaced_by_the_narrow_one_and_stays_away() -> None:
    turns = shared()
    wide = turns.guard.add_rule("tcp 6379", "0.0.0.0/0", "sg-both")

    turns.settle("guard")

    assert turns.guard.ec2.removed == [wide]
    assert turns.admitted("sg-both") == {"tcp 6379 10.0.255.10/32"}


@pytest.mark.parametrize("first", ["sync", "guard"])
def test_the_way_that_the_guard_opens_is_the_one_that_sync_forwards_keeps(first: str) -> None:
    """Each finds the other's rule in place: none doubles it, and none takes it away."""
    turns = Turns([WIDE], add_own_path=True)
    for group_id in ("sg-nat", "sg-cache"):
        turns.add_group(group_id)
    turns.add_nat("i-nat", "sg-nat")
    turns.add_cache("cart", "sg-cache")
    turns.add_server("sg-cache")
    turns.guard.add_rule("tcp 6379", "0.0.0.0/0", "sg-cache")

    turns.pass_of(first)
    (way,) = [each for each in turns.guard.ec2.held.values() if str(each.source) == "sg-nat"]
    turns.settle(first)

    assert turns.guard.ec2.held[way.rule_id].tags == OURS
    assert turns.admitted("sg-cache") == {"tcp 6379 sg-nat"}
    assert turns.rules.removed == []


def test_the_way_that_the_guard_opened_goes_with_the_cache_that_needed_it() -> None:
    turns = Turns([WIDE], add_own_path=True)
    for group_id in ("sg-nat", "sg-cache"):
        turns.add_group(group_id)
    turns.add_nat("i-nat", "sg-nat")
    turns.add_cache("cart", "sg-cache")
    turns.add_server("sg-cache")
    turns.guard.add_rule("tcp 6379", "0.0.0.0/0", "sg-cache")
    turns.settle("guard")
    turns.unexpose("cart")

    turns.settle()

    assert turns.admitted("sg-cache") == set()
