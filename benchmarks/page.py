"""The page, from the raw rows alone: the same rows give the same page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks import figures
from benchmarks.report import spec, table
from benchmarks.rows import Rows

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from benchmarks.machine import Machine
    from benchmarks.report import Report, Section

HEAD = """\
# Benchmarks

Written by `make bench`, from the raw rows beside it ([benchmarks/](benchmarks/), CSV). Everything
here was measured side by side in one run, the ways taking turns. Compare ratios: absolute times
differ from machine to machine by a factor, and from run to run by more than many of the differences
below. "1.02 (0.97 to 1.08)" is a median with the interval that holds the true one in 95 of 100 such
runs; a goal is "within the noise" where that interval has values on both sides of it. "Ours" is
cachegate. "The guide" is what AWS once published: one iptables rule for each node, written by hand.
"""
QUICK = """\
**This is a quick run, for a look only**: few repetitions of few sizes, so that most verdicts are a
matter of chance. `make bench` measures in full.
"""


def tell(sections: Iterable[Section], folder: Path) -> list[Report]:
    """Return what each section has to say of the rows that it kept in a folder."""
    return [each.tell(Rows.load(folder, each.name)) for each in sections]


def page(reports: Sequence[Report], machine: Machine) -> str:
    """Return the whole page in markdown."""
    parts = [HEAD, *([QUICK] if machine.quick else []), machine.sentence(), ""]
    parts += ["## Goals", "", count(reports), "", goals(reports), ""]
    for report in reports:
        parts += [f"## {report.title}", "", report.text.strip(), ""]
    return "\n".join(parts)


def count(reports: Iterable[Report]) -> str:
    """Return in words how many goals are met."""
    verdicts = [goal.verdict() for report in reports for goal in report.goals]
    noisy = sum("noise" in verdict for verdict in verdicts)
    met = sum(verdict.startswith("met") for verdict in verdicts)
    return f"{met} met, {len(verdicts) - met} missed; {noisy} of these verdicts within the noise."


def goals(reports: Iterable[Report]) -> str:
    """Return the table of all goals, met or not, by section."""
    lines = []
    for report in reports:
        lines += [[f"**{report.title}**", "", "", ""]] if report.goals else []
        for goal in report.goals:
            found = f"{goal.found:{spec(goal.found)}}{goal.unit}"
            lines.append([goal.what, found, goal.wanted(), goal.verdict()])
    return table(["goal", "measured", "bound", "verdict"], lines)


def draw(reports: Iterable[Report], folder: Path) -> None:
    """Write every picture into a folder."""
    for report in reports:
        for picture in report.pictures:
            figures.save(picture, folder)
