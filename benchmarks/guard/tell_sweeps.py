"""What the calls of a quiet sweep mean."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.estimate import estimate
from benchmarks.guard.sweeps import GROUPS_A_CACHE, RULES_A_GROUP
from benchmarks.report import Goal, Report, table
from cachegate.aws.batches import MOST_VALUES
from cachegate.aws.rule_calls import PAGE as RULES_PAGE

if TYPE_CHECKING:
    from benchmarks.rows import Rows

TEXT = """\
Of a pass of the guard that finds nothing new, over groups of {rules} ingress rules, one of which
is reported; {groups} groups belong to one cache and one function. Counts, not times: equal in every
run.

{counts}

Groups, rules and interfaces are asked for {batch} groups at a time, rules by the page of {page:,},
egress among them, caches and records by the page. So calls grow by the page and not by the group:
{largest:,} groups take {calls:.0f} calls. Each managed prefix list that
a rule names would cost one call more, or one for 100 entries: EC2 gives them by the list.
"""


def tell(rows: Rows) -> Report:
    """Return the section of the page."""
    sizes = sorted(map(int, rows.columns()))
    totals = {size: sum(rows.median(way, size) for way in rows.ways()) for size in sizes}
    largest = sizes[-1]
    lines = [
        [way, *(f"{rows.median(way, size):.0f}" for size in sizes)] for way in rows.ways()
    ]  # fmt: skip
    text = TEXT.format(
        rules=RULES_A_GROUP,
        groups=GROUPS_A_CACHE,
        counts=table(
            ["calls", *(f"{size:,} groups" for size in sizes)],
            [*lines, ["all", *(f"{total:.0f}" for total in totals.values())]],
        ),
        batch=MOST_VALUES,
        page=RULES_PAGE,
        largest=largest,
        calls=totals[largest],
    )
    goal = Goal(
        what=f"AWS calls of a pass that finds nothing new, {largest:,} groups",
        found=estimate([totals[largest]]),
        bound=100,
    )
    return Report(title="AWS calls of a pass of the guard", text=text, goals=(goal,))
