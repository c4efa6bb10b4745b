"""How much of everything is used in a month: what was measured, and what is assumed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks.cost.prices import HOURS

if TYPE_CHECKING:
    from benchmarks.cost.stack import Stack

NODES = (3, 30, 300)
SECONDS = HOURS * 3600

# Measured, in the embedded world. Calls and the pass: docs/benchmarks.md. The other two: what a
# quiet pass of 3, 30, 300 nodes logged there, Lambda's own lines added, and the ledger's item.
CALLS = {3: 20, 30: 20, 300: 29}
GUARD_CALLS = {3: 11, 30: 11, 300: 17}  # as many security groups as nodes
PASS_SECONDS = 1.2  # with AWS's answers at once; the wait for a command's result is in it
LOG_KB = {3: 3, 30: 3, 300: 6}
LEDGER_KB = {3: 1, 30: 2, 300: 6}

# Of these calls, those to DynamoDB and SQS: no management events, which are a trail's by default.
DATA_CALLS = 6
GUARD_DATA_CALLS = 2

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


def passes(stack: Stack, nodes: int, rates: Rates) -> Passes:
    """Return the runs of the function that keeps forwards."""
    return Passes(
        scheduled=HOURS * 60 / stack.minutes,
        caused=rates.changes * PASSES_A_CHANGE,
        ignored=rates.states,
        seconds=PASS_SECONDS + CALL_SECONDS * calls(stack, nodes),
    )


def calls(stack: Stack, nodes: int) -> int:
    """Return the AWS calls of one quiet pass."""
    address = CALLS_OF_ADDRESS if stack.holds_address else 0
    return CALLS[nodes] + address + CALLS_OF_SECOND * (stack.instances == 2)


def sweeps(stack: Stack, nodes: int, rates: Rates) -> Passes:
    """Return the runs of the guard: what comes within its window is one."""
    return Passes(
        scheduled=HOURS * 60 / stack.guard_minutes,
        caused=min(rates.calls, SECONDS / stack.guard_window),
        ignored=0,
        seconds=CALL_SECONDS * GUARD_CALLS[nodes],
    )
