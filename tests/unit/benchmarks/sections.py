"""Sections that measure nothing, in no time."""

from __future__ import annotations

from benchmarks import figures
from benchmarks.machine import Machine
from benchmarks.report import Goal, Picture, Report, Section
from benchmarks.rows import Rows


def machine() -> Machine:
    """Return a machine after a run; a new one each time, since a run writes into it."""
    return Machine(
        date="2026-11-26",
        cores=2,
        processor="a processor",
        linux="6.1",
        python="3.11.7",
        programs={"nft": "1.0.6", "haproxy": "2.6.12"},
        seconds={"one": 90.0, "two": 30.0},
        load={"one": 0.5, "two": 1.25},
    )


def section(name: str, goals: tuple[Goal, ...] = ()) -> Section:
    """Return a section with one row and one picture."""

    def measure(*, quick: bool) -> Rows:
        rows = Rows(name)
        rows.add("ours", "quick" if quick else "full", 0, 0.5)
        return rows

    def tell(rows: Rows) -> Report:
        (column,) = rows.columns()
        found = {"ours": rows.estimate("ours", column)}
        picture = Picture(name, "a bar", figures.bars("title", {column: found}, colours={}))
        return Report(f"Title: {name}", f"{column} {picture.markdown}", goals, (picture,))

    return Section(name, measure, tell)


def broken(name: str) -> Section:
    """Return a section that fails as it measures."""

    def measure(*, quick: bool) -> Rows:
        raise RuntimeError(f"{name} broke")

    return Section(name, measure, section(name).tell)
