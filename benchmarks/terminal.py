"""What a run says to the person who started it."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from benchmarks.page import count
from benchmarks.report import spec

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from benchmarks.report import Goal, Report

WIDE = 99  # characters of a line
INDENT = 50  # of them before what a goal is about


def goals(reports: Sequence[Report]) -> str:
    """Return all goals by section: the verdict, the median, the bound, and what it is about."""
    head = 'Goals: the verdict ("noise": chance may have decided it), the median and its bound'
    return "\n".join(("", head, *_goals(reports), "", count(reports)))


def _goals(reports: Sequence[Report]) -> Iterator[str]:
    for report in reports:
        if report.goals:
            yield f"\n{report.title}"
            yield from map(_goal, report.goals)


def _goal(goal: Goal) -> str:
    found = f"{goal.found.median:{spec(goal.found)}}{goal.unit}, {goal.wanted()}"
    verdict = goal.verdict().replace("within the noise", "noise")
    return textwrap.fill(
        goal.what,
        width=WIDE,
        initial_indent=f"  {verdict:15}{found:32} ".ljust(INDENT),
        subsequent_indent=" " * INDENT,
    )
