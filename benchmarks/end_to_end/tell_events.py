"""What the rows of the events mean."""

from __future__ import annotations

import statistics
from itertools import accumulate
from typing import TYPE_CHECKING

from benchmarks import figures
from benchmarks.end_to_end.events import BEFORE, CALLS, ENDED, KERNEL, MS, PROVED, WINDOW
from benchmarks.end_to_end.timeline import (
    AGENT,
    CLOSING,
    DELIVERY,
    LEDGER,
    OBSERVING,
    PLANNING,
    PROCESS,
    QUEUE,
    RESULT,
    SENDING,
    START,
    STEPS,
    TELLING,
)  # fmt: skip
from benchmarks.report import Picture, Report, table
from cachegate.aws.gateways import FIRST_PAUSES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from benchmarks.rows import Rows

MOMENTS = {KERNEL: "the rule is in the kernel", PROVED: "its proof is read back",
           ENDED: "the pass has ended"}  # fmt: skip
WHAT = {
    QUEUE: "the batching window, and until the poller looks",
    START: "of an environment that is warm: until its first call to AWS",
    OBSERVING: "EC2, the tagging API, ElastiCache and DNS",
    PLANNING: "the plan, and the rule set packed for the command",
    LEDGER: "DynamoDB, in all of the pass",
    SENDING: "which instances Systems Manager reaches, and SendCommand",
    DELIVERY: "the stand-in's own delay",
    PROCESS: "shell, Python and imports until the agent works, and after it the probe of targets",
    AGENT: "its `elapsed_ms`: checks, kernel, flows, saving",
    RESULT: "from the command's end until a look at it is answered",
    TELLING: "EventBridge, and the request for the next look",
    CLOSING: "metrics, log and answer",
}
# For the picture, in groups that are long enough to be seen.
DRAWN = {
    "waiting in the queue": (QUEUE,),
    "observing": (OBSERVING,),
    "function: start, plan, log": (START, PLANNING, CLOSING),
    "ledger, events": (LEDGER, TELLING),
    "command: sent, delivered": (SENDING, DELIVERY),
    "agent: process, work": (PROCESS, AGENT),
    "waiting for the result": (RESULT,),
}
QUANTILES = (50, 95, 99)
LARGE = 100  # events, of which a hundredth is one
TEXT = """\
A node of a group of three, among six, gets another address; one event is put on the bus, and
nothing else asks for a pass. {count} events. The end is not believed but asked: after each one a
client outside connected to the node's port, and the new node answered.

{moments}

Where the time goes (each step's own quantiles; the shares are medians of each event's own):

{steps}

{picture}

How it was seen: the kernel's moment by `nft monitor` on the NAT instance; calls to AWS where the
stand-in takes them; the command's beginning and end by the stand-in for Systems Manager; the
agent's work by its own report. Nothing was asked of the function or the agent while they worked.

- {queue:.0%} of the time is the queue: the batching window of {window:.0f} s, in which the many
  events of one failover become one pass, and until the poller looks.
- From the function's start to the proof it takes {own:.0f} ms. {agent:.0%} of that are the agent's
  process and work, {result:.0%} the wait for its result: the function looks after {looks} s, and
  then each second.
- Calls to AWS have no distance here. Until the proof a pass makes {calls:.0f} of them,
  {observing:.0f} of them until all is observed. With d ms to AWS and back, up to {calls:.0f} d come
  on top, and what AWS takes to bring an event to the queue and a command to the instance.
- A function that is not warm starts first: see the part about cold starts.
"""


def tell(rows: Rows) -> Report:
    """Return the section; the rows may be those of a few events."""
    events = len(rows.taken(ENDED, MS))
    picture = _picture(rows)
    text = TEXT.format(
        count=events,
        moments=_moments(rows),
        steps=_steps(rows),
        picture=picture.markdown,
        queue=rows.ratio(QUEUE, MS, ENDED, MS).median,
        window=rows.median(WINDOW, "s"),
        looks=", ".join(f"{moment:g}" for moment in accumulate(FIRST_PAUSES)),
        own=statistics.median(_own(rows).values()),
        agent=_of_pass(rows, PROCESS, AGENT),
        result=_of_pass(rows, RESULT),
        calls=rows.median(BEFORE, CALLS),
        observing=rows.median(OBSERVING, CALLS),
    )
    if events < LARGE:
        text += f"\nOf {events} events, p95 and p99 are hardly more than the greatest value.\n"
    return Report("From an event to the kernel", text, pictures=(picture,))


def _moments(rows: Rows) -> str:
    head = ["ms from the event until", *(f"p{each}" for each in QUANTILES)]
    return table(head, ([what, *_quantiles(rows, way)] for way, what in MOMENTS.items()))


def _steps(rows: Rows) -> str:
    head = ["step", "ms: p50", *(f"p{each}" for each in QUANTILES[1:]), "share", "of what"]
    lines = []
    for step in STEPS:
        share = rows.ratio(step, MS, ENDED, MS).median
        lines.append([step, *_quantiles(rows, step), f"{share:.1%}", WHAT[step]])
    return table(head, lines)


def _quantiles(rows: Rows, way: str) -> list[str]:
    return [f"{rows.quantile(way, MS, each):,.0f}" for each in QUANTILES]


def _of_pass(rows: Rows, *steps: str) -> float:
    """Return the share of steps in the time from the function's start to the proof."""
    taken = [rows.taken(step, MS) for step in steps]
    return statistics.median(
        sum(each[event] for each in taken) / whole for event, whole in _own(rows).items()
    )


def _own(rows: Rows) -> Mapping[int, float]:
    """Return the time of each event from the function's start to the proof."""
    waited = rows.taken(QUEUE, MS)
    return {event: proved - waited[event] for event, proved in rows.taken(PROVED, MS).items()}


def _picture(rows: Rows) -> Picture:
    """Draw whole events, those at the quantiles: their steps add up, which quantiles do not."""
    ordered = sorted(rows.taken(ENDED, MS).items(), key=lambda each: each[1])
    columns = {}
    for hundredth in QUANTILES:
        place = min(len(ordered) - 1, len(ordered) * hundredth // 100)
        columns[f"p{hundredth}"] = _grouped(rows, ordered[place][0])
    figure = figures.stacks(
        "One event, from the bus to the end of its pass", columns, across="milliseconds"
    )
    longest = max(DRAWN, key=lambda group: columns["p50"][group])
    says = f"The steps of three events, at p50, p95 and p99; the longest is {longest}"
    return Picture("events", says, figure)


def _grouped(rows: Rows, event: int) -> Mapping[str, float]:
    return {
        group: sum(rows.taken(step, MS)[event] for step in steps) for group, steps in DRAWN.items()
    }
