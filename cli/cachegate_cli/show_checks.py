"""How `doctor` draws its checks: what fails first, each with its fix, and a line that sums up."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from rich.console import Group
from rich.table import Table
from rich.text import Text

from cachegate_cli.checks import counts_of
from cachegate_cli.plain import plain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import RenderableType

    from cachegate_cli.checks import Check, State

ORDER: tuple[State, ...] = ("fail", "unknown", "pass")
_STYLES: dict[State, str] = {"fail": "bold red", "unknown": "yellow", "pass": "green"}
_MARKS: dict[State, str] = {"fail": "✗", "unknown": "?", "pass": "✓"}


def draw_checks(checks: Sequence[Check], name: str) -> RenderableType:
    """Draw all checks: those of the stack as a whole, then those of each VPC."""
    groups = sorted({check.vpc or "" for check in checks})
    parts: list[RenderableType] = []
    for vpc in groups:
        theirs = [check for check in checks if (check.vpc or "") == vpc]
        parts += [Text(plain(vpc or name), "bold"), _group(theirs), Text()]
    return Group(*parts, _sum(checks))


def _group(checks: list[Check]) -> Table:
    grid = Table.grid(padding=(0, 1, 0, 0))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    ranked = sorted(checks, key=lambda check: ORDER.index(check.state))
    for state, same in groupby(ranked, key=lambda check: check.state):
        style = _STYLES[state]
        for check in same:
            said = Text.assemble(
                (f"{check.check} ", style if state != "pass" else ""),
                (plain(check.subject), "bold" if state != "pass" else "dim"),
                f": {plain(check.says)}",
            )
            lines = [said]
            if check.fix:
                lines.append(Text.assemble(("fix: ", "dim"), (plain(check.fix), "cyan")))
            grid.add_row(
                Text(f" {_MARKS[state]} {state if state != 'pass' else ''}", style), Group(*lines)
            )
    return grid


def _sum(checks: Sequence[Check]) -> Text:
    counts = counts_of(checks)
    parts = [
        (f"{counts[state]} {state}", _STYLES[state] if counts[state] else "dim")
        for state in ("pass", "fail", "unknown")
    ]
    return Text(", ").join(Text(*part) for part in parts)
