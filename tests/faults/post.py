"""The queue of triggers and Lambda's poller of it, as SQS and the template make them."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.faults.clock import Clock
    from tests.faults.invocation import Faults

VISIBILITY = 720.0  # seconds; the template's own
MOST_RECEIVES = 4
BATCH = 10


@dataclass
class Message:
    """One message of the queue."""

    message_id: str
    body: str
    sent_at: float
    visible_at: float
    receives: int = 0
    blameless: int = 0  # receives that failed although nothing was made to go wrong

    @property
    def is_recheck(self) -> bool:
        return '"recheck"' in self.body


@dataclass
class Post:
    """The queue, its dead letters, and the calls that the product makes to it."""

    clock: Clock
    faults: Faults
    messages: list[Message] = field(default_factory=list)
    dead_letters: list[Message] = field(default_factory=list)
    sent: int = 0
    rechecks: int = 0

    # -- the client -------------------------------------------------------------------------------

    def send_message(self, *, MessageBody: str, DelaySeconds: int = 0, **_: Any) -> Any:  # noqa: N803
        fault = self.faults.call("send_message")
        assert 0 <= DelaySeconds <= 900
        self.rechecks += '"recheck"' in MessageBody
        if fault != "lost":
            self.put(MessageBody, DelaySeconds)
        if fault == "doubled":
            self.put(MessageBody, DelaySeconds)
        return {"MessageId": str(self.sent)}

    def change_message_visibility(
        self,
        *,
        ReceiptHandle: str,  # noqa: N803
        VisibilityTimeout: int,  # noqa: N803
        **_: Any,
    ) -> Any:
        self.faults.call("change_message_visibility")
        for message in self.messages:
            if message.message_id == ReceiptHandle:
                message.visible_at = self.clock.now + VisibilityTimeout
        return {}

    # -- what comes in and goes out ---------------------------------------------------------------

    def put(self, body: str, delay: float = 0.0) -> Message:
        self.sent += 1
        message = Message(f"message-{self.sent}", body, self.clock.now, self.clock.now + delay)
        self.messages.append(message)
        return message

    @property
    def due(self) -> float:
        """Return when there is something to receive."""
        return min((message.visible_at for message in self.messages), default=float("inf"))

    def receive(self) -> list[Message]:
        """Take a batch, as the poller does; what was received too often is a dead letter now."""
        visible = [m for m in self.messages if m.visible_at <= self.clock.now]
        for message in [m for m in visible if m.receives >= MOST_RECEIVES]:
            self.messages.remove(message)
            self.dead_letters.append(message)
            visible.remove(message)
        batch = visible[:BATCH]
        for message in batch:
            message.receives += 1
            message.visible_at = self.clock.now + VISIBILITY
        return batch

    def done(self, batch: list[Message], back: set[str]) -> None:
        """Delete what was handled."""
        for message in batch:
            if message.message_id not in back and message in self.messages:
                self.messages.remove(message)


def record(message: Message) -> dict[str, Any]:
    """Return a message as a function sees it."""
    return {
        "messageId": message.message_id,
        "receiptHandle": message.message_id,
        "body": message.body,
        "attributes": {
            "SentTimestamp": str(int(message.sent_at * 1000)),
            "ApproximateReceiveCount": str(message.receives),
        },
    }


def notification(name: str, cache: str) -> str:
    """Return what SNS brings of a node-based cache."""
    content = json.dumps({f"ElastiCache:{name}": cache})
    return json.dumps({"Type": "Notification", "MessageId": name, "Message": content})


def event(source: str, detail_type: str, detail: dict[str, Any]) -> str:
    """Return an event of EventBridge."""
    return json.dumps(
        {"id": "event", "source": source, "detail-type": detail_type, "detail": detail}
    )


def schedule() -> str:
    return event("aws.events", "Scheduled Event", {})
