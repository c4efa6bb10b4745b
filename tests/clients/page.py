"""The part of docs/clients.md that is measured, between its markers."""

from __future__ import annotations

import os
import platform
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from tests.clients.programs import said_by

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tests.clients.matrix import Tried
    from tests.clients.programs import Program

PAGE = Path(__file__).parents[2] / "docs" / "clients.md"
TEXT = 120  # characters of an error


def begin(name: str) -> str:
    """Return the line before what is measured of a cache."""
    return f"<!-- measured: {name}: begin -->"


def end(name: str) -> str:
    """Return the line after it."""
    return f"<!-- measured: {name}: end -->"


def put(name: str, measured: str, page: Path = PAGE) -> None:
    """Replace what stands between a cache's markers on the page."""
    before, first, rest = page.read_text().partition(begin(name))
    _, last, after = rest.partition(end(name))
    if not first or not last:
        raise ValueError(f"{page} has no markers {begin(name)} and {end(name)}")
    page.write_text(f"{before}{first}\n{measured}\n{last}{after}")


def report(rows: Sequence[Tried], programs: Iterable[Program]) -> str:
    """Return the table of one cache, with how it was made above and the errors below."""
    made = f"Measured {datetime.now(UTC):%Y-%m-%d} by `make test-clients` on {_machine()}."
    versions = f"Clients: {', '.join(_versions(programs))}."
    return "\n".join([made, versions, "", *_table(rows), *_errors(rows)])


def _table(rows: Sequence[Tried]) -> list[str]:
    cases = list(dict.fromkeys(each.case for each in rows))
    found = {(each.program, each.case): each for each in rows}
    lines = [
        f"| client | {' | '.join(case.name for case in cases)} |",
        f"| --- |{' ---: |' * len(cases)}",
    ]
    for program in dict.fromkeys(each.program for each in rows):
        cells = (cell(found.get((program, case))) for case in cases)
        lines.append(f"| {program.name} | {' | '.join(cells)} |")
    return lines


def cell(tried: Tried | None) -> str:
    """Return what became of a client in a few words."""
    if tried is None:
        return ""
    report = tried.report
    if report.died or report.hung:
        return "**ended**" if report.died else "**hung**"
    gap = f"{report.longest_ms:,.0f} ms"
    return f"{report.ok:,} / {report.errors:,} / {gap}"


def _errors(rows: Sequence[Tried]) -> list[str]:
    lines = [
        f"- {each.program.name}, {each.case.name}: `{_short(each.report.first_error)}`"
        for each in rows
        if each.report.first_error
    ]
    return ["", "First errors:", "", *lines] if lines else []


def _short(text: str) -> str:
    plain = text.replace("`", "'")
    return plain if len(plain) <= TEXT else f"{plain[:TEXT]} ..."


def _versions(programs: Iterable[Program]) -> list[str]:
    named = {each.name.removesuffix("-asyncio"): each.version() for each in programs}
    return [f"{name} {version}" for name, version in sorted(named.items())]


def _machine() -> str:
    linux = platform.release().partition("-")[0]
    server = (said_by("redis-server", "--version") or "v=none").split("v=")[1].split()[0]
    python = platform.python_version()
    return f"{os.cpu_count()} cores, Linux {linux}, Python {python}, redis-server {server}"
