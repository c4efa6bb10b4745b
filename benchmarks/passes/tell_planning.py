"""What the rows of planning mean."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks import figures
from benchmarks.passes.ceilings import CEILING, COMMAND, ESTATES, ITEM, LIMIT, MEMORY, PORTS, TIME
from benchmarks.passes.planning import (
    APART,
    BLOCKS,
    BODY,
    FIRST,
    PART,
    PAYLOAD,
    PEAK_MB,
    SIZES,
    STEADY,
)
from benchmarks.report import Goal, Picture, Report, spec, table

if TYPE_CHECKING:
    from benchmarks.estimate import Estimate
    from benchmarks.rows import Rows

GOAL_NODES, GOAL_MS = 500, 10
MOST = SIZES[-1]
LINEAR = MOST / GOAL_NODES

HOW = """\
A plan is pure Python: what AWS and DNS show and the ledger go in, the next ledger and every change
with its reason come out. Measured is its CPU time on one core. Python's garbage collector is at
work, but on what the plan makes alone: a collection of all objects, which falls into a plan now and
then, looks at whatever the process holds. A steady plan finds nothing new; its ledger was read back
from its stored form, as each pass does. The nodes are those of full cluster-mode groups. Memory is
the most at any moment of a run of its own under tracemalloc; blocks are those that the plan holds
at the end, not those given back on the way. Both are on top of what went in."""

BYTES = """\
What a plan becomes outside, compressed in both places: the payload that one command carries to each
NAT instance (one command, never several), and the ledger's item in DynamoDB. How small they get
depends on what names and addresses have in common. "Alike" are numbered nodes of full groups at
addresses side by side; "unlike" are caches of one node with random names at random addresses."""


def tell(rows: Rows) -> Report:
    """Return the section of the page."""
    picture = _picture(rows)
    parts = [HOW, _times(rows), picture.markdown, _linear(rows), BYTES, _sizes(rows)]
    if CEILING in rows.ways():  # a quick run does not look for them
        parts.append(_ceilings(rows))
    text = "\n\n".join(parts)
    goals = (
        Goal(
            f"CPU time of a plan that finds nothing new, {GOAL_NODES} nodes",
            rows.estimate(STEADY, GOAL_NODES),
            GOAL_MS,
            unit=" ms",
        ),
        Goal(
            f"the same, {MOST:,} nodes to {GOAL_NODES} (linear: {LINEAR:g})",
            rows.ratio(STEADY, MOST, STEADY, GOAL_NODES),
            LINEAR,
        ),
    )
    return Report("Planning a pass", text, goals, (picture,))


def _times(rows: Rows) -> str:
    lines = [
        [f"{way}, ms", *(f"{found:{spec(found)}}" for found in _estimates(rows, way))]
        for way in (FIRST, STEADY)
    ]
    lines += [
        [f"{way}, {what}", *(f"{rows.median(f'{way}, {what}', size):{spec}}" for size in SIZES)]
        for way in (FIRST, STEADY)
        for what, spec in ((PEAK_MB, ".2g"), (BLOCKS, ",.0f"))
    ]
    return table(["nodes", *_heads()], lines)


def _linear(rows: Rows) -> str:
    ratio = rows.ratio(STEADY, MOST, STEADY, GOAL_NODES)
    in_proportion = ratio.low <= LINEAR
    said = f"{LINEAR:g} times the nodes take {ratio:{spec(ratio)}} times as long: " + (
        "in proportion, as far as the noise lets us tell."
        if in_proportion
        else "more than in proportion."
    )
    if APART in rows.ways():  # a quick run does not plan them
        apart = rows.ratio(APART, MOST, STEADY, GOAL_NODES)
        said += (
            f" {LINEAR:g} plans of {PART} nodes, one after the other and each with objects of its "
            f"own, take {apart:{spec(apart)}} times as long as one."
        )
    if in_proportion:
        return said
    return (
        f"{said} What exceeds it is most likely memory: a plan comes back to each node when the "
        "objects of so many have left the processor's caches."
    )


def _estimates(rows: Rows, way: str) -> list[Estimate]:
    return [rows.estimate(way, size) for size in SIZES]


def _sizes(rows: Rows) -> str:
    ways = [f"{what}, {name}" for what in (PAYLOAD, BODY) for name in ESTATES]
    return table(
        ["nodes", *_heads()],
        [[way, *(f"{rows.median(way, size):,.0f}" for size in SIZES)] for way in ways],
    )


def _heads() -> list[str]:
    return [f"{size:,}" for size in SIZES]


def _ceilings(rows: Rows) -> str:
    """Tell how many nodes each limit allows, the first to break first."""
    most = rows.medians()[CEILING]
    found = {
        f"characters of a command, nodes {name}": (
            f"{rows.median(LIMIT, COMMAND):,.0f}", most[f"{COMMAND}, {name}"],
            "the pass fails with `rule_set_too_large`, and the last rule set stands",
        )
        for name in ESTATES
    }  # fmt: skip
    found["listen ports of the default range"] = (
        f"{most[PORTS]:,.0f}", most[PORTS],
        "a cache that finds no port is not forwarded: `range_exhausted`",
    )  # fmt: skip
    found["bytes of the ledger's item, nodes unlike"] = (
        f"{rows.median(LIMIT, ITEM):,.0f}", most[f"{ITEM}, unlike"],
        "the pass fails with `rule_set_too_large`",
    )  # fmt: skip
    megabytes = rows.median(f"{FIRST}, {PEAK_MB}", MOST) / MOST
    found["the function's memory, MB (computed)"] = (
        f"{rows.median(LIMIT, MEMORY):,.0f}", rows.median(LIMIT, MEMORY) / megabytes,
        "Lambda ends the function",
    )  # fmt: skip
    seconds = rows.median(FIRST, MOST) / 1000 / MOST
    found["the function's time, s (computed)"] = (
        f"{rows.median(LIMIT, TIME):,.0f}", rows.median(LIMIT, TIME) / seconds,
        "Lambda ends the function",
    )  # fmt: skip
    alike = min(
        (most[f"{COMMAND}, alike"], "characters of a command"),
        (most[PORTS], "listen ports of the default range"),
    )
    ordered = sorted(found.items(), key=lambda each: each[1][1])
    first, (limit, nodes, _) = ordered[0]
    lines = [[what, bound, f"{count:,.0f}", then] for what, (bound, count, then) in ordered]
    return (
        f"**The ceiling** of one stack in one VPC is {_round(nodes)} nodes at worst, and "
        f"{_round(alike[0])} where they are alike, by the {alike[1]}. The limit that breaks "
        f"first is that of {limit} {first}. "
        "The limits that are ours were tried on both sides: so many nodes are taken, and where "
        "there are more, the error or problem says how much is needed, how much there is, and "
        "what to do (expose fewer caches: a second stack has a ceiling of its own). A group "
        "without cluster mode takes two listen ports more, which count as nodes here.\n\n"
        f"{table(['limit', 'is', 'nodes', 'above it'], lines)}\n\n"
        "Those marked as computed are what planning alone would take of a function, by the largest "
        "size measured and at this machine's speed; a pass spends most of its time waiting, and "
        "needs memory for AWS's answers too. Their distance from the others is what matters."
    )


def _round(nodes: float) -> str:
    """Write a number of nodes no more exactly than it is known: random names are not yours."""
    return f"{nodes // 10 * 10:,.0f}"


def _picture(rows: Rows) -> Picture:
    series = {
        way: dict(zip(map(float, SIZES), _estimates(rows, way), strict=True))
        for way in (STEADY, FIRST)
    }
    each = rows.median(STEADY, GOAL_NODES) / GOAL_NODES
    linear = {float(size): size * each for size in SIZES}
    title = "CPU time of a plan"
    figure = figures.lines(
        title,
        series,
        across="nodes",
        up="ms",
        reference=(f"as much for each node as with {GOAL_NODES}", linear),
    )
    says = f"{title} over the number of nodes: lines, both axes logarithmic"
    return Picture("planning", says, figure)
