"""Triggers: every message only means "look again"."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from cachegate.domain.trigger import Cause, CauseKind, read

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

# EventBridge tries for this long to deliver an event
# (https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-retry-policy.html).
LONGEST_WAY = 24 * 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Trigger:
    """One message of the queue. Nothing in it is trusted beyond what may be ignored."""

    message_id: str
    receipt: str
    sent_at: float  # seconds since the epoch, by SQS's own clock
    receives: int = 1  # how often it was received, this time included
    vpc_id: str | None = None  # a re-check of ours: the VPC that is in motion
    token: str = ""
    cause: Cause = field(default_factory=Cause)

    @classmethod
    def from_record(cls, record: Mapping[str, Any], read: Callable[[str], Cause] = read) -> Trigger:
        """Read a record of an SQS event; a body that is none of ours is a plain trigger."""
        cause = read(record.get("body", ""))
        return cls(
            message_id=record["messageId"],
            receipt=record["receiptHandle"],
            sent_at=int(record["attributes"]["SentTimestamp"]) / 1000,
            receives=int(record["attributes"]["ApproximateReceiveCount"]),
            vpc_id=cause.subject if cause.kind is CauseKind.RECHECK else None,
            token=cause.token,
            cause=cause,
        )

    @property
    def correlation_id(self) -> str:
        """Return the sender's own id of what happened, or the message's where there is none."""
        return self.cause.correlation_id or self.message_id

    @property
    def happened_at(self) -> float:
        """Return when that happened by its sender; when it was sent where that cannot be true."""
        happened = self.cause.happened_at
        if happened is None or not self.sent_at - LONGEST_WAY <= happened <= self.sent_at:
            return self.sent_at
        return happened


def announced_at(triggers: Iterable[Trigger]) -> float | None:
    """Return when the first event happened that announced a change; None: none did."""
    return min((t.happened_at for t in triggers if t.cause.announces), default=None)


def fewest(triggers: Sequence[Trigger]) -> list[Trigger]:
    """Return the fewest messages that ask for all that these ask for.

    That is one trigger of the world; without any, each re-check. One that announces a change, for
    re-checks have to follow it. The youngest, for an older one may be taken for needless when it
    comes back.
    """
    of_the_world = (trigger for trigger in triggers if trigger.vpc_id is None)
    chosen = max(of_the_world, key=lambda t: (t.cause.announces, t.sent_at), default=None)
    return list(triggers) if chosen is None else [chosen]
