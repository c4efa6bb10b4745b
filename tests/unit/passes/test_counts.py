"""What is counted: seconds only where an event led to a proof, sums only where they are whole."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from cachegate.domain.agent import Reply
from cachegate.errors import TransientError
from tests.function import CONTEXT
from tests.unit.passes.entry import batch, counted, recheck
from tests.unit.passes.fakes import NAT, VPC
from tests.unit.passes.nat_side import (
    ALLOCATION,
    SECOND,
    add_guarded_cluster,
    fail,
    hold_address,
    manage_groups,
    rewire,
    stop,
)

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


def test_the_age_of_an_unverified_holder_is_counted_by_whole_passes_that_hold_an_address(
    app: Any, world: FakeWorld, capsys: Capture
) -> None:
    send(app, world, SCHEDULE)
    assert "HolderUnverifiedAge" not in totals(capsys)
    hold_address(world)
    rewire(app, world)
    send(app, world, SCHEDULE)
    assert totals(capsys)["HolderUnverifiedAge"] == 0
    fail(world, NAT, SECOND)

    for seconds in (0, 40):
        world.now += seconds
        send(app, world, SCHEDULE)
        assert totals(capsys)["HolderUnverifiedAge"] == seconds

    app.handler({"Records": [recheck(world, "again", VPC)]}, CONTEXT)
    assert "HolderUnverifiedAge" not in totals(capsys)


def test_a_move_is_counted_once(app: Any, world: FakeWorld, capsys: Capture) -> None:
    hold_address(world)
    rewire(app, world)
    send(app, world, SCHEDULE)
    assert "AddressMoved" not in totals(capsys)
    stop(world, NAT)

    send(app, world, SCHEDULE)
    assert totals(capsys)["AddressMoved"] == 1

    send(app, world, SCHEDULE)
    assert "AddressMoved" not in totals(capsys)


def test_an_address_that_comes_to_its_first_holder_is_no_fail_over(
    app: Any, world: FakeWorld, capsys: Capture
) -> None:
    hold_address(world, None)
    rewire(app, world)

    send(app, world, SCHEDULE)

    assert world.addresses.addresses[ALLOCATION].instance_id == NAT
    assert "AddressMoved" not in totals(capsys)


def test_rules_in_place_and_rules_that_vanished_are_counted(
    app: Any, world: FakeWorld, capsys: Capture
) -> None:
    add_guarded_cluster(world, "cart", "10.0.1.5")
    send(app, world, SCHEDULE)
    assert "GroupRulesOpen" not in totals(capsys)
    manage_groups(world)
    rewire(app, world)
    send(app, world, SCHEDULE)
    first = totals(capsys)
    assert first["GroupRulesOpen"] == len(world.group_rules.held) > 1
    assert "GroupRulesVanished" not in first
    del world.group_rules.held["sgr-1"]

    send(app, world, SCHEDULE)

    found = totals(capsys)
    assert (found["GroupRulesOpen"], found["GroupRulesVanished"]) == (first["GroupRulesOpen"], 1)


def test_rules_that_aws_does_not_show_are_not_counted_as_lost(
    app: Any, world: FakeWorld, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_guarded_cluster(world, "cart", "10.0.1.5")
    manage_groups(world)
    rewire(app, world)

    def throttled(_stack: str) -> None:
        raise TransientError("Throttling")

    monkeypatch.setattr(world.group_rules, "managed", throttled)

    send(app, world, SCHEDULE)

    assert "GroupRulesOpen" not in totals(capsys)


def tell(world: FakeWorld, used: int, limit: int, dropped: int) -> None:
    """Let the agents tell these figures from now on."""
    world.gateways.report = {
        "conntrack": {"used": used, "limit": limit},
        "allowances": {"conntrack_allowance_exceeded": dropped},
    }


def test_the_fullest_instance_is_told_in_percent(
    app: Any, world: FakeWorld, capsys: Capture
) -> None:
    send(app, world, SCHEDULE)
    assert "ConntrackUsedPercent" not in totals(capsys)
    world.add_instance(SECOND, VPC)
    tell(world, 16384, 65536, 0)
    known = world.gateways._one(NAT, "inspect", None, 65535)
    tell(world, 32768, 65536, 0)
    world.gateways.failing[NAT] = known  # the other one is half full

    send(app, world, SCHEDULE)

    lines = counted(capsys)
    assert [line["ConntrackUsedPercent"] for line in lines if "Forwards" in line] == [[50.0]]
    units = {m["Name"]: m["Unit"] for m in lines[-1]["_aws"]["CloudWatchMetrics"][0]["Metrics"]}
    assert units["ConntrackUsedPercent"] == "Percent"


def test_packets_that_ec2_dropped_are_counted_once_also_over_failed_passes(
    app: Any, world: FakeWorld, capsys: Capture
) -> None:
    def dropped() -> float | None:
        send(app, world, SCHEDULE)
        return totals(capsys).get("ConntrackAllowanceExceeded")

    world.add_instance(SECOND, VPC)
    tell(world, 1, 2, 1000)
    assert dropped() is None  # a first report: nobody knows since when
    tell(world, 1, 2, 1003)
    assert dropped() == 3 + 3
    assert dropped() is None
    fail(world, NAT)
    tell(world, 1, 2, 1010)
    assert dropped() == 7  # in a pass that failed
    assert dropped() is None
    world.gateways.failing.clear()
    assert dropped() == 7  # of the one that could not tell before
