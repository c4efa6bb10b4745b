"""What the rows of the updates mean: whole updates, and our swap against the bare tool."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.figures import lines, stacks
from benchmarks.report import Goal, Picture, Report, table
from benchmarks.updates import names, steps
from benchmarks.updates.updates_text import TEXT

if TYPE_CHECKING:
    from collections.abc import Iterable

    from benchmarks.estimate import Estimate
    from benchmarks.rows import Rows

# In the order in which they happen; what is left of the whole is comparing and the like.
STEPS = {
    steps.PAYLOAD: "payload",
    steps.SAVED: "what was saved",
    steps.OTHERS: "others' rules",
    steps.BEFORE: "read before",
    steps.SWAP: "swap",
    steps.FLOWS: "repair of flows",
    steps.BACK: "read back",
    steps.SAVE: "save",
}
REST = "the rest"
PARTS_OF_SWAP = (steps.SWAP, steps.PROGRAM)
SHOWN = (500, 5_000)  # forwards, of the picture by steps
BOUND = 1.2


def tell(rows: Rows) -> Report:
    """Tell of every size that was measured."""
    sizes = [int(column) for column in rows.columns()]
    pictures = (
        *(_lines(rows, sizes, update) for update in names.UPDATES),
        _stacks(rows, [size for size in SHOWN if size in sizes] or sizes[-1:]),
    )
    text = TEXT.format(
        whole=table(
            ["median ms", *(f"{size:,}" for size in sizes)],
            [_medians(rows, way, sizes) for way in _whole_ways(rows)],
        ),
        steps=_steps(rows, sizes),
        swaps=_swaps(rows, sizes),
        alone=" and ".join(
            f"{len(rows.taken(names.alone(backend, steps.SWAP), sizes[0]))} times ({backend})"
            for backend in names.BACKENDS
        ),
        start=f"{rows.estimate(_ours('nftables', names.FIRST, names.START), sizes[0]).median:.0f}",
        empty=f"{rows.estimate(names.EMPTY, sizes[0]).median:.1f}",
        places=f"{rows.median(names.PLACES, sizes[0]):,.0f}",
        sets=_sets(rows, sizes),
        first=pictures[0].markdown,
        change=pictures[1].markdown,
        stacked=pictures[2].markdown,
        calls=_calls(rows, sizes),
    )
    return Report("Updates of the NAT instance", text, _goals(rows, sizes), pictures)


def _ours(backend: str, update: str, step: str = steps.ALL) -> str:
    return names.ours(backend, update, step)


def _whole_ways(rows: Rows) -> list[str]:
    others = (names.BY_HAND, names.RESTORE, names.CALLS)
    return [
        way
        for update in names.UPDATES
        for way in (
            *(_ours(backend, update) for backend in names.BACKENDS),
            *(names.other(each, update) for each in others),
        )
        if way in rows.ways()
    ]


def _medians(rows: Rows, way: str, sizes: Iterable[int]) -> list[str]:
    found = {size: rows.taken(way, size) for size in sizes}
    shown = way.removesuffix(f": {steps.ALL}")
    return [shown, *(f"{rows.median(way, s):,.1f}" if found[s] else "" for s in sizes)]


def _steps(rows: Rows, sizes: Iterable[int]) -> str:
    """Make the table whose columns are the steps."""
    lines_of_table = []
    for backend in names.BACKENDS:
        for update in names.UPDATES:
            for size in sizes:
                parts = parts_of(rows, backend, update, size)
                whole = rows.median(_ours(backend, update), size)
                start = rows.median(_ours(backend, update, names.START), size)
                name = f"{backend}, {size:,}, {update}"
                values = [*(parts[each] for each in (*STEPS.values(), REST)), whole, start]
                lines_of_table.append([name, *(f"{each:.1f}" for each in values)])
    head = ["median ms", *STEPS.values(), REST, "all", "start of Python"]
    return table(head, lines_of_table)


def parts_of(rows: Rows, backend: str, update: str, size: int) -> dict[str, float]:
    """Return the medians of the steps, 0 where one was not taken, and what the whole has more."""
    parts = {
        shown: rows.median(way, size) if rows.taken(way, size) else 0.0
        for way, shown in ((_ours(backend, update, step), STEPS[step]) for step in STEPS)
    }
    whole = rows.median(_ours(backend, update), size)
    return {**parts, REST: max(0.0, whole - sum(parts.values()))}


def _swaps(rows: Rows, sizes: Iterable[int]) -> str:
    """Make the table of ratios of the swap to the bare tool."""
    lines_of_table = [
        [what, *(f"{rows.ratio(ours, size, theirs, size):.2f}" for size in sizes)]
        for what, ours, theirs in _comparisons()
    ]
    return table(["ratio", *(f"{size:,}" for size in sizes)], lines_of_table)


def _comparisons() -> list[tuple[str, str, str]]:
    """Return what is compared: its name, our way, and theirs."""
    found = []
    for backend in names.BACKENDS:
        for update in names.UPDATES:
            swap, program = (_of_swap(backend, update, step) for step in PARTS_OF_SWAP)
            same = names.same_text(backend, update)
            what = f"{update}, our swap ({backend}) to"
            tool = names.TOOLS[backend]
            found.append((f"(a) {what} {tool} of the very same text", swap, program))
            alone = f"of (a), {update}, that {tool} ({backend}) to the same one run alone"
            found.append((alone, program, same))
            if backend == "nftables":
                hand = names.other(names.BY_HAND, update)
                found.append((f"(b) {what} nft -f of the least text by hand", swap, hand))
                found.append((f"of (b), {update}, the program alone", program, hand))
    return found


def _of_swap(backend: str, update: str, step: str) -> str:
    """Name the way whose rows tell of a swap: the many alone, where there are any."""
    return names.alone(backend, step) if update == names.CHANGE else _ours(backend, update, step)


def _sets(rows: Rows, sizes: Iterable[int]) -> str:
    """Tell how much of the greatest table's time is the elements of our sets."""
    size = max(sizes)
    hand = names.other(names.BY_HAND, names.FIRST)
    more = rows.ratio(names.other(names.WITH_SETS, names.FIRST), size, hand, size)
    text = {
        way: rows.median(names.size_of_text(way), size)
        for way in ("ours", names.BY_HAND, names.WITH_SETS)
    }
    return (
        f"At {size:,} forwards our text has {text['ours']:,.0f} kB and the least one"
        f" {text[names.BY_HAND]:,.0f} kB.\nThe least table with the elements of our two sets added,"
        f" and nothing else, has {text[names.WITH_SETS]:,.0f} kB and takes\n{more:.2f} times"
        f" as long as without them"
    )


