"""Each property is seen to fail: the product broken on purpose, and the same sequence unbroken."""

from __future__ import annotations

import pytest

from tests.faults.breaks import BREAKS, Break
from tests.faults.ending import come_right
from tests.faults.sequences import begin
from tests.faults.watch import ViolationError
from tests.faults.world import World, prepare


def play(broken: Break) -> None:
    world = World()
    begin(world, broken.stage)
    for step in broken.steps:
        step.play(world)
    come_right(world)


@pytest.mark.parametrize("broken", BREAKS, ids=lambda each: each.name)
def test_a_broken_product_is_noticed(broken: Break, monkeypatch: pytest.MonkeyPatch) -> None:
    prepare(monkeypatch)
    play(broken)
    broken.apply(monkeypatch)

    with pytest.raises(ViolationError, match=broken.noticed):
        play(broken)
