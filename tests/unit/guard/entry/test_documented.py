"""docs/invocation.md and docs/events.md name every field of the guard's answers, and no other."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.function import CONTEXT
from tests.unit.guard.entry.wiring import authorize, batch

if TYPE_CHECKING:
    from tests.unit.guard.fakes import World

DOCS = Path(__file__).parents[4] / "docs"
INVOCATION = (
    (DOCS / "invocation.md").read_text().partition("# Direct invocation of guard_ingress")[2]
)
KEYED = {"groups", "failures", "tags"}  # objects whose keys are ids or a person's own


def shape(value: Any, name: str = "") -> Any:
    """Return the names of the fields, of lists those of their first entry."""
    if isinstance(value, list):
        return [shape(each) for each in value[:1]]
    if not isinstance(value, dict):
        return None
    if name in KEYED:
        return [shape(each) for each in list(value.values())[:1]]
    return {key: shape(each, key) for key, each in value.items()}


def documented(title: str, text: str = INVOCATION) -> Any:
    section = text.partition(f"\n## {title}\n")[2]
    found = re.search(r"```json\n(.*?)```", section, re.DOTALL)
    assert found is not None
    return json.loads(found[1])


@pytest.fixture
def answers(app: Any, world: World) -> dict[str, Any]:
    """Return what each action answers where there is something to tell."""
    excuse = {"owner": "data-team", "expires": "2027-02-28", "reason": "migration"}
    rule = world.add_rule("tcp 6379", "0.0.0.0/0", team="shop")
    web = world.add_rule("tcp 22", "0.0.0.0/0")
    world.wire.lies = {"groups.revoke"}
    app.handler(batch(world, authorize(rule)), CONTEXT)  # so that the rule's author is known
    world.wire.calm()
    restore = {"action": "restore", "rule": rule.rule_id, "exempt": excuse}
    return {
        "plan of the guard": app.handler({"action": "plan"}, CONTEXT),
        "sweep": app.handler({"action": "sweep"}, CONTEXT) | {"findings": []},
        "findings": app.handler({"action": "findings"}, CONTEXT) | {"revocations": []},
        "restore": app.handler(restore, CONTEXT),
        "exempt": app.handler({"action": "exempt", "rule": web.rule_id, **excuse}, CONTEXT),
    }


@pytest.mark.parametrize("action", ["plan of the guard", "sweep", "findings", "restore", "exempt"])
def test_each_answer_has_the_documented_fields(answers: dict[str, Any], action: str) -> None:
    assert answers[action]["ok"]
    assert shape(answers[action]) == shape(documented(action))


def test_an_event_has_the_documented_fields(answers: dict[str, Any], world: World) -> None:
    event = documented("Events of the guard", (DOCS / "events.md").read_text())

    sent = [each for each in world.rest.events if each.kind.value == event["detail-type"]]

    assert [shape(each.detail) for each in sent] == [shape(event["detail"])]
