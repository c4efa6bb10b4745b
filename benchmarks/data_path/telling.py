"""What the rows of the data path say."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks import figures
from benchmarks.data_path.load import LOADS, ONE, Load
from benchmarks.data_path.measuring import CPU, SLOW, TYPICAL
from benchmarks.data_path.peers import PEERS
from benchmarks.data_path.text import TEXT
from benchmarks.data_path.ways import KERNEL, LEAST, MANY, OURS, OURS_MANY, ROUTED, TLS, TRACKED
from benchmarks.report import Goal, Picture, Report, table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.estimate import Estimate
    from benchmarks.rows import Rows

BOUND = 0.95
_ORDER = (*KERNEL, TLS, *PEERS)


def tell(rows: Rows) -> Report:
    """Return the section: what was measured, two tables, what they mean, goals and a picture."""
    picture = _picture(rows)
    text = TEXT.format(
        shares=_shares(rows),
        costs=_costs(rows),
        picture=picture.markdown,
        steps=_steps(rows),
        limit=", ".join(f"{_share(rows, LEAST, load).median:.2f}" for load in LOADS),
        many=f"{MANY:,}",
        missing=_missing(rows),
    )
    return Report("Data path", text, tuple(_goals(rows)), (picture,))


def _measured(rows: Rows) -> list[str]:
    known = rows.ways()
    return [way for way in _ORDER if way in known]


def _missing(rows: Rows) -> str:
    """Say which peers were left out; nothing where none was."""
    absent = [name for name in PEERS if name not in rows.ways()]
    if not absent:
        return ""
    return f"- Left out, as their programs were not found (`make peers`): {', '.join(absent)}.\n"


def _shares(rows: Rows) -> str:
    return table(
        ["of what `routed, tracked` answers in a second", *(load.column for load in LOADS)],
        [
            [way, *(f"{_share(rows, way, load):.2f}" for load in LOADS)]
            for way in _measured(rows)
            if way != TRACKED
        ],
    )


def _costs(rows: Rows) -> str:
    def cost(way: str, load: Load) -> str:
        column = f"{load.column}: {CPU}"
        return "1" if way == TRACKED else f"{rows.ratio(way, column, TRACKED, column):.2f}"

    def latency(way: str, what: str) -> str:
        return f"{rows.median(way, f'{ONE.column}: {what}'):.2f}"

    return table(
        [
            "CPU time for each request, times that of `routed, tracked`",
            *(load.column for load in LOADS),
            f"p50 and p99 in ms, {ONE.column}",
        ],
        [
            [
                way,
                *(cost(way, load) for load in LOADS),
                f"{latency(way, TYPICAL)} and {latency(way, SLOW)}",
            ]
            for way in _measured(rows)
        ],
    )


def _share(rows: Rows, way: str, load: Load, of: str = TRACKED) -> Estimate:
    return rows.ratio(way, load.column, of, load.column)


def _steps(rows: Rows) -> str:
    """Return what each thing that is added leaves of the way without it."""
    return table(
        ["what is added", "to", *(load.column for load in LOADS)],
        [
            [what, of, *(f"{_share(rows, way, load, of):.3f}" for load in LOADS)]
            for what, way, of in (
                ("tracking of connections", TRACKED, ROUTED),
                ("translation, by one rule in each direction", LEAST, TRACKED),
                ("all else that cachegate's rules do, nftables", OURS["nftables"], LEAST),
                ("the same, iptables", OURS["iptables"], LEAST),
            )
        ],
    )


def _goals(rows: Rows) -> Iterator[Goal]:
    for name in OURS.values():
        for load in LOADS:
            yield _goal(rows, load, name, TRACKED, BOUND)
    peers = [name for name in PEERS if name in rows.ways()]
    for name in OURS.values() if peers else ():
        for load in LOADS:
            best = max(peers, key=lambda peer: rows.median(peer, load.column))
            yield _goal(rows, load, name, best, 1, ", the best of all other programs")
    for backend, name in OURS_MANY.items():
        for load in LOADS:
            yield _goal(rows, load, name, OURS[backend], 1)


def _goal(rows: Rows, load: Load, name: str, to: str, bound: float, why: str = "") -> Goal:
    what = f"requests a second, {load.column}: `{name}` to `{to}`{why}"
    return Goal(what, _share(rows, name, load, to), bound, at_least=True)


def _picture(rows: Rows) -> Picture:
    panels = {
        load.column: {way: _share(rows, way, load) for way in _measured(rows)} for load in LOADS
    }
    ours = dict.fromkeys((*OURS.values(), *OURS_MANY.values(), TLS), figures.OURS)
    figure = figures.bars(
        f"Requests a second, as a share of routed and tracked (dotted: the goal, {BOUND:g})",
        panels,
        colours=ours | {ROUTED: figures.LIMIT, TRACKED: figures.LIMIT},
        limit=BOUND,
    )
    return Picture("data-path", "Requests a second of each way, as a share of routing", figure)
