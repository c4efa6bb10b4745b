"""Equal figures are equal files, which say nothing of when they were drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from benchmarks import figures
from benchmarks.estimate import Estimate
from benchmarks.report import Picture

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from matplotlib.figure import Figure

FOUND = Estimate(2.0, 1.0, 3.0, 9)


def bars() -> Figure:
    panels = {"reads": {"ours": FOUND, "theirs": FOUND}, "writes": {"ours": FOUND, "theirs": FOUND}}
    return figures.bars("title", panels, colours={"ours": figures.OURS}, limit=1.5)


def lines() -> Figure:
    return figures.lines(
        "title",
        {"ours": {1: FOUND, 5000: FOUND}},
        across="forwards",
        up="ms",
        reference=("in proportion", {1: 1.0, 5000: 5000.0}),
    )


def stacks() -> Figure:
    return figures.stacks(
        "title", {"pass": {"ask": 1.0, "plan": 2.0}, "all": {"ask": 3.0}}, across="s"
    )


@pytest.mark.parametrize("draw", [bars, lines, stacks])
def test_equal_input_gives_equal_bytes_without_a_date(
    tmp_path: Path, draw: Callable[[], Figure]
) -> None:
    drawn = []
    for folder in ("one", "two"):
        figures.save(Picture("name", "says", draw()), tmp_path / folder)
        drawn.append((tmp_path / folder / "name.svg").read_bytes())

    assert drawn[0] == drawn[1]
    assert b"dc:date" not in drawn[0]
    assert b">title</text>" in drawn[0]  # text that a reader can search
