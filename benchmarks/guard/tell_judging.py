"""What the times of judging mean."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks import figures
from benchmarks.guard.judging import (
    FINDING,
    FINDING_ADDS,
    GROUPS_OF_AN_ACCOUNT,
    HELD,
    JUDGING_ADDS,
    MIXED,
    RULES_A_GROUP,
    UNION,
)
from benchmarks.report import Goal, Picture, Report, table

if TYPE_CHECKING:
    from benchmarks.estimate import Estimate
    from benchmarks.rows import Rows

WAYS = (MIXED, UNION, FINDING)
SECONDS = 10_000  # ms: "in seconds" is less than ten of them
HALF = 256  # MB: half of the memory that the template gives the function
TEXT = """\
The guard judges every ingress rule of every security group that a cache has. The groups here have
{rules} rules each, as many as EC2's default quota lets them; its default quota of groups is
{quota:,} in a Region. Pure Python, CPU time of one core; the same groups in every repetition.

{times}

![picture]

{growth}
Rules that are narrow each and too wide together cost {union:.1f} times as much as mixed ones, for
the judge must find which of them to give up. What becomes of each rule (revoked, reported, exempt)
costs {deciding:.2f} times the judging alone.

In memory the rules of {largest:,} groups take {held:.0f} MB as Python values. Judging all of them
in one call would add {judging:.0f} MB; a pass judges group by group, and adds {finding:.0f} MB for
all it decides.

Judging takes {each:.0f} microseconds a rule. A profile shows no place that stands out, so nothing
was changed.
"""


def tell(rows: Rows) -> Report:
    """Return the section of the page."""
    sizes = sorted(map(int, rows.columns()))
    largest = sizes[-1]
    times = {way: {float(size): rows.estimate(way, size) for size in sizes} for way in WAYS}
    picture = Picture(
        name="judging",
        says="Time to judge rules over the number of groups: straight lines, so linear",
        figure=figures.lines(
            "Judging ingress rules (CPU time of one core)",
            times,
            across="security groups of 60 rules",
            up="ms",
        ),
    )
    held, judging, finding = (
        rows.median(what, largest) for what in (HELD, JUDGING_ADDS, FINDING_ADDS)
    )
    text = TEXT.format(
        rules=RULES_A_GROUP,
        quota=GROUPS_OF_AN_ACCOUNT,
        largest=largest,
        times=_times(times),
        growth=_growth(rows, sizes),
        union=rows.ratio(UNION, largest, MIXED, largest).median,
        deciding=rows.ratio(FINDING, largest, MIXED, largest).median,
        held=held,
        judging=judging,
        finding=finding,
        each=rows.median(MIXED, largest) * 1000 / largest / RULES_A_GROUP,
    ).replace("![picture]", picture.markdown)
    return Report(
        title="Judging ingress rules",
        text=text,
        goals=_goals(rows, sizes),
        pictures=(picture,),
    )


def _times(times: dict[str, dict[float, Estimate]]) -> str:
    sizes = list(next(iter(times.values())))
    return table(
        ["ms, by number of groups", *(f"{size:,.0f}" for size in sizes)],
        [
            [way, *(f"{found.median:,.1f}" for found in cells.values())]
            for way, cells in times.items()
        ],
    )


def _growth(rows: Rows, sizes: list[int]) -> str:
    """Say how time grows from the last size but one to the last."""
    smaller, larger = sizes[-2:]
    found = rows.ratio(FINDING, larger, FINDING, smaller)
    return (
        f"{larger // smaller} times as many groups take {found:.2f} times as long to judge and "
        "decide: linear."
        if found.median <= 1.2 * larger / smaller
        else f"{larger // smaller} times as many groups take {found:.2f} times as long: not linear."
    )


def _goals(rows: Rows, sizes: list[int]) -> tuple[Goal, ...]:
    """Return the goals, which are about 2,500 groups; a quick run has none so large."""
    smaller, larger = sizes[-2:]
    ten = larger // smaller
    linear = Goal(
        what=f"CPU time to judge and decide, {larger:,} groups to {smaller:,} (linear: {ten})",
        found=rows.ratio(FINDING, larger, FINDING, smaller),
        bound=1.2 * ten,
    )
    seconds = Goal(
        what=f"CPU time to judge and decide, {larger:,} groups",
        found=rows.estimate(FINDING, larger),
        bound=SECONDS,
        unit=" ms",
    )
    memory = Goal(
        what=f"memory of the rules of {larger:,} groups (the function has {2 * HALF} MB)",
        found=rows.estimate(HELD, larger),
        bound=HALF,
        unit=" MB",
    )
    return linear, seconds, memory
