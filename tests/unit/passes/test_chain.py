"""The chain of re-checks: when it begins, how it slows down, and that it ends."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cachegate.batch import answer
from cachegate.chain import Link, next_link
from cachegate.domain.policy import Policy
from cachegate.errors import LedgerConflictError
from cachegate.protocols import Heartbeat
from cachegate.sync import sync
from cachegate.triggers import Trigger
from tests.unit.passes.fakes import VPC

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cachegate.results import SyncResult
    from tests.unit.passes.fakes import FakeLedgers, FakeWorld

POLICY = Policy(stack="gate", sources=())
MOST = 20
NEVER = 10_000


def follow(
    motions: Iterable[float | None], most: int = MOST, former: Heartbeat | None = None
) -> list[float | None]:
    """Return the pause after each pass of a chain, given what moves at each; None ends it."""
    heartbeat, pauses = former or Heartbeat(), []
    for motion in motions:
        link = next_link(heartbeat, motion, POLICY, most)
        pauses.append(link.delay)
        token = "" if link.delay is None else "live"
        heartbeat = Heartbeat(token=token, rechecks=link.rechecks, quiet=link.quiet)
    return pauses


@pytest.mark.parametrize(
    ("motions", "pauses"),
    [
        ([30, 30, 30, 30, 30, 30], [30, 60, 120, 240, 300, 300]),
        ([None], [None]),
        ([30, None, None], [30, 60, None]),
        ([30, None, 30, None, None], [30, 60, 120, 240, None]),
        ([30, None, None, 30], [30, 60, None, 30]),  # a new chain begins with short pauses again
        ([5, 30, 30], [5, 60, 120]),  # what can be decided sooner is looked at sooner, once
        ([60, 5], [60, 60]),
        ([600, None, None], [600, 60, None]),
    ],
)
def test_pauses_double_up_to_five_minutes_and_two_quiet_passes_end_the_chain(
    motions: list[float | None], pauses: list[float | None]
) -> None:
    assert follow(motions) == pauses


@pytest.mark.parametrize(
    ("rechecks", "due", "delay"),
    [(0, None, 30), (5, None, 300), (5, 7, 7), (5, 900, 300), (0, 7, 7)],
)
def test_what_can_be_decided_sooner_waits_for_no_longer_pause(
    rechecks: int, due: float | None, delay: float
) -> None:
    former = Heartbeat(token="live", rechecks=rechecks)  # noqa: S106

    assert next_link(former, 30, POLICY, MOST, due) == Link(delay, rechecks + 1, 0)


def test_nothing_due_makes_a_chain_longer_than_it_may_be() -> None:
    former = Heartbeat(token="live", rechecks=MOST)  # noqa: S106

    assert next_link(former, 30, POLICY, MOST, 7) == Link(None, MOST, 0)


def test_a_chain_is_bounded_and_begins_anew_only_after_rest() -> None:
    pauses = follow([30.0] * (MOST + 3) + [None, 30.0])

    assert all(pauses[:MOST])
    assert pauses[MOST:] == [None, None, None, None, 30]


@given(st.lists(st.none() | st.floats(1, 900), max_size=200), st.integers(0, 100))
def test_there_are_never_more_rechecks_in_a_row_than_are_allowed(
    motions: list[float | None], most: int
) -> None:
    longest = row = 0
    for pause in follow(motions, most):
        row = 0 if pause is None else row + 1
        longest = max(longest, row)
        assert pause is None or pause > 0

    assert longest <= most


def test_no_number_of_rechecks_overflows() -> None:
    former = Heartbeat(token="live", rechecks=NEVER)  # noqa: S106

    assert next_link(former, 30, POLICY, NEVER + 1) == Link(300, NEVER + 1, 0)


# -- the same by whole passes ----------------------------------------------------------------------


def trigger(world: FakeWorld, body: object) -> Trigger:
    return Trigger.from_record(
        {
            "messageId": "m",
            "receiptHandle": "r",
            "body": json.dumps(body),
            "attributes": {
                "SentTimestamp": str(int(world.now * 1000)),
                "ApproximateReceiveCount": "1",
            },
        }
    )


def take(world: FakeWorld, body: object) -> SyncResult | None:
    return answer([trigger(world, body)], world.adapters, world.settings)


def settle(world: FakeWorld) -> None:
    """Run passes until nothing is in motion."""
    while (result := take(world, SCHEDULE)) and result.vpcs[0].recheck_after is not None:
        world.now += 60
    world.rechecks.sent.clear()


def last_recheck(world: FakeWorld) -> dict[str, str]:
    vpc_id, token, _ = world.rechecks.sent[-1]
    return {"recheck": vpc_id, "token": token}


SCHEDULE = {"source": "aws.events", "detail-type": "Scheduled Event"}
NOTICE: dict[str, Any] = {
    "Type": "Notification",
    "Message": '{"ElastiCache:CacheNodeReplaceComplete": "cart"}',
}


def test_an_announced_change_that_cannot_be_seen_yet_is_looked_for_again(world: FakeWorld) -> None:
    world.add_cluster("cart", "10.0.1.5")
    settle(world)

    take(world, NOTICE)
    world.move("cart", "10.0.1.99")  # DNS shows it only now
    seen = take(world, last_recheck(world))

    assert seen is not None
    assert [
        str(change.after[0]) for vpc in seen.vpcs if vpc.plan for change in vpc.plan.changes
    ] == ["10.0.1.99:6379"]


def test_a_schedule_that_finds_nothing_leads_to_no_recheck(world: FakeWorld) -> None:
    settle(world)

    take(world, SCHEDULE)

    assert world.rechecks.sent == []


def test_an_announcement_during_a_long_chain_is_followed_by_short_pauses_again(
    world: FakeWorld,
) -> None:
    world.ledgers.beat(VPC, Heartbeat(token="old", rechecks=MOST))  # noqa: S106

    take(world, NOTICE)

    assert [pause for _, _, pause in world.rechecks.sent] == [30]


def test_each_pass_takes_the_chain_over_and_the_older_recheck_is_dropped(world: FakeWorld) -> None:
    take(world, NOTICE)
    old = last_recheck(world)

    take(world, NOTICE)

    assert take(world, old) is None
    assert take(world, last_recheck(world)) is not None


def test_a_recheck_that_comes_twice_is_taken_once(world: FakeWorld) -> None:
    take(world, NOTICE)
    recheck = last_recheck(world)

    assert take(world, recheck) is not None
    assert take(world, recheck) is None


@dataclass
class Meanwhile:
    """Ledgers where another pass ends just before ours, and leaves a chain with this token."""

    ledgers: FakeLedgers
    token: str
    ended: bool = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self.ledgers, name)

    def beat(self, vpc_id: str, heartbeat: Heartbeat, replacing: str | None = None) -> None:
        if replacing is not None and not self.ended:
            self.ended = True
            self.ledgers.beat(vpc_id, Heartbeat(token=self.token))
            raise LedgerConflictError(vpc_id)
        self.ledgers.beat(vpc_id, heartbeat, replacing)


@pytest.mark.parametrize(
    ("token", "announced", "sent"),
    [
        ("theirs", False, 0),
        ("", False, 1),
        ("theirs", True, 1),  # their next look may be minutes away
        ("", True, 1),
    ],
)
def test_of_two_passes_at_once_one_goes_on_with_the_chain(
    world: FakeWorld, token: str, *, announced: bool, sent: int
) -> None:
    world.gateways.report = {"unreachable": [6379]}
    world.adapters = replace(world.adapters, ledgers=Meanwhile(world.ledgers, token))

    result = sync(world.adapters, world.settings, announced=announced)

    assert result.vpcs[0].failure is None
    assert len(world.rechecks.sent) == sent


def test_a_heartbeat_that_always_changes_is_given_up(world: FakeWorld) -> None:
    class Busy(Meanwhile):
        def beat(self, vpc_id: str, heartbeat: Heartbeat, replacing: str | None = None) -> None:
            if replacing is not None:
                raise LedgerConflictError(vpc_id)
            super().beat(vpc_id, heartbeat)

    world.adapters = replace(world.adapters, ledgers=Busy(world.ledgers, ""))

    result = sync(world.adapters, world.settings, announced=True)

    assert result.vpcs[0].failure is None
    assert world.rechecks.sent == []
