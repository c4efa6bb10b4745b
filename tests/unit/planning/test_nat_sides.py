"""Which group of a NAT instance is opened, and for how long one that is gone is remembered."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address
from typing import TYPE_CHECKING

import pytest

from cachegate.domain.ledger import NatSide
from cachegate.planning.nat_sides import Sight, choose_sides, nat_groups
from tests.unit.planning.rules import OURS, STACK, group, interface, ledger, nat

if TYPE_CHECKING:
    from cachegate.domain.cache import NatInstance
    from cachegate.domain.groups import Interface, SecurityGroup
    from cachegate.domain.ledger import Ledger
    from cachegate.planning.nat_sides import SideChoice

AGREEMENT = 60.0
GROUPS = (group("sg-nat"), group("sg-own"), group("sg-d", "default"), group("sg-x", owner="9"))


def choose(
    *instances: NatInstance,
    before: Ledger | None = None,
    interfaces: tuple[Interface, ...] = (),
    groups: tuple[SecurityGroup, ...] = GROUPS,
    at: float = 1000.0,
) -> SideChoice:
    sight = Sight(
        at=at,
        account=OURS,
        instances=instances,
        groups={each.group_id: each for each in groups},
        interfaces=interfaces,
    )
    return choose_sides(before or ledger(), sight, stack=STACK, agreement=AGREEMENT)


def after(choice: SideChoice) -> Ledger:
    return replace(ledger(), nat_sides=choice.sides)


def groups_of(choice: SideChoice) -> dict[str, str | None]:
    return {name: side.group for name, side in choice.sides.items()}


def codes(choice: SideChoice) -> list[str]:
    return [each.code for each in choice.problems]


WEB = interface("i-web", "sg-nat")
CASES = [
    ("its only group", "sg-nat", (), "sg-nat", []),
    ("the first of its own", "sg-nat sg-own", (), "sg-nat", []),
    ("not one that others have", "sg-nat sg-own", (WEB,), "sg-own", []),
    (
        "nor where nothing is attached yet",
        "sg-nat",
        (interface("", "sg-nat"),),
        None,
        ["no_own_group"],
    ),
    ("not the default group", "sg-d", (), None, ["no_own_group"]),
    ("not another account's", "sg-x", (), None, ["no_own_group"]),
    ("not one that is not shown", "sg-unseen", (), None, ["no_own_group"]),
    ("none at all", "", (), None, ["no_own_group"]),
    ("only a shared one", "sg-nat", (WEB,), None, ["no_own_group"]),
    ("the instance's own interface", "sg-nat", (interface("i-1", "sg-nat"),), "sg-nat", []),
]


@pytest.mark.parametrize(
    ("groups", "interfaces", "chosen", "problems"),
    [case[1:] for case in CASES],
    ids=[case[0] for case in CASES],
)
def test_the_group_that_is_opened_is_one_that_nothing_else_has(
    groups: str, interfaces: tuple[Interface, ...], chosen: str | None, problems: list[str]
) -> None:
    choice = choose(nat("i-1", groups), interfaces=interfaces)

    assert groups_of(choice) == {"i-1": chosen}
    assert codes(choice) == problems


def test_a_group_that_was_chosen_stays_when_something_else_gets_it_and_that_is_told() -> None:
    before = after(choose(nat("i-1", "sg-nat")))

    choice = choose(nat("i-1", "sg-nat"), before=before, interfaces=(WEB,))

    assert groups_of(choice) == {"i-1": "sg-nat"}
    assert codes(choice) == ["shared_nat_group"]
    assert "eni-of-i-web has it too" in choice.problems[0].message


def test_a_group_that_was_chosen_stays_when_another_is_added_to_the_instance() -> None:
    before = after(choose(nat("i-1", "sg-own")))

    assert groups_of(choose(nat("i-1", "sg-nat sg-own"), before=before)) == {"i-1": "sg-own"}


def test_a_group_that_came_to_be_shared_gives_way_to_one_of_its_own() -> None:
    before = after(choose(nat("i-1", "sg-nat")))
    both = nat("i-1", "sg-nat sg-own")

    assert groups_of(choose(both, before=before, interfaces=(WEB,))) == {"i-1": "sg-own"}


def test_an_instance_that_is_being_replaced_does_not_make_the_group_a_shared_one() -> None:
    before = after(choose(nat("i-1", "sg-nat"), nat("i-2", "sg-nat")))
    going = interface("i-1", "sg-nat")  # while it shuts down it is no instance of ours any more

    choice = choose(nat("i-2", "sg-nat"), before=before, interfaces=(going,))

    assert groups_of(choice)["i-2"] == "sg-nat"
    assert codes(choice) == []


def test_its_successor_has_the_same_group_however_long_the_old_one_takes_to_go() -> None:
    before = after(choose(nat("i-1", "sg-nat")))
    going = interface("i-1", "sg-nat")
    for at in (1000.0, 1060.0, 2000.0):
        before = after(choose(nat("i-2", "sg-nat"), before=before, interfaces=(going,), at=at))

    assert {name: side.group for name, side in before.nat_sides.items()} == {"i-2": "sg-nat"}


def test_an_instance_that_is_gone_is_remembered_until_a_second_pass_agrees() -> None:
    first = choose(nat("i-1", "sg-nat", "10.0.0.1"), nat("i-2", "sg-nat", "10.0.0.2"))

    second = choose(nat("i-2", "sg-nat", "10.0.0.2"), before=after(first), at=2000.0)
    soon = choose(nat("i-2", "sg-nat", "10.0.0.2"), before=after(second), at=2059.0)
    late = choose(nat("i-2", "sg-nat", "10.0.0.2"), before=after(soon), at=2060.0)

    assert second.sides["i-1"] == NatSide(
        address=IPv4Address("10.0.0.1"), group="sg-nat", gone_since=2000.0
    )
    assert soon.sides == second.sides
    assert set(late.sides) == {"i-2"}


def test_one_that_is_back_is_not_on_its_way_out() -> None:
    gone = choose(nat("i-2", "sg-nat"), before=after(choose(nat("i-1", "sg-nat"))))

    back = choose(nat("i-1", "sg-nat"), nat("i-2", "sg-nat"), before=after(gone), at=5000.0)

    assert back.sides["i-1"].gone_since is None


def test_where_no_instance_is_left_the_last_one_is_remembered_however_long_it_takes() -> None:
    before = after(choose(nat("i-1", "sg-nat")))
    for at in (1000.0, 1060.0, 1e6):
        before = after(choose(before=before, at=at))

    assert groups_of(choose(before=before)) == {"i-1": "sg-nat"}


def test_the_groups_to_be_asked_for_are_those_of_instances_that_are_there_or_were() -> None:
    before = after(choose(nat("i-1", "sg-nat"), nat("i-3", "")))

    assert nat_groups(before, [nat("i-2", "sg-own sg-d")]) == {"sg-nat", "sg-own", "sg-d"}
