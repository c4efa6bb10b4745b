"""What the rows of the swaps mean."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.estimate import Estimate, estimate
from benchmarks.figures import OURS, bars
from benchmarks.report import Goal, Picture, Report, table
from benchmarks.updates.swap_ways import OURS_IPTABLES, OURS_NFT, RULES
from benchmarks.updates.swaps import (
    ANSWERED,
    BROKEN,
    CHANGES,
    CUT,
    DEAD,
    REFUSED_MOVED,
    REFUSED_STEADY,
)

if TYPE_CHECKING:
    from benchmarks.rows import Rows

COUNTS = (CHANGES, ANSWERED, BROKEN, REFUSED_MOVED, REFUSED_STEADY, CUT)

TEXT = """\
A client keeps busy connections open to other ports and opens new ones without pause, both to the
port that moves and to others, while that one port of {rules} gets another target again and again.
Counts are sums over all repetitions, each in a lab of its own. A port is dead from the first new
connection that failed to the next one that was answered, or to the end where none was, as its
clients see it.

{table}

{picture}

Nothing was lost with {lossless}. Where a change takes several commands, the port leads nowhere
between two of them, and a flush takes every port away until its rule is back. "Cut" are
connections that were just open to the old target when the port left it. We reset them, so that
their clients come to the new one; the ways without us leave them where they are, which hangs where
the old target is dead. {ours}
"""


def tell(rows: Rows) -> Report:
    """Tell of all ways; the goals are sums, because one failure in any repetition is one."""
    ways = rows.ways()
    picture = Picture(
        "swaps",
        "How long a port is dead at each change of its target, by way",
        bars(
            "One of a hundred targets changed, under traffic",
            {"port dead, ms per change": {way: rows.estimate(way, DEAD) for way in ways}},
            colours={OURS_NFT: OURS, OURS_IPTABLES: OURS},
        ),
    )
    text = TEXT.format(
        rules=RULES,
        table=table(
            ["way", *COUNTS, DEAD],
            [
                [
                    way,
                    *(f"{_sum(rows, way, column):,.0f}" for column in COUNTS),
                    f"{rows.estimate(way, DEAD):.1f}",
                ]
                for way in ways
            ],
        ),
        picture=picture.markdown,
        ours=_ours(rows),
        lossless="; ".join(way for way in ways if _lost(rows, way) == 0) or "no way at all",
    )
    return Report("What traffic meets while targets change", text, _goals(rows), (picture,))


def _ours(rows: Rows) -> str:
    """Tell how often ours changed the target, and what that proves where nothing was lost."""
    ours = (OURS_NFT, OURS_IPTABLES)
    changes = [_sum(rows, way, CHANGES) for way in ours]
    said = f"Ours changed the target {' and '.join(f'{each:,.0f}' for each in changes)} times"
    if any(_lost(rows, way) for way in ours):
        return f"{said}, and did not do so without loss."
    # With none seen in n, three in n is the upper bound at 95 % (the rule of three).
    return (
        f"{said};\nthat nothing was lost in so many says that, 19 times in 20, fewer than"
        f" {min(100, 300 / min(changes)):.1f} of 100 changes\nlose anything."
    )


def _goals(rows: Rows) -> tuple[Goal, ...]:
    return tuple(
        goal
        for way in (OURS_NFT, OURS_IPTABLES)
        for goal in (
            Goal(f"swaps, {way}: established broken", _total(rows, way, (BROKEN,)), 0),
            Goal(
                f"swaps, {way}: new refused",
                _total(rows, way, (REFUSED_MOVED, REFUSED_STEADY)),
                0,
            ),
            Goal(
                f"swaps, {way}: port dead per change, in the worst repetition",
                estimate([max(rows.taken(way, DEAD).values())]),
                0,
                unit=" ms",
            ),
        )
    )


def _lost(rows: Rows, way: str) -> float:
    return sum(_sum(rows, way, each) for each in (BROKEN, REFUSED_MOVED, REFUSED_STEADY, DEAD))


def _sum(rows: Rows, way: str, column: str) -> float:
    return sum(rows.taken(way, column).values())


def _total(rows: Rows, way: str, columns: tuple[str, ...]) -> Estimate:
    return estimate([sum(_sum(rows, way, column) for column in columns)])
