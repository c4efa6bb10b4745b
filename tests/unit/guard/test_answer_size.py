"""No answer is larger than Lambda gives: what is left out is counted."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from cachegate.guard.actions import CUT, GuardActions
from cachegate.guard.answer_size import LARGEST, fitted
from cachegate.guard.describe import describe_revocation
from cachegate.guard.settings import Mode

if TYPE_CHECKING:
    from tests.unit.guard.fakes import World

LAMBDA = 6 * 1024 * 1024


def ask(world: World, action: str) -> dict[str, Any]:
    actions = GuardActions(world.adapters, world.settings, lambda result: result, lambda _: None)
    answer = actions.answer({"action": action})
    assert len(json.dumps(answer).encode()) < LAMBDA
    return answer


def test_thousands_of_findings_are_answered_as_far_as_there_is_room(world: World) -> None:
    world.set(mode=Mode.OBSERVE)
    for number in range(6_000):
        world.add_rule(f"tcp {number + 1000}", "0.0.0.0/0", description="x" * 250)
    for action in ("plan", "sweep", "findings"):
        answer = ask(world, action)

        assert answer["ok"]
        assert answer["left_out"] > 0
        assert len(answer["findings"]) + answer["left_out"] == 6_000
    worst = ask(world, "plan")["findings"][0]
    assert worst["ports"] == [6379]


def test_years_of_revocations_are_answered_the_youngest_first(world: World) -> None:
    world.add_rule("tcp 6379", "0.0.0.0/0", **{f"tag-{number}": "x" * 250 for number in range(49)})
    ask(world, "sweep")
    (first,) = world.store.revocations.values()
    for day in range(1_000):
        later = replace(first, recorded_at=first.recorded_at + day * 86_400)
        world.store.revocations[f"sgr-{day}"] = later

    answer = ask(world, "findings")

    told = answer["revocations"]
    assert answer["revocations_left_out"] == len(world.store.revocations) - len(told) > 0
    assert told[0]["recorded"] == describe_revocation(later)["recorded"]


def test_what_fits_is_answered_whole() -> None:
    answer = {"ok": True, "findings": [{"rule": 1}], "left_out": 7, "revocations": []}

    assert fitted(answer, CUT) == answer | {"revocations_left_out": 0}
    assert LARGEST < LAMBDA
