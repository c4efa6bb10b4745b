"""Events of passes about address and group rules: each change once, each trouble when it begins."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cachegate.sync import sync
from tests.unit.passes.fakes import NAT
from tests.unit.passes.nat_side import (
    ADDRESS,
    SECOND,
    add_guarded_cluster,
    fail,
    give,
    hold_address,
    manage_groups,
    stop,
)

if TYPE_CHECKING:
    from cachegate.happenings import Happening
    from tests.unit.passes.fakes import FakeWorld

OURS = {"Address Moved", "Address Stranded", "Group Rule Vanished"}


def told(world: FakeWorld) -> list[Happening]:
    """Run a pass and return its events about address and groups."""
    world.bus.published.clear()
    sync(world.adapters, world.settings)
    world.now += 100
    return [each for each in world.bus.published if each.kind.value in OURS]


def kinds(world: FakeWorld) -> list[str]:
    return [each.kind.value for each in told(world)]


def test_a_fail_over_is_told_once(world: FakeWorld) -> None:
    hold_address(world)
    assert told(world) == []
    stop(world, NAT)

    (moved,) = told(world)

    assert moved.kind.value == "Address Moved"
    assert (moved.detail["from"], moved.detail["to"]) == (NAT, SECOND)
    assert moved.detail["address"] == ADDRESS
    assert told(world) == []


@pytest.mark.parametrize("failing", [True, False])
def test_an_address_that_nobody_can_have_is_told_until_it_is_held_again_once(
    world: FakeWorld,
    failing: bool,  # noqa: FBT001 - of a table
) -> None:
    hold_address(world)
    assert kinds(world) == []
    running = dict(world.network.instances)

    def trouble() -> None:
        if failing:
            fail(world, NAT, SECOND)
        else:
            stop(world, NAT)
            stop(world, SECOND)

    trouble()
    assert kinds(world) == ["Address Stranded"]
    assert kinds(world) == []
    world.gateways.failing.clear()
    world.network.instances |= running
    assert kinds(world) == []
    trouble()
    assert kinds(world) == ["Address Stranded"]


def test_an_address_that_somebody_else_took_is_told(world: FakeWorld) -> None:
    hold_address(world)
    assert told(world) == []
    world.network.runs.add("i-else")
    give(world, "i-else")

    (taken,) = told(world)

    assert (taken.detail["state"], taken.detail["holder"]) == ("elsewhere", "i-else")
    assert told(world) == []


def test_a_rule_that_somebody_removed_is_told_each_time_it_came_back(world: FakeWorld) -> None:
    add_guarded_cluster(world, "cart", "10.0.1.5")
    manage_groups(world)
    assert kinds(world) == []
    for _ in range(2):
        world.group_rules.held.popitem()
        assert kinds(world) == ["Group Rule Vanished"]
        assert kinds(world) == []
