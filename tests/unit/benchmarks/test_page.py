"""The page says of every goal whether it is met, and equal rows give an equal page."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from benchmarks import page, terminal
from benchmarks.estimate import Estimate
from benchmarks.machine import Machine
from benchmarks.report import Goal, Report, spec, table
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


def test_the_table_of_goals_has_one_line_each_with_bound_and_unit_below_its_section() -> None:
    reports = [
        section("one", goals=(Goal("fast", Estimate(2.5, 2, 3, 9), 5000, unit=" ms"),)),
        section("two", goals=(Goal("strong", Estimate(1.5, 1.5, 1.5, 1), 2, at_least=True),)),
    ]

    lines = page.goals(each.tell(each.measure(quick=True)) for each in reports).splitlines()

    assert lines == [
        "| goal | measured | bound | verdict |",
        "| --- | ---: | --- | --- |",
        "| **Title: one** |  |  |  |",
        "| fast | 2.50 (2.00 to 3.00) ms | at most 5,000 ms | met |",
        "| **Title: two** |  |  |  |",
        "| strong | 1.50 | at least 2 | missed |",
    ]


@pytest.mark.parametrize(
    ("found", "said"),
    [
        ((0.0303, 0.02, 0.04), "0.030 (0.020 to 0.040)"),
        ((0.988, 0.975, 1.0), "0.988 (0.975 to 1.000)"),
        ((1.2, 1.0, 1.456), "1.20 (1.00 to 1.46)"),
        ((83.75, 80, 90), "83.8 (80.0 to 90.0)"),
        ((2255.4, 2243.1, 2558.6), "2,255 (2,243 to 2,559)"),
        ((0, 0, 0), "0 (0 to 0)"),
        ((7, 6, 9), "7 (6 to 9)"),
    ],
)
def test_a_figure_has_three_digits_and_a_whole_number_no_point(
    found: tuple[float, float, float], said: str
) -> None:
    estimate = Estimate(*found, taken=9)

    assert f"{estimate:{spec(estimate)}}" == said


def test_the_page_counts_the_goals_that_are_met_and_those_that_noise_decided() -> None:
    goals = (
        Goal("met", Estimate(1, 1, 1, 9), 2),
        Goal("met by chance", Estimate(1, 1, 3, 9), 2),
        Goal("missed by chance", Estimate(3, 1, 3, 9), 2),
        Goal("missed by chance too", Estimate(3, 1, 3, 9), 2),
        Goal("missed", Estimate(3, 3, 3, 9), 2),
        Goal("missed too", Estimate(3, 3, 3, 9), 2),
    )

    reports = [Report("Title", "text", goals)]

    said = "2 met, 4 missed; 3 of these verdicts within the noise."
    assert said in page.page(reports, machine())
    assert said in terminal.goals(reports)


def test_the_page_of_a_quick_run_says_that_it_is_for_a_look_only() -> None:
    quick = machine()
    quick.quick = True

    assert page.QUICK in page.page([], quick)
    assert page.QUICK not in page.page([], machine())


def test_a_goal_in_a_terminal_fits_into_a_hundred_columns() -> None:
    goal = Goal("seconds of a very long name " * 5, Estimate(1500, 1, 1600, 9), 5000, unit=" ms")

    said = terminal.goals([Report("Title", "text", (goal,))])

    assert "\n  met            1,500 ms, at most 5,000 ms " in said
    assert max(map(len, said.splitlines())) < 100
    assert re.sub(r"\s+", " ", said).count("seconds of a very long name") == 5


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


def test_a_table_has_columns_of_numbers_to_the_right_but_for_its_first() -> None:
    assert table(["a", "b", "c"], [["1", "", "x"], ["2", "**2** ms", "y"]]).splitlines() == [
        "| a | b | c |",
        "| --- | ---: | --- |",
        "| 1 |  | x |",
        "| 2 | **2** ms | y |",
    ]


def test_the_page_is_what_its_raw_rows_give() -> None:
    if not (DOCS / "benchmarks" / "run.json").exists():
        pytest.skip("no full run was kept yet: make bench")
    machine = Machine.load_from(DOCS / "benchmarks")

    written = page.page(page.tell(SECTIONS, DOCS / "benchmarks"), machine)

    assert (DOCS / "benchmarks.md").read_text() == written
    missing = [each for each in PICTURE.findall(written) if not (DOCS / each).is_file()]
    assert missing == []
