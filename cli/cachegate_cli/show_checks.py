"""How `doctor` draws its checks: what fails first, each with its fix, and a line that sums up.

Of what passes, a few lines stand for each kind of check: `--json` has each of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group
from rich.table import Table
from rich.text import Text

from cachegate_cli.checks import counts_of
from cachegate_cli.plain import plain

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import RenderableType

    from cachegate_cli.checks import Check, State

NAMED = 3  # subjects where the same is said of several, and statements where several pass
_STYLES: dict[State, str] = {"fail": "bold red", "unknown": "yellow", "pass": "green"}
_MARKS: dict[State, str] = {"fail": "✗", "unknown": "?", "pass": "✓"}


def draw_checks(checks: Sequence[Check], name: str) -> RenderableType:
    """Draw all checks: those of the stack as a whole, then those of each VPC."""
    width = max((len(check.check) for check in checks), default=0)
    parts: list[RenderableType] = []
    for vpc in sorted({check.vpc or "" for check in checks}):
        grid, heading = _grid(width), vpc or name
        for state in ("fail", "unknown", "pass"):
            theirs = [each for each in checks if (each.vpc or "", each.state) == (vpc, state)]
            for check, said in _said(theirs, heading):
                _add(grid, state, check, said)
        parts += [Text(plain(heading), "bold"), grid, Text()]
    return Group(*parts, _sum(checks))


def _grid(width: int) -> Table:
    grid = Table.grid(padding=(0, 1, 0, 0))
    grid.add_column(no_wrap=True, min_width=max(map(len, _MARKS)) + 2)
    grid.add_column(no_wrap=True, min_width=width)
    grid.add_column(overflow="fold")
    return grid


def _add(grid: Table, state: State, check: str, said: RenderableType) -> None:
    style = _STYLES[state]
    name = Text(plain(check), "" if state == "pass" else style)
    grid.add_row(Text(f"{_MARKS[state]} {state}", style), name, said)


def _said(checks: list[Check], heading: str) -> Iterator[tuple[str, RenderableType]]:
    """Yield each kind of check and what to tell of it; what is said of several is said once."""
    alike: dict[tuple[str, ...], list[Check]] = {}
    for check in checks:
        told = (check.says, check.fix or "") if check.state != "pass" else ()
        alike.setdefault((check.check, *told), []).append(check)
    for (name, *_), same in alike.items():
        yield name, _passes(same, heading) if same[0].state == "pass" else _trouble(same, heading)


def _trouble(alike: list[Check], heading: str) -> RenderableType:
    """Tell what is wrong, and what to do about it."""
    check = alike[0]
    said = Text.assemble((_whom(alike, heading), "bold"), plain(check.says))
    if check.fix is None:
        return said
    return Group(said, Text.assemble(("fix: ", "dim"), (plain(check.fix), "cyan")))


def _passes(alike: list[Check], heading: str) -> Text:
    """Tell who passes and why, as far as a few lines have room for it."""
    by_words: dict[str, list[Check]] = {}
    for check in alike:
        by_words.setdefault(plain(check.says), []).append(check)
    lines = [f"{_whom(same, heading)}{says}" for says, same in by_words.items()]
    more = len(lines) - NAMED
    if more > 0:
        lines = [*lines[:NAMED], f"and {more} more, which --json has"]
    return Text("\n".join(lines))


def _whom(checks: list[Check], heading: str) -> str:
    """Say whom checks are about, where that does not stand above them."""
    return "" if {each.subject for each in checks} == {heading} else f"{_listed(checks)}: "


def _listed(checks: list[Check]) -> str:
    """List whom checks are about, the first ones by name."""
    subjects = list(dict.fromkeys(plain(check.subject) for check in checks))
    more = f" and {len(subjects) - NAMED} more" if len(subjects) > NAMED else ""
    return ", ".join(subjects[:NAMED]) + more


def _sum(checks: Sequence[Check]) -> Text:
    counts = counts_of(checks)
    parts = [
        (f"{counts[state]} {state}", _STYLES[state] if counts[state] else "dim")
        for state in ("pass", "fail", "unknown")
    ]
    return Text(", ").join(Text(*part) for part in parts)
