"""The page says of every goal whether it is met, and equal rows give an equal page."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from benchmarks import page
from benchmarks.estimate import Estimate
from benchmarks.machine import Machine
from benchmarks.report import Goal, table
from benchmarks.sections import SECTIONS
from tests.unit.benchmarks.sections import machine, section

DOCS = Path(__file__).parents[3] / "docs"
PICTURE = re.compile(r"!\[[^]]+\]\((.+?)\)")


@pytest.mark.parametrize(
    ("found", "at_least", "verdict"),
    [
        ((0.8, 0.7, 0.9), False, "met"),
        ((0.8, 0.7, 1.0), False, "met"),
        ((1.0, 1.0, 1.0), False, "met"),
        ((0.8, 0.7, 1.1), False, "met, within the noise"),
        ((1.1, 0.9, 1.2), False, "missed, within the noise"),
        ((1.2, 1.1, 1.3), False, "missed"),
        ((1.2, 1.1, 1.3), True, "met"),
        ((1.0, 1.0, 1.3), True, "met"),
        ((1.1, 0.9, 1.2), True, "met, within the noise"),
        ((0.9, 0.8, 1.0), True, "missed, within the noise"),
        ((0.8, 0.7, 0.9), True, "missed"),
    ],
)
def test_a_goal_is_met_by_its_median_and_sure_by_its_interval(
    found: tuple[float, float, float], *, at_least: bool, verdict: str
) -> None:
    goal = Goal("a thing", Estimate(*found, taken=9), 1.0, at_least=at_least)

    assert goal.verdict() == verdict


def test_the_table_of_goals_has_one_line_each_with_bound_and_unit() -> None:
    reports = [
        section("one", goals=(Goal("fast", Estimate(2.5, 2, 3, 9), 5000, unit=" ms"),)),
        section("two", goals=(Goal("strong", Estimate(1.5, 1.5, 1.5, 1), 2, at_least=True),)),
    ]

    lines = page.goals(each.tell(each.measure(quick=True)) for each in reports).splitlines()

    assert lines == [
        "| goal | measured | bound | verdict |",
        "| --- | ---: | ---: | ---: |",
        "| fast | 2.5 (2 to 3) ms | at most 5,000 ms | met |",
        "| strong | 1.5 | at least 2 | missed |",
    ]


def test_equal_rows_give_an_equal_page_with_all_sections_in_their_order(tmp_path: Path) -> None:
    sections = (section("one"), section("two"))
    for each in sections:
        each.measure(quick=False).save(tmp_path)

    pages = [page.page(page.tell(sections, tmp_path), machine()) for _ in range(2)]

    assert pages[0] == pages[1]
    assert re.findall("^## (.*)$", pages[0], re.MULTILINE) == ["Goals", "Title: one", "Title: two"]
    assert machine().sentence() in pages[0]


def test_a_picture_is_drawn_where_the_text_looks_for_it(tmp_path: Path) -> None:
    one = section("one")
    one.measure(quick=False).save(tmp_path / "benchmarks")
    reports = page.tell([one], tmp_path / "benchmarks")

    page.draw(reports, tmp_path / "benchmarks")

    (named,) = PICTURE.findall(page.page(reports, machine()))
    assert (tmp_path / named).read_text().startswith("<?xml")


def test_a_table_has_its_first_column_to_the_left() -> None:
    assert table(["a", "b"], [["1", "2"]]) == "| a | b |\n| --- | ---: |\n| 1 | 2 |"


def test_the_page_is_what_its_raw_rows_give() -> None:
    if not (DOCS / "benchmarks" / "run.json").exists():
        pytest.skip("no full run was kept yet: make bench")
    machine = Machine.load_from(DOCS / "benchmarks")

    written = page.page(page.tell(SECTIONS, DOCS / "benchmarks"), machine)

    assert (DOCS / "benchmarks.md").read_text() == written
    missing = [each for each in PICTURE.findall(written) if not (DOCS / each).is_file()]
    assert missing == []
