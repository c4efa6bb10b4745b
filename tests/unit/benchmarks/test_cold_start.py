"""What is told of starts follows from the rows, also from those of a quick run."""

from __future__ import annotations

import pytest

from benchmarks.cold_start.environment import FUNCTIONS
from benchmarks.cold_start.stage import BARE, BYTE_CODE, SOURCE
from benchmarks.cold_start.starts import (
    CLIENTS,
    CPU,
    KINDS,
    MODULES,
    NAME,
    OURS,
    RSS,
    SHARED,
    UNPACKED,
    WALL,
    ZIPPED,
    way,
)  # fmt: skip
from benchmarks.cold_start.tell_starts import tell
from benchmarks.rows import Rows

TOOK = {BARE: 100.0, BYTE_CODE: 125.0, SOURCE: 160.0}


@pytest.fixture
def rows() -> Rows:
    rows = Rows(NAME)
    for name in FUNCTIONS:
        for kind in KINDS:
            for column in (WALL, CPU):
                rows.add(way(name, kind), column, 0, TOOK[kind])
            for column in (SHARED, RSS, MODULES, OURS):
                rows.add(way(name, kind), column, 0, 10)
        rows.add(way(name, BARE), CLIENTS, 0, 9)
    for kind in (BYTE_CODE, SOURCE):
        rows.add(f"layer, {kind}", UNPACKED, 0, 4_600_000)
        rows.add(f"layer, {kind}", ZIPPED, 0, 1_400_000)
    return rows


def test_the_goal_is_the_ratio_to_the_bare_handler_with_the_same_clients(rows: Rows) -> None:
    verdicts = {goal.what: (goal.found.median, goal.met) for goal in tell(rows).goals}

    assert len(verdicts) == 2 * len(FUNCTIONS)
    for what, found in verdicts.items():
        assert found == ((1.25, True) if BYTE_CODE in what else (1.6, False))


def test_what_the_text_says_of_the_layer_and_of_clients_comes_from_the_rows(rows: Rows) -> None:
    text = tell(rows).text

    assert "4.6 MB unpacked and 1.4 MB zipped" in text
    assert "(9 and 9 of them)" in text
