"""What is counted: seconds only where an event led to a proof, sums only where they are whole."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from cachegate.domain.agent import Reply
from tests.function import CONTEXT
from tests.unit.passes.entry import batch, counted, recheck
from tests.unit.passes.fakes import NAT, VPC

if TYPE_CHECKING:
    from tests.unit.passes.fakes import FakeWorld

Capture = pytest.CaptureFixture[str]
SCHEDULE = {"source": "aws.events", "detail-type": "Scheduled Event", "id": "1"}
NOTICE = {"SourceIdentifier": "cart", "Message": "Replace node cart complete"}


def send(app: Any, world: FakeWorld, body: object, *, sent_before: float = 0.0) -> None:
    message = batch(world, "m")
    (record,) = message["Records"]
    record["body"] = json.dumps(body)
    record["attributes"]["SentTimestamp"] = str(int((world.now - sent_before) * 1000))
    app.handler(message, CONTEXT)


def totals(capsys: Capture) -> dict[str, float]:
    """Return all that was counted since the last call."""
    found: dict[str, float] = {}
    for line in counted(capsys):
        for metric in line["_aws"]["CloudWatchMetrics"][0]["Metrics"]:
            name = metric["Name"]
            found[name] = found.get(name, 0) + sum(line[name])
    return found


@pytest.mark.parametrize(
    ("date", "seconds"),
    [
        ("1970-01-12T13:46:10Z", 30),  # by the event's own time: 999,970
        (None, 12),  # else by the queue's
        ("1970-01-13T00:00:00Z", 12),  # an event cannot come before it happened
        ("1970-01-10T00:00:00Z", 12),  # nor does any take more than a day
    ],
)
def test_seconds_count_from_the_event_to_the_proof(
    app: Any, world: FakeWorld, capsys: Capture, date: str | None, seconds: float
) -> None:
    world.add_cluster("cart", "10.0.1.5")

    send(app, world, NOTICE | {"Date": date}, sent_before=12)

    assert totals(capsys)["SecondsToVerified"] == seconds


def test_a_retry_is_counted_from_the_event(app: Any, world: FakeWorld, capsys: Capture) -> None:
    world.add_cluster("cart", "10.0.1.5")
    world.gateways.failing[NAT] = Reply(instance_id=NAT, failure="lost")
    send(app, world, NOTICE)
    assert "SecondsToVerified" not in totals(capsys)
    world.gateways.failing.clear()
    world.now += 40

    send(app, world, NOTICE, sent_before=40)

    assert totals(capsys)["SecondsToVerified"] == 40


def test_a_pass_that_proves_nothing_new_has_no_seconds(
    app: Any, world: FakeWorld, capsys: Capture
) -> None:
    send(app, world, NOTICE)
    capsys.readouterr()
    world.now += 100

    send(app, world, NOTICE)

    assert "SecondsToVerified" not in totals(capsys)


def test_a_change_that_the_schedule_found_was_not_announced_and_has_no_seconds(
    app: Any, world: FakeWorld, capsys: Capture
) -> None:
    world.add_cluster("cart", "10.0.1.5")

    send(app, world, SCHEDULE)

    found = totals(capsys)
    assert "SecondsToVerified" not in found
    assert found["ChangesUnannounced"] == found["ForwardsChanged"]


def test_a_change_that_a_person_asked_for_is_neither_announced_nor_missed(
    app: Any, world: FakeWorld, capsys: Capture
) -> None:
    world.add_cluster("cart", "10.0.1.5")

    app.handler({"action": "sync"}, CONTEXT)

    found = totals(capsys)
    assert found["ForwardsChanged"]
    assert not {"SecondsToVerified", "ChangesUnannounced"} & set(found)


def test_a_recheck_of_one_vpc_says_nothing_of_all(
    app: Any, world: FakeWorld, capsys: Capture
) -> None:
    world.add_cluster("cart", "10.0.1.5")
    send(app, world, SCHEDULE)
    assert {"Forwards", "ListenPortsLeft", "VerifiedAge"} <= set(totals(capsys))

    app.handler({"Records": [recheck(world, "again", VPC)]}, CONTEXT)

    assert totals(capsys) == {}


def test_a_sum_is_left_out_where_a_vpc_is_missing_from_it(
    app: Any, world: FakeWorld, capsys: Capture
) -> None:
    world.add_vpc("vpc-2", "10.1.0.0/16")
    world.add_instance("i-second", "vpc-2")  # has no ledger and cannot be asked
    world.gateways.failing["i-second"] = Reply(instance_id="i-second", failure="timed out")

    send(app, world, SCHEDULE)

    found = totals(capsys)
    assert found["PassesFailed"] == 1
    assert "Forwards" not in found
    assert "NatInstancesOffline" not in found  # else an alarm would end by a describe that fails
    assert 0 <= found["VerifiedAge"] < 60  # never verified is not overdue since 1970


def test_ports_at_rest_are_neither_forwards_nor_left(
    app: Any, world: FakeWorld, capsys: Capture
) -> None:
    world.add_cluster("cart", "10.0.1.5")
    world.add_cluster("pages", "10.0.1.6")
    send(app, world, SCHEDULE)
    world.inventory.caches.pop("cart")
    for _ in range(2):
        world.now += 100
        send(app, world, SCHEDULE)
        last = totals(capsys)

    assert (last["Forwards"], last["ListenPortsLeft"]) == (1, 2000 - 2)


def test_the_age_is_that_of_the_vpc_where_it_is_longest(
    app: Any, world: FakeWorld, capsys: Capture
) -> None:
    world.add_vpc("vpc-2", "10.1.0.0/16")
    world.add_instance("i-second", "vpc-2")
    send(app, world, SCHEDULE)
    capsys.readouterr()
    world.gateways.failing["i-second"] = Reply(instance_id="i-second", failure="timed out")
    world.now += 600

    send(app, world, SCHEDULE)

    assert totals(capsys)["VerifiedAge"] == 600
