"""The queue as SQS and Lambda keep it: no message is lost, held up or tried for ever."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cachegate.domain.agent import Reply
from cachegate.retry import RECEIVES
from tests.function import CONTEXT
from tests.unit.passes.entry import entry_point
from tests.unit.passes.fakes import NAT, FakeWorld

if TYPE_CHECKING:
    from collections.abc import Iterator

VISIBILITY = 720.0


@dataclass
class Message:
    body: str
    sent_at: float
    visible_at: float
    received_at: list[float] = field(default_factory=list)


@dataclass
class Queue:
    """Ten messages a batch; what is not deleted is visible again later, and given up after four."""

    app: Any
    world: FakeWorld
    messages: dict[str, Message] = field(default_factory=dict)
    given_up: dict[str, Message] = field(default_factory=dict)
    deleted: dict[str, float] = field(default_factory=dict)
    errors: int = 0

    def send(self, body: str) -> str:
        message_id = f"m{len(self.messages) + len(self.given_up) + len(self.deleted)}"
        self.messages[message_id] = Message(body, self.world.now, self.world.now)
        return message_id

    def run(self, seconds: int) -> None:
        for _ in range(seconds):
            if batch := self._receive():
                self._handle(batch)
            self.world.now += 1

    def _receive(self) -> list[str]:
        now = self.world.now
        visible = [i for i, message in self.messages.items() if message.visible_at <= now]
        for message_id in [i for i in visible if len(self.messages[i].received_at) == RECEIVES]:
            self.given_up[message_id] = self.messages.pop(message_id)
        batch = [i for i in visible if i in self.messages][:10]
        for message_id in batch:
            self.messages[message_id].received_at.append(now)
            self.messages[message_id].visible_at = now + VISIBILITY
        return batch

    def _handle(self, batch: list[str]) -> None:
        try:
            answer = self.app.handler({"Records": [self._record(i) for i in batch]}, CONTEXT)
            failed = {each["itemIdentifier"] for each in answer["batchItemFailures"]}
        except RuntimeError:
            failed = set(batch)
            self.errors += 1
        for message_id in set(batch) - failed:
            del self.messages[message_id]
            self.deleted[message_id] = self.world.now
        for receipt, delay in self.world.rechecks.retried:
            self.messages[receipt].visible_at = self.world.now + delay
        self.world.rechecks.retried.clear()

    def _record(self, message_id: str) -> dict[str, Any]:
        message = self.messages[message_id]
        attributes = {
            "SentTimestamp": str(int(message.sent_at * 1000)),
            "ApproximateReceiveCount": str(len(message.received_at)),
        }
        return {
            "messageId": message_id,
            "receiptHandle": message_id,
            "body": message.body,
            "attributes": attributes,
        }


@pytest.fixture
def queue(app: Any, world: FakeWorld) -> Queue:
    return Queue(app, world)


def test_what_never_succeeds_is_given_up_after_the_pauses_and_holds_up_nobody(
    queue: Queue, world: FakeWorld
) -> None:
    world.gateways.failing[NAT] = Reply(instance_id=NAT, failure="lost")
    first = queue.send("first")

    queue.run(135)

    received = queue.given_up[first].received_at
    assert [b - a for a, b in pairwise(received)] == [10, 30, 90]
    world.gateways.failing.clear()
    second = queue.send("second")
    queue.run(1)
    assert second in queue.deleted
    assert queue.messages == {}


def test_a_message_that_comes_meanwhile_is_answered_at_once(queue: Queue, world: FakeWorld) -> None:
    world.gateways.failing[NAT] = Reply(instance_id=NAT, failure="lost")
    queue.send("first")
    queue.run(50)  # its next receive is 80 s away
    world.gateways.failing.clear()

    second, at = queue.send("second"), world.now
    queue.run(1)

    assert queue.deleted[second] == at


def test_of_a_batch_that_fails_one_message_is_given_up(queue: Queue, world: FakeWorld) -> None:
    world.gateways.failing[NAT] = Reply(instance_id=NAT, failure="lost")
    for _ in range(10):
        queue.send("look")

    queue.run(300)

    assert len(queue.given_up) == 1
    assert queue.messages == {}


def test_after_an_unexpected_error_one_message_asks_again_in_seconds_and_the_others_become_needless(
    queue: Queue, world: FakeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(world.network, "nat_instances", _broken)
        for _ in range(10):
            queue.send("look")
        queue.run(1)
    queue.run(10)
    assert (len(queue.deleted), queue.errors) == (1, 1)
    queue.run(300)
    queue.send("the schedule")
    queue.run(1)
    asked = len(world.gateways.calls)

    queue.run(int(VISIBILITY))

    assert queue.messages == queue.given_up == {}
    assert len(world.gateways.calls) == asked


def _broken() -> None:
    raise RuntimeError("an answer of AWS that nobody expected")


def test_an_error_that_stays_is_raised_each_time_and_ends_in_the_dead_letter_queue(
    queue: Queue, world: FakeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(world.network, "nat_instances", _broken)
    message = queue.send("look")

    queue.run(135)

    assert list(queue.given_up) == [message]
    assert queue.errors == RECEIVES


@pytest.fixture(scope="module")
def patient() -> Iterator[pytest.MonkeyPatch]:
    with pytest.MonkeyPatch.context() as patch:
        yield patch


WORDS = st.one_of(
    st.text(max_size=30),
    st.sampled_from(["aws.elasticache", "aws.ec2", "aws.ssm", "vpc-1", "Notification", "\ud800"]),
)
FIELDS = st.sampled_from(
    ["recheck", "token", "ask", "source", "detail-type", "detail", "Type", "Message", "time",
     "ElastiCache:FailoverComplete", "SourceIdentifier", "instance-id", "state", "eventTime"]
)  # fmt: skip
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), WORDS),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(FIELDS | WORDS, inner, max_size=5),
    max_leaves=12,
)
BODIES = st.one_of(st.text(max_size=200), VALUES.map(json.dumps))


@example(bodies=['{"recheck": "", "token": "a"}'])  # no key of an item
@given(bodies=st.lists(BODIES, min_size=1, max_size=10))
def test_no_body_whatever_poisons_the_queue(patient: pytest.MonkeyPatch, bodies: list[str]) -> None:
    world = FakeWorld()
    queue = Queue(entry_point(world, patient), world)
    for body in bodies:
        queue.send(body)

    queue.run(1)

    assert queue.messages == {}
    assert len(queue.deleted) == len(bodies)