def _calls(rows: Rows, sizes: Iterable[int]) -> str:
    """Tell how much longer one call a rule takes than our whole apply."""
    calls = names.other(names.CALLS, names.FIRST)
    said = []
    for size in sizes:
        if size in SHOWN:
            ratio = rows.ratio(calls, size, _ours("nftables", names.FIRST), size)
            once = ", measured once" if ratio.taken == 1 else ""
            said.append(f"{ratio:.1f} times as long at {size:,} forwards{once},")
    return " and ".join(said)


def _worst(rows: Rows, sizes: Iterable[int], way: str, to_way: str) -> tuple[int, Estimate]:
    found = {size: rows.ratio(way, size, to_way, size) for size in sizes}
    return max(found.items(), key=lambda each: each[1].median)


def _goals(rows: Rows, sizes: list[int]) -> tuple[Goal, ...]:
    goals = []
    for what, ours, theirs in _comparisons():
        if what.startswith("(") and "nftables" in what:
            size, found = _worst(rows, sizes, ours, theirs)
            goals.append(Goal(f"{what} (worst size: {size:,})", found, BOUND))
    first, swap = _ours("nftables", names.FIRST), names.alone("nftables", steps.SWAP)
    if 500 in sizes:
        what = "first apply of 500 forwards, nftables"
        goals.append(Goal(what, rows.estimate(first, 500), 100, unit=" ms"))
    if {50, 5_000} <= set(sizes):
        what = "one target changed, our swap (nftables): 5,000 forwards to 50"
        goals.append(Goal(what, rows.ratio(swap, 5_000, swap, 50), 2))
    return tuple(goals)


def _lines(rows: Rows, sizes: Iterable[int], update: str) -> Picture:
    ways = [way for way in _whole_ways(rows) if update in way]
    series = {
        way.removesuffix(f": {steps.ALL}").replace(f", {update}", ""): {
            float(size): rows.estimate(way, size) for size in sizes if rows.taken(way, size)
        }
        for way in ways
    }
    name = f"updates-{'all' if update == names.FIRST else 'one'}"
    what = "apply all forwards" if update == names.FIRST else "change one target"
    says = f"Time to {what}, over the number of forwards, by way"
    return Picture(name, says, lines(says, series, across="forwards", up="ms"))


def _stacks(rows: Rows, sizes: Iterable[int]) -> Picture:
    columns = {
        f"{backend}, {size:,}, {update}": parts_of(rows, backend, update, size)
        for size in sizes
        for backend in names.BACKENDS
        for update in names.UPDATES
    }
    says = "Where the time of our agent goes, step by step"
    return Picture("updates-steps", says, stacks(says, columns, across="ms"))
