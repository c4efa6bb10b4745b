"""What all drawings share: harmless text, ages, and marks that need no colour to be told apart."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

from cachegate_cli.plain import plain

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.console import RenderableType

GOOD, BAD, WARN, NOTE = "green", "bold red", "yellow", "dim"
COMMAND = "cyan"
MARKS = {GOOD: "✓", BAD: "✗", WARN: "!", NOTE: "·"}
_UNITS = ((86_400, "d"), (3600, "h"), (60, "min"))


def text(value: object, style: str = "") -> Text:
    """Return a value from outside as it is: no markup, nothing that steers the terminal."""
    return Text(plain(value), style)


def row(*parts: str | Text, between: str = " ") -> Text:
    """Join what is there; strings are ours or have no style."""
    return Text(between).join(p if isinstance(p, Text) else text(p) for p in parts if p)


def marked(style: str, *said: RenderableType) -> Table:
    """Put a mark before lines, which stay to the right of it where they wrap."""
    return hanging(Text(MARKS[style], style), *said)


def hanging(lead: str | Text, *said: RenderableType, indent: int = 0) -> Table:
    """Put something before lines, which stay to the right of it where they wrap."""
    grid = Table.grid(padding=(0, 1, 0, 0))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    lead = lead if isinstance(lead, Text) else Text(lead)
    grid.add_row(Text(" " * indent) + lead, Group(*said))
    return grid


def listed(pairs: Iterable[tuple[str, str | Text]], indent: int = 2) -> Table:
    """Return names with their values below each other; a pair without a value is left out."""
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(style=NOTE, no_wrap=True)
    grid.add_column(overflow="fold")
    for name, value in pairs:
        if value:
            grid.add_row(" " * indent + name, value)
    return grid


def command(line: str) -> Text:
    """Return what to do."""
    return row(Text("→", NOTE), text(line, COMMAND))


def age(seconds: float) -> str:
    """Write a duration in the unit that fits it, such as 12 s, 4 min, 3 h, 9 d."""
    for size, unit in _UNITS:
        if seconds >= 2 * size:
            return f"{int(seconds // size)} {unit}"
    return f"{max(0, int(seconds))} s"


def moment(at: float) -> str:
    """Write a time of the epoch, in UTC as the logs do."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def plural(count: int, noun: str) -> str:
    """Count something, such as 1 forward, 2 forwards."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def commas(values: Iterable[Any]) -> str:
    """List values, or say that there are none."""
    return ", ".join(map(str, values)) or "nothing"
