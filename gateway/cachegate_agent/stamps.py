"""Which flows the rules in force have looked up already, so that their packets need not be.

Each rule set has a stamp, and gives it to every flow that it admits: with the first packet, or with
the next after a change. What bears the stamp of the rules in force passes at once. There are few
stamps, so one comes back after some changes, while a flow may be idle for days. Two things make
sure that it never lets a flow pass that the rules do not admit:

- before a rule set comes into force, its stamp is taken from every flow that it does not admit;
- it is none that the rules in force before it give, so nobody gives it between these two moments.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, FrozenSet, Iterable, List, Optional

from cachegate_agent import conntrack
from cachegate_agent.backend import STAMPS
from cachegate_agent.errors import Failed
from cachegate_agent.flows import Admission

if TYPE_CHECKING:
    from cachegate_agent.backend import Live
    from cachegate_agent.conntrack import Flow
    from cachegate_agent.rules import Rules


def prepare(rules: Rules, held: Iterable[Optional[Live]]) -> int:
    """Choose the stamp for rules that are about to come into force, and take it where it is wrong.

    `held` is what the kernel holds, of both back-ends. Raise Failed("kernel_refused") where the
    kernel cannot be asked for its flows, or keeps a stamp.
    """
    stamp = _next(frozenset().union(*(live.stamps for live in held if live)))
    wrong = _wrong(rules, stamp)
    conntrack.unstamp(wrong)
    if wrong and _wrong(rules, stamp):
        raise Failed("kernel_refused", "conntrack: connections keep the mark of an older rule set")
    return stamp


def _next(given: FrozenSet[int]) -> int:
    """Take turns, so that few flows have idled for long enough to bear it."""
    later = [stamp for stamp in STAMPS if given and stamp > max(given)]
    free = [stamp for stamp in (*later, *STAMPS) if stamp not in given]
    return free[0] if free else STAMPS[0]  # rules that give all were written by somebody else


def _wrong(rules: Rules, stamp: int) -> List[Flow]:
    admission = Admission(rules)
    return [flow for flow in conntrack.stamped(stamp) if admission.is_stale(flow)]
