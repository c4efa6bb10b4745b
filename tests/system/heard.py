"""What a function says it heard: the causes in its log, by the sender's own id of each event."""

from __future__ import annotations

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


def heard(world: World, function: str = "SyncForwards") -> dict[str, Heard]:
    """Return every trigger that has reached a function so far, by its correlation id."""
    found = {}
    for line in _lines(world, function):
        for cause in line["asking"]:
            found[cause["correlation_id"]] = _heard(cause)
        for cause in line["ignored"]:
            found[cause["correlation_id"]] = _heard(cause, cause["why"])
    return found


def batches(world: World) -> int:
    """Return how many batches of triggers have reached sync_forwards so far."""
    return len(_lines(world, "SyncForwards"))


def _lines(world: World, function: str) -> list[dict[str, Any]]:
    lines = world.logged("triggers")
    return [line for line in lines if f"-{function}-" in line["function_name"]]


def _heard(cause: dict[str, Any], why: str | None = None) -> Heard:
    return Heard(cause["kind"], cause["name"], cause["subject"], why)
