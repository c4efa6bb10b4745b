"""EventBridge's default bus: rules by AWS's patterns, targets by their queues' policies.

moto keeps rules and targets, but it gives every event to a rule without a pattern (a schedule),
heeds no rule's state, and puts messages into any queue.
"""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import moto.events.models
import moto.events.urls
from moto.events.responses import EventsHandler

from local.aws_server import backend, extend
from local.caches import ACCOUNT, REGION
from local.delivery import Parcel, Sender, deliver
from local.event_pattern import matches

if TYPE_CHECKING:
    from moto.events.utils import EventMessageType

BUS = "default"
TIME = "%Y-%m-%dT%H:%M:%SZ"
# What a rule gets only in the state ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS
# (https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-service-event-cloudtrail-management.html)
_READ_ONLY = ("Describe", "Get", "List")
_NOT_AUTHORIZED = {
    "ErrorCode": "NotAuthorizedForSourceException",
    "ErrorMessage": "Not authorized for the source.",
}


class UnknownTargetError(RuntimeError):
    """A rule has a target that cannot be played here."""


class Rule(moto.events.models.Rule):
    """A rule that matches and delivers as AWS's do."""

    def send_to_targets(
        self,
        original_event: EventMessageType,
        transform_input: bool = True,  # noqa: ARG002, FBT001, FBT002  moto's signature
    ) -> None:
        """Take an event of the bus, and send it on where it matches."""
        pattern, happened = self.event_pattern.get_pattern(), _as_sent(dict(original_event))
        if pattern and self._hears(happened) and matches(pattern, happened):
            self.fire(happened)

    def fire(self, event: dict[str, Any]) -> None:
        """Send an event to every target."""
        sender = Sender(service="events.amazonaws.com", arn=self.arn)
        for target in self.targets:
            if target.keys() - {"Id", "Arn", "Input", "DeadLetterConfig"} or not _is_queue(target):
                raise UnknownTargetError(f"{self.arn}: {target}")
            parcel = Parcel(
                body=target.get("Input") or json.dumps(event),
                dead_letter_arn=target.get("DeadLetterConfig", {}).get("Arn"),
                dead_letter_attributes={"RULE_ARN": self.arn, "TARGET_ARN": target["Arn"]},
            )
            deliver(target["Arn"], parcel, sender)

    def _hears(self, event: dict[str, Any]) -> bool:
        if self.state == "DISABLED":
            return False
        name = str(event["detail"].get("eventName", ""))
        by_trail = event["detail-type"].endswith(" via CloudTrail")
        return self.state != "ENABLED" or not (by_trail and name.startswith(_READ_ONLY))


def _as_sent(event: dict[str, Any]) -> dict[str, Any]:
    """Return an event of moto's as targets get it: times are text, and nothing is added."""
    time = event["time"]
    if not isinstance(time, str):
        time = datetime.fromtimestamp(time, UTC).strftime(TIME)
    return {key: each for key, each in event.items() if key != "ingestion-time"} | {"time": time}


def _is_queue(target: dict[str, Any]) -> bool:
    return bool(target["Arn"].split(":")[2] == "sqs")


class Responses(EventsHandler):
    """PutEvents as AWS answers it; the rest stays moto's."""

    def put_events(self) -> str:
        """Answer PutEvents: each entry has an answer of its own, and nobody may speak for AWS."""
        entries = self._get_param("Entries")
        ours = [entry for entry in entries if not _by_aws(entry)]
        taken = iter(self.events_backend.put_events(ours))
        answers = [_NOT_AUTHORIZED if _by_aws(entry) else next(taken) for entry in entries]
        failed = sum("ErrorCode" in answer for answer in answers)
        return json.dumps({"FailedEntryCount": failed, "Entries": answers})


def _by_aws(entry: dict[str, Any]) -> bool:
    return str(entry.get("Source", "")).startswith("aws.")


def register() -> None:
    """Let moto make rules of ours and answer PutEvents by us; call before the server starts."""
    moto.events.models.Rule = Rule  # type: ignore[misc]
    extend(moto.events.urls, Responses)


def emit(happened: dict[str, Any]) -> None:
    """Put an event on the default bus, as AWS's own services do."""
    for rule in list(backend("events").event_buses[BUS].rules.values()):
        rule.send_to_targets(happened)


def tick() -> int:
    """Fire every enabled schedule once, by the world's clock, and return how many there are."""
    rules = list(backend("events").event_buses[BUS].rules.values())
    due = [rule for rule in rules if rule.scheduled_expression and rule.state != "DISABLED"]
    for rule in due:
        rule.fire(event("aws.events", "Scheduled Event", {}, [rule.arn]))
    return len(due)


def event(
    source: str, detail_type: str, detail: dict[str, Any], resources: list[str]
) -> dict[str, Any]:
    """Return an event in EventBridge's envelope, as of now."""
    return {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": detail_type,
        "source": source,
        "account": ACCOUNT,
        "time": datetime.now(UTC).strftime(TIME),
        "region": REGION,
        "resources": resources,
        "detail": detail,
    }
