"""docs/invocation.md names every field of sync's answers, and no other."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from cachegate.actions import Actions
from cachegate.domain.capacity import ALLOWANCES
from tests.unit.passes.fakes import NAT
from tests.unit.passes.nat_side import add_guarded_cluster, hold_address, manage_groups, stop

if TYPE_CHECKING:
    from tests.unit.passes.fakes import FakeWorld

DOCUMENTED = (Path(__file__).parents[3] / "docs/invocation.md").read_text()
KEYED = (".groups.caches",)  # objects whose keys are names


def agree(value: Any, example: Any, place: str) -> None:
    """Fail where an answer has other fields than the example; a list goes by its first entry."""
    if isinstance(example, list) and example and isinstance(example[0], dict):
        assert value, f"{place} has nothing to compare with"
        agree(value[0], example[0], place)
    elif isinstance(example, dict):
        names = example.keys()
        if place.endswith(KEYED):
            return
        assert value.keys() == names, place
        for name in names:
            agree(value[name], example[name], f"{place}.{name}")


@pytest.fixture
def answers(world: FakeWorld) -> dict[str, Any]:
    """Return what each action answers where there is something to tell of everything."""

    def ask(action: str, **fields: Any) -> Any:
        actions = Actions(world.adapters, world.settings, lambda _: None)
        return json.loads(json.dumps(actions.answer({"action": action, **fields})))

    add_guarded_cluster(world, "cart", "10.0.1.5")
    world.add_cluster("far", "10.9.0.1", vpc_id="vpc-9")
    hold_address(world)
    manage_groups(world)
    world.gateways.report = {
        "conntrack": {"used": 1, "limit": 2},
        "allowances": dict.fromkeys(ALLOWANCES, 0),
    }
    ask("sync")
    (first, second, *_) = world.group_rules.held.values()
    world.group_rules.held[first.rule_id] = replace(first, tags={})  # a person took it over
    explained = ask("explain", listen=6379)
    described = ask("describe")
    world.move("cart", "10.0.1.6")
    stop(world, NAT)
    del world.group_rules.held[second.rule_id]
    stale = replace(second, rule_id="sgr-9", opening=replace(second.opening, group_id="sg-nat-9"))
    world.group_rules.held["sgr-9"] = stale
    planned = ask("plan")
    return {"explain": explained, "describe": described, "plan": planned, "sync": ask("sync")}


@pytest.mark.parametrize("action", ["plan", "sync", "describe", "explain"])
def test_each_answer_has_the_documented_fields(answers: dict[str, Any], action: str) -> None:
    section = DOCUMENTED.partition(f"\n## {action}\n")[2]
    example = re.search(r"```json\n(.*?)```", section, re.DOTALL)

    assert example is not None
    agree(answers[action], json.loads(example[1]), action)


def test_a_detachment_has_the_documented_fields(world: FakeWorld) -> None:
    add_guarded_cluster(world, "cart", "10.0.1.5")
    manage_groups(world)
    actions = Actions(world.adapters, world.settings, lambda _: None)
    assert actions.answer({"action": "sync"})["ok"]

    answer = actions.answer({"action": "detach"})

    example = re.search(r"```json\n(.*?)```", DOCUMENTED.partition("\n## detach\n")[2], re.DOTALL)
    assert example is not None
    assert answer.keys() == json.loads(example[1]).keys()
