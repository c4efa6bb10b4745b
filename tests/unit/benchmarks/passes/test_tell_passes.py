"""What the page says of planning and of AWS calls follows from the rows alone."""

from __future__ import annotations

import pytest

from benchmarks.passes import calls, tell_calls, tell_planning
from benchmarks.passes.ceilings import CEILING, COMMAND, ESTATES, ITEM, LIMIT, MEMORY, PORTS, TIME
from benchmarks.passes.planning import APART, BLOCKS, BODY, FIRST, PAYLOAD, PEAK_MB, SIZES, STEADY
from benchmarks.rows import Rows

BREAKS_FIRST = "The limit that breaks first is that of"


def planned(ms_a_node: float = 0.01, most_takes: float = 1) -> Rows:
    """Rows of a quick run: so long a node, and so many times as long a node with the most nodes."""
    rows = Rows("planning")
    for size in SIZES:
        slower = most_takes if size == SIZES[-1] else 1
        for way in (FIRST, STEADY):
            for repetition in range(6):
                rows.add(way, size, repetition, size * ms_a_node * slower)
            rows.add(f"{way}, {PEAK_MB}", size, 0, size / 1000)
            rows.add(f"{way}, {BLOCKS}", size, 0, size * 7)
        for name in ESTATES:
            rows.add(f"{PAYLOAD}, {name}", size, 0, size * 11)
            rows.add(f"{BODY}, {name}", size, 0, size * 17)
    return rows


def with_ceilings(unlike: int, ports: int) -> Rows:
    """Rows of a full run: the nodes that a command and that the listen ports allow."""
    rows = planned()
    limits = {COMMAND: 20_000, ITEM: 350_000, MEMORY: 512, TIME: 120}
    for limit, value in limits.items():
        rows.add(LIMIT, limit, 0, value)
    rows.add(CEILING, PORTS, 0, ports)
    rows.add(CEILING, f"{COMMAND}, alike", 0, unlike * 3)
    rows.add(CEILING, f"{COMMAND}, unlike", 0, unlike)
    rows.add(CEILING, f"{ITEM}, unlike", 0, 8_700)
    return rows


def counted(*pages: tuple[int, int]) -> Rows:
    """Rows of so many nodes, each with so many calls for caches and always three for commands."""
    rows = Rows("calls")
    for size, listed in pages:
        rows.add("caches", size, 0, listed)
        rows.add("commands", size, 0, 3)
    return rows


@pytest.mark.parametrize(
    ("rows", "verdicts"),
    [
        (planned(), ["met", "met"]),  # 5 ms; 10 times
        (planned(ms_a_node=0.03), ["missed", "met"]),  # 15 ms
        (planned(most_takes=2), ["met", "missed"]),  # 20 times
    ],
)
def test_planning_is_judged_by_500_nodes_and_by_the_growth_from_them(
    rows: Rows, verdicts: list[str]
) -> None:
    assert [goal.verdict() for goal in tell_planning.tell(rows).goals] == verdicts


def test_growth_sizes_and_memory_of_planning_come_from_the_rows() -> None:
    text = tell_planning.tell(planned(most_takes=1.5)).text
    assert "10 times the nodes take 15 (15 to 15) times as long: more than in proportion" in text
    assert "as long: in proportion" in tell_planning.tell(planned()).text
    assert "| characters of a command, unlike | 33 | 330 | 3,300 | 5,500 | 55,000 |" in text
    assert f"| {STEADY}, {BLOCKS} | 21 | 210 | 2,100 | 3,500 | 35,000 |" in text


def test_growth_beyond_proportion_is_told_beside_as_many_nodes_in_plans_of_500() -> None:
    rows = planned(most_takes=1.5)
    for repetition in range(6):
        rows.add(APART, SIZES[-1], repetition, 51)

    text = tell_planning.tell(rows).text

    assert "10 times the nodes take 15 (15 to 15) times as long: more than in proportion" in text
    assert "take 10.2 (10.2 to 10.2) times as long as one." in text


def test_a_quick_run_of_planning_tells_no_ceiling() -> None:
    report = tell_planning.tell(planned())
    assert "ceiling" not in report.text.lower()
    assert report.pictures[0].markdown in report.text


@pytest.mark.parametrize(
    ("unlike", "ports", "first"),
    [
        (645, 2_000, "20,000 characters of a command, nodes unlike."),
        (3_000, 2_000, "2,000 listen ports of the default range."),
    ],
)
def test_the_first_limit_to_break_is_named(unlike: int, ports: int, first: str) -> None:
    text = tell_planning.tell(with_ceilings(unlike, ports)).text
    assert f"{BREAKS_FIRST} {first}" in text


def test_nodes_that_are_alike_end_at_the_listen_ports_where_a_command_has_room_for_more() -> None:
    text = tell_planning.tell(with_ceilings(700, 2_000)).text
    assert "2,000 where they are alike, by the listen ports of the default range." in text


def test_the_limits_of_a_function_are_computed_from_the_most_nodes() -> None:
    text = tell_planning.tell(with_ceilings(645, 2_000)).text
    assert (
        "is 640 nodes at worst, and 1,930 where they are alike, by the characters of a command."
        in text
    )
    assert "| the function's memory, MB (computed) | 512 | 512,000 |" in text  # 1 KB a node
    assert "| the function's time, s (computed) | 120 | 12,000,000 |" in text  # 10 us a node


def test_calls_are_added_up_and_their_growth_is_judged_a_node() -> None:
    report = tell_calls.tell(counted((3, 4), (30, 4), (300, 19)))
    assert "| all | 7 | 7 | 22 |" in report.text
    assert "grows with the number of nodes: caches." in report.text
    (goal,) = report.goals
    assert goal.found.median == pytest.approx(15 / 2.97)
    assert goal.verdict() == "missed"  # more than five listings, a page of each for 100 nodes


def test_calls_that_grow_by_page_are_met() -> None:
    (goal,) = tell_calls.tell(counted((3, 4), (300, 13))).goals
    assert goal.verdict() == "met"


def test_a_quick_run_of_calls_has_one_size_and_no_goal() -> None:
    report = tell_calls.tell(counted((calls.SIZES[1], 4)))
    assert "| calls | 30 nodes |" in report.text
    assert report.goals == ()
