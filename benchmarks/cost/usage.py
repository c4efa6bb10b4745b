"""How much of everything is used in a month: what was measured, and what is assumed."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Self

from benchmarks.cost.prices import HOURS
from benchmarks.end_to_end.events import ENDED, MS
from benchmarks.end_to_end.timeline import QUEUE
from benchmarks.passes.planning import BODY
from benchmarks.rows import Rows

if TYPE_CHECKING:
    from collections.abc import Mapping

    from benchmarks.cost.stack import Stack

KEPT = Path(__file__).parents[2] / "docs" / "benchmarks"
NODES = (3, 30, 300)
SECONDS = HOURS * 3600

# Seen once, in the embedded world: what a quiet pass of 3, 30, 300 nodes logged there, Lambda's own
# lines added. What each full run measures anew is `Measured`.
LOG_KB = {3: 3, 30: 3, 300: 6}
LARGEST = f"{BODY}, unlike"  # the way of the rows of ledgers: as large as they get

# Of calls, those to DynamoDB and SQS: no management events, which are a trail's by default.
DATA = frozenset({"ledger", "queue", "records"})  # the ways of their rows

# Assumed.
CALLS_OF_ADDRESS = 4  # who has it, how the instances are, the groups and their rules
CALLS_OF_SECOND = 6  # its own command is waited for
FINDINGS_KB = 0.5  # of a group
CALL_SECONDS = 0.1  # that AWS takes to answer a call
IGNORED_SECONDS = 0.2  # of an event that concerns others
PASSES_A_CHANGE = 2  # the one of its event, and a re-check
EVENTS_A_CHANGE = 2  # that we publish
METRICS_A_CHANGE = 3  # that count happenings, in the hours that have any
POLLS = 5 * SECONDS / 20  # of Lambda at a queue: five at a time, each 20 s
OF_A_MESSAGE = 3  # requests: sent, received, deleted
OUT_GB = 10  # that clients read
DISK_GB = 8  # of Amazon Linux 2023's image
PEOPLE = 5
PERSON_HOURS = 160  # connected, each
ZONES = 2  # availability zones, where something is to stand in for another
LISTENERS = 50  # of one Network Load Balancer: a quota that cannot be raised


@dataclass(frozen=True, slots=True)
class Rates:
    """What happens in a month."""

    name: str
    changes: int  # of cache nodes
    states: int  # starts and ends of EC2 instances of others
    calls: int  # that the guard hears of, by CloudTrail


QUIET = Rates("quiet", 0, 0, 0)
USUAL = Rates("usual", 30, 3_000, 1_000)
RESTLESS = Rates("restless", 3_000, 100_000, 50_000)


@dataclass(frozen=True, slots=True)
class Passes:
    """How often the functions run in a month, and how long."""

    scheduled: float
    caused: float
    ignored: float
    seconds: float  # of one pass

    @property
    def all(self) -> float:
        """Passes over everything."""
        return self.scheduled + self.caused


class NotMeasuredError(RuntimeError):
    """There are no kept rows of a full run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What the last full run measured; calls are those of a quiet pass, by the number of nodes."""

    calls: Mapping[int, int]
    data_calls: Mapping[int, int]  # of these, those to DynamoDB and SQS
    guard_calls: Mapping[int, int]  # by the number of security groups, taken as that of nodes
    guard_data_calls: Mapping[int, int]
    ledger_kb: Mapping[int, int]  # of the item that has nodes unlike each other, rounded up
    pass_seconds: (
        float  # of an event; AWS answers at once; the wait for a command's result is in it
    )

    @classmethod
    def load(cls, folder: Path = KEPT) -> Self:
        """Read the kept rows; raise NotMeasuredError where there are none."""
        try:
            own, guard, events, planning = (
                Rows.load(folder, name) for name in ("calls", "sweeps", "events", "planning")
            )
        except FileNotFoundError as error:
            raise NotMeasuredError(
                f"{error.filename} is missing: run `make bench` first"
            ) from error
        return cls.of(own, guard, events, planning)

    @classmethod
    def of(cls, own: Rows, guard: Rows, events: Rows, planning: Rows) -> Self:
        """Take it from the rows of calls, of sweeps, of events and of planning."""
        whole, waited = events.taken(ENDED, MS), events.taken(QUEUE, MS)
        ran = statistics.median(whole[event] - waited[event] for event in whole)
        return cls(
            calls=_added(own),
            data_calls=_added(own, DATA),
            guard_calls=_added(guard),
            guard_data_calls=_added(guard, DATA),
            ledger_kb={nodes: ceil(planning.median(LARGEST, nodes) / 1024) for nodes in NODES},
            pass_seconds=round(ran / 1000, 2),  # as the page shows it
        )

    def passes(self, stack: Stack, nodes: int, rates: Rates) -> Passes:
        """Return the runs of the function that keeps forwards."""
        return Passes(
            scheduled=HOURS * 60 / stack.minutes,
            caused=rates.changes * PASSES_A_CHANGE,
            ignored=rates.states,
            seconds=self.pass_seconds + CALL_SECONDS * self.calls_of(stack, nodes),
        )

    def calls_of(self, stack: Stack, nodes: int) -> int:
        """Return the AWS calls of one quiet pass."""
        address = CALLS_OF_ADDRESS if stack.holds_address else 0
        return self.calls[nodes] + address + CALLS_OF_SECOND * (stack.instances == 2)

    def sweeps(self, stack: Stack, nodes: int, rates: Rates) -> Passes:
        """Return the runs of the guard: what comes within its window is one."""
        return Passes(
            scheduled=HOURS * 60 / stack.guard_minutes,
            caused=min(rates.calls, SECONDS / stack.guard_window),
            ignored=0,
            seconds=CALL_SECONDS * self.guard_calls[nodes],
        )


def _added(rows: Rows, ways: frozenset[str] | None = None) -> Mapping[int, int]:
    """Return all calls, or those of some ways, by the number of nodes."""
    found = dict.fromkeys(NODES, 0)
    for way in rows.ways():
        if ways is None or way in ways:
            for nodes in NODES:
                found[nodes] += round(rows.median(way, nodes))
    return found
