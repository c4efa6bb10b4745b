"""What the function says it heard: the causes in its log, by the sender's own id of each event."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from local.world import World


@dataclass(frozen=True, slots=True)
class Heard:
    """One trigger that reached the function: what it was taken for, and why it was ignored."""

    kind: str
    name: str
    subject: str
    ignored: str | None = None


def heard(world: World) -> dict[str, Heard]:
    """Return every trigger that has reached the function so far, by its correlation id."""
    found = {}
    for line in _lines(world):
        for cause in line["asking"]:
            found[cause["correlation_id"]] = _heard(cause)
        for cause in line["ignored"]:
            found[cause["correlation_id"]] = _heard(cause, cause["why"])
    return found


def batches(world: World) -> int:
    """Return how many batches of triggers have reached the function so far."""
    return len(_lines(world))


def _heard(cause: dict[str, Any], why: str | None = None) -> Heard:
    return Heard(cause["kind"], cause["name"], cause["subject"], why)


def _lines(world: World) -> list[dict[str, Any]]:
    assert world.stack is not None
    function = world.stack.functions["SyncForwards"].name
    logs = sorted(world.folder.glob(f"{function}-*.log"))
    lines = [line for log in logs for line in log.read_text().splitlines()]
    return [json.loads(line) for line in lines if '"message":"triggers"' in line]
