"""What lines of the log are made of, whichever function writes them. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from cachegate.triggers import Trigger

# Of a line; what is left out is counted. The events and the ledger have all of them, and
# CloudWatch Logs cuts a line that is too long
# (https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/cloudwatch_limits_cwl.html).
MOST = 100


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the log."""

    level: Literal["info", "warning", "error"]
    message: str
    fields: dict[str, Any]


def describe_trigger(trigger: Trigger) -> dict[str, Any]:
    """Return what is known of a trigger: whence, about what, when, and under which id."""
    cause = trigger.cause
    return {
        "correlation_id": trigger.correlation_id,
        "kind": cause.kind.value,
        "name": cause.name,
        "subject": cause.subject,
        "happened_at": trigger.happened_at,
        "receives": trigger.receives,
    }


def distinct(texts: Iterable[str]) -> list[str]:
    """Return each text once, in the order given."""
    return list(dict.fromkeys(texts))


def first(name: str, values: Sequence[Any]) -> dict[str, Any]:
    """Return the first values as a field, and how many were left out where any were."""
    left_out = len(values) - MOST
    return {name: values[:MOST]} | ({f"{name}_left_out": left_out} if left_out > 0 else {})
