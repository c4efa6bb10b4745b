"""Bodies of messages that nobody vouches for: opened without an error, and cut short. Pure."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

LONGEST_WORD = 200  # characters of a body that go into a log
_API_CALL = " API Call via CloudTrail"  # "AWS ..." everywhere, "Amazon ..." in China's manual


@dataclass(frozen=True, slots=True, kw_only=True)
class BusEvent:
    """An event of EventBridge."""

    source: str
    detail_type: str
    detail: Mapping[str, Any]
    event_id: str
    happened_at: float | None  # seconds since the epoch; of a call: when it was made

    @property
    def is_call(self) -> bool:
        """Tell whether CloudTrail recorded a call."""
        return self.detail_type.endswith(_API_CALL)

    @property
    def is_schedule(self) -> bool:
        """Tell whether a rule's schedule made it."""
        return (self.source, self.detail_type) == ("aws.events", "Scheduled Event")


def opened(body: str) -> object:
    """Return what a body of JSON holds; None where it is no JSON."""
    try:
        content: object = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return content


def bus_event(content: Mapping[str, Any]) -> BusEvent | None:
    """Read an event's envelope; None where it is none."""
    source, detail_type = word(content.get("source")), word(content.get("detail-type"))
    if not source or not detail_type:
        return None
    event = BusEvent(
        source=source,
        detail_type=detail_type,
        detail=fields(content.get("detail")),
        event_id=word(content.get("id")),
        happened_at=seconds(content.get("time")),
    )
    called = seconds(event.detail.get("eventTime")) if event.is_call else None
    return event if called is None else replace(event, happened_at=called)


def fields(value: object) -> Mapping[str, Any]:
    """Return an object's fields; anything else has none."""
    return value if isinstance(value, dict) else {}


def word(value: object) -> str:
    """Return a text as a log takes it; JSON can spell half a character, which no encoding can."""
    text = value[:LONGEST_WORD].strip() if isinstance(value, str) else ""
    return text.encode(errors="replace").decode()


def seconds(value: object) -> float | None:
    """Return the time that a text tells; None where it tells none."""
    try:
        moment = datetime.fromisoformat(word(value))
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except ValueError:
        return None
