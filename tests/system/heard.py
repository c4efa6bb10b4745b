"""What the function says it heard: the causes in its log, by the sender's own id of each event."""

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


def heard(world: World) -> dict[str, Heard]:
    """Return every trigger that has reached the function so far, by its correlation id."""
    found = {}
    for line in world.logged("triggers"):
        for cause in line["asking"]:
            found[cause["correlation_id"]] = _heard(cause)
        for cause in line["ignored"]:
            found[cause["correlation_id"]] = _heard(cause, cause["why"])
    return found


def batches(world: World) -> int:
    """Return how many batches of triggers have reached the function so far."""
    return len(world.logged("triggers"))


def _heard(cause: dict[str, Any], why: str | None = None) -> Heard:
    return Heard(cause["kind"], cause["name"], cause["subject"], why)
