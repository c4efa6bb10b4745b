"""What the rows of the starts mean."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks import figures
from benchmarks.cold_start.environment import FUNCTIONS
from benchmarks.cold_start.stage import BARE, BYTE_CODE, SOURCE
from benchmarks.cold_start.starts import (
    CLIENTS,
    CPU,
    KINDS,
    MODULES,
    NAME,
    OURS,
    RSS,
    SHARED,
    UNPACKED,
    WALL,
    ZIPPED,
    way,
)
from benchmarks.report import Goal, Picture, Report, table

if TYPE_CHECKING:
    from benchmarks.rows import Rows

BOUND = 1.3
AS_BARE = "as long as the bare handler"


def tell(rows: Rows) -> Report:
    """Return the section of the page."""
    made = " and ".join(f"{rows.median(way(name, BARE), CLIENTS):.0f}" for name in FUNCTIONS)
    picture = _picture(rows)
    text = f"""\
How long a start takes before the first event: a fresh process imports the function's module, which
makes its clients ({made} of them) and reads its settings. Beside it a bare handler makes the very
same clients with boto3, one session for all, and nothing else. The layer is the one that
`make build` makes; boto3 has its byte code, as in Lambda's runtime. The start of the interpreter
itself is left out, and a start keeps to one core, for Lambda gives a function of this size less
than one. Each ratio is to the bare handler, in CPU time, for one start computes all the while and
waits for nothing.

{_table(rows)}

{picture.markdown}

**Byte code.** A function cannot keep what it compiles, for a layer is read-only. Where `python3.13`
is on the path, a build puts byte code for the runtime into the layer
([decision 21](decisions/0021-the-layer-carries-byte-code.md)); the rows "{BYTE_CODE}" are such a
layer, its byte code made anew for the Python of this run. Without that Python the layer has none,
and the rows "{SOURCE}" hold. The layer has {_size(rows, BYTE_CODE)} with byte code, and
{_size(rows, SOURCE)} without.

**The collector.** Our functions keep Python's garbage collector out of what a start makes
([decision 20](decisions/0020-what-a-start-makes-stays.md)); the bare handler leaves it at work, as
it is by default, and would gain as much.

**The parts.** The first part of each start of ours is as long as the bare handler's whole start: it
was not measured apart, for our clients are made by botocore itself, without boto3 and what that
brings for uploads. The part called powertools has the modules of the standard library that they
import first, and ours is what is left. By a profile, most of that is dataclasses: Python writes and
compiles the methods of a frozen class each time it is defined, and no byte code keeps that.
"""
    return Report("Cold start", text, _goals(rows), (picture,))


def _goals(rows: Rows) -> tuple[Goal, ...]:
    return tuple(
        Goal(
            f"start of {name}, {kind}, to a bare handler with the same clients (CPU time)",
            rows.ratio(way(name, kind), CPU, way(name, BARE), CPU),
            BOUND,
        )
        for kind in (BYTE_CODE, SOURCE)
        for name in FUNCTIONS
    )


def _table(rows: Rows) -> str:
    return table(
        ["start", "to bare, CPU", "to bare, wall", "RSS, MiB", "modules", "of ours"],
        [
            [
                way(name, kind),
                "1" if kind == BARE else _ratio(rows, name, kind, CPU),
                "1" if kind == BARE else _ratio(rows, name, kind, WALL),
                *(f"{rows.median(way(name, kind), each):.0f}" for each in (RSS, MODULES, OURS)),
            ]
            for name in FUNCTIONS
            for kind in KINDS
        ],
    )


def _ratio(rows: Rows, name: str, kind: str, column: str) -> str:
    return f"{rows.ratio(way(name, kind), column, way(name, BARE), column):.2f}"


def _size(rows: Rows, kind: str) -> str:
    unpacked, zipped = (rows.median(f"layer, {kind}", each) for each in (UNPACKED, ZIPPED))
    return f"{unpacked / 1e6:.1f} MB unpacked and {zipped / 1e6:.1f} MB zipped"


def _picture(rows: Rows) -> Picture:
    columns = {}
    for name in FUNCTIONS:
        bare = rows.median(way(name, BARE), WALL)
        compiled = rows.median(way(name, BYTE_CODE), WALL)
        shared = rows.median(way(name, BYTE_CODE), SHARED)
        parts = {AS_BARE: bare, "powertools": shared, "ours": max(0.0, compiled - shared - bare)}
        columns[way(name, BARE)] = {AS_BARE: bare}
        columns[way(name, BYTE_CODE)] = parts
        source = rows.median(way(name, SOURCE), WALL)
        columns[way(name, SOURCE)] = parts | {"compiling": max(0.0, source - compiled)}
    return Picture(
        NAME,
        f"Milliseconds of a start by its parts: {AS_BARE}, powertools, ours, compiling",
        figures.stacks("What a start is made of", columns, across="ms, medians of wall time"),
    )
