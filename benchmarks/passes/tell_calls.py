"""What the counted AWS calls of a pass mean."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.estimate import estimate
from benchmarks.report import Goal, Report, table

if TYPE_CHECKING:
    from benchmarks.rows import Rows

A_PAGE = 100  # clusters, groups or tags in one of AWS's answers
LISTINGS = 5  # so many are asked for by such pages at most: calls for each 100 nodes

HOW = """\
Counted at the stand-in for AWS, in a pass that finds nothing new; its pages are as long as AWS's.
One server answers at all nodes' addresses. A command takes several calls, since its result is
waited for: one more or less of them is noise."""


def tell(rows: Rows) -> Report:
    """Return the section of the page."""
    counted = rows.medians()
    sizes = rows.columns()
    lines = [[way, *(f"{counted[way][size]:.0f}" for size in sizes)] for way in rows.ways()]
    totals = ["all", *(f"{_all(rows, size):.0f}" for size in sizes)]
    heads = ["calls", *(f"{int(size):,} nodes" for size in sizes)]
    parts = [HOW, table(heads, [*lines, totals])]
    goals: tuple[Goal, ...] = ()
    if len(sizes) > 1:  # a quick run has one
        growing = [way for way in rows.ways() if counted[way][sizes[-1]] > counted[way][sizes[0]]]
        parts.append(f"What grows with the number of nodes: {', '.join(growing) or 'nothing'}.")
        goals = (_growth(rows, sizes[0], sizes[-1]),)
    return Report("AWS calls of a pass", "\n\n".join(parts), goals)


def _all(rows: Rows, size: str) -> float:
    return sum(rows.median(way, size) for way in rows.ways())


def _growth(rows: Rows, few: str, many: str) -> Goal:
    """Judge the growth for each page of nodes: with a call for each node it would be a page's."""
    further = (_all(rows, many) - _all(rows, few)) / (int(many) - int(few)) * A_PAGE
    return Goal(
        f"more AWS calls of a pass for each {A_PAGE} nodes more, from {few} nodes to {many}",
        estimate([further]),
        LISTINGS,
    )
