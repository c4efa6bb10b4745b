"""Where the money goes, drawn."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from benchmarks import figures
from benchmarks.report import Picture

if TYPE_CHECKING:
    from collections.abc import Mapping

# More parts than there are colours to tell apart: what belongs together is one.
DRAWN = {
    "metrics": "metrics, alarms, dashboard",
    "alarms and dashboard": "metrics, alarms, dashboard",
    "functions and traces": "functions, queues, tables, logs",
    "queues, tables, events, logs": "functions, queues, tables, logs",
}


def picture(nodes: int, ways: Mapping[str, Mapping[str, float]]) -> Picture:
    """Draw the parts of each way's cost, one bar for each."""
    return Picture(
        name="cost",
        says=f"Monthly cost of each way for {nodes} nodes, by its parts; the table has the sums",
        figure=figures.stacks(
            f"USD a month for {nodes} nodes, at the usual rates",
            {way: _merged(parts) for way, parts in ways.items()},
            across="USD",
        ),
    )


def _merged(parts: Mapping[str, float]) -> Mapping[str, float]:
    merged: defaultdict[str, float] = defaultdict(float)
    for part, usd in parts.items():
        merged[DRAWN.get(part, part)] += usd
    return merged
