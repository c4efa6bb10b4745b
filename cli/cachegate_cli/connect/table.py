"""The format `table`: what a person reads, as wide as the terminal, with no word broken."""

from __future__ import annotations

import re
import textwrap
from typing import TYPE_CHECKING

from cachegate_cli.connect.notes import kind_of, notes_of
from cachegate_cli.plain import plain

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from cachegate.client.connection import ClientForward, Connection

_COLUMNS = ("CONNECT TO", "KIND", "NODE", "SHARD", "ROLE", "INSIDE THE VPC", "STATE")
# What is left out where it has no room, in this order; every other format has it.
_DISPENSABLE = ("SHARD", "INSIDE THE VPC", "KIND")
_GAP = "  "
_COMMAND = re.compile(r"(?:cachegate connect \S+ )?--format [a-z-]+")
_NO_BREAK = "\N{NO-BREAK SPACE}"


def table(connection: Connection, _user: str | None, width: int | None = None) -> str:
    """Return every forward, and what has to be known; no width means a file or a pipe."""
    head = f"{connection.cache}: {kind_of(connection)}; NAT instance {connection.public}"
    notes = [line for note in notes_of(connection) for line in wrapped(note, width)]
    lines = (head, "", *_forwards(connection, width), "", *notes)
    return "".join(f"{line}\n" for line in lines)


def wrapped(note: str, width: int | None) -> list[str]:
    """Break a note between words, where it is no command, which a person may copy."""
    if width is None:
        return [note]
    whole = _COMMAND.sub(lambda found: found[0].replace(" ", _NO_BREAK), note)
    lines = textwrap.wrap(whole, width, break_long_words=False, break_on_hyphens=False)
    return [line.replace(_NO_BREAK, " ") for line in lines]


def _forwards(connection: Connection, width: int | None) -> list[str]:
    rows = [_row(connection, forward) for forward in connection.forwards]
    columns = list(_COLUMNS)
    for spare in (None, *_DISPENSABLE):
        columns = [column for column in columns if column != spare]
        lines = _drawn(rows, columns)
        if width is None or max(map(len, lines)) <= width:
            return lines
    return [line for row in rows for line in _entry(row, width or 0)]


def _drawn(rows: Iterable[dict[str, str]], columns: list[str]) -> list[str]:
    if "KIND" not in columns:  # what is no node goes by its kind
        rows = [row | {"NODE": row["NODE"] or row["KIND"]} for row in rows]
    cells = [columns, *([row[column] or "-" for column in columns] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return [_GAP.join(map(str.ljust, row, widths)).rstrip() for row in cells]


def _entry(row: dict[str, str], width: int) -> Iterator[str]:
    """Yield where to connect, whole on a line, and what is there below it."""
    yield row["CONNECT TO"]
    told = ", ".join(filter(None, (row["NODE"] or row["KIND"], row["ROLE"], row["STATE"])))
    yield from textwrap.wrap(
        told, width, initial_indent=_GAP, subsequent_indent=_GAP, break_long_words=False,
        break_on_hyphens=False,
    )  # fmt: skip


def _row(connection: Connection, forward: ClientForward) -> dict[str, str]:
    places = [forward.endpoint] if forward.endpoint else forward.targets
    host, port = connection.outer(forward)
    told = (
        f"{host}:{port}", forward.kind, forward.node, forward.shard, forward.role,
        ", ".join(f"{inner}:{number}" for inner, number in places), forward.state.replace("_", " "),
    )  # fmt: skip
    return {column: plain(cell or "") for column, cell in zip(_COLUMNS, told, strict=True)}
