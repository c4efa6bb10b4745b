"""Rows are kept as they were measured, and compared within one repetition only."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from benchmarks.rows import Row, Rows

if TYPE_CHECKING:
    from pathlib import Path


def made() -> Rows:
    rows = Rows("things")
    for repetition, (ours, theirs) in enumerate([(1.0, 2.0), (30.0, 10.0), (4.0, 4.0)]):
        rows.add("ours", 500, repetition, ours)
        rows.add("theirs", 500, repetition, theirs)
    return rows


def test_rows_are_the_same_after_a_round_trip(tmp_path: Path) -> None:
    rows = made()
    rows.add('a "way", with all\nthat CSV escapes', "ms; p50", 7, 0.125)

    rows.save(tmp_path / "new" / "folder")

    assert Rows.load(tmp_path / "new" / "folder", "things") == rows


def test_six_digits_of_a_value_are_kept(tmp_path: Path) -> None:
    rows = Rows("things", [Row("ours", "s", 0, 1 / 3), Row("ours", "bytes", 0, 123456789)])

    rows.save(tmp_path)

    assert [row.value for row in Rows.load(tmp_path, "things").raw] == [0.333333, 123457000.0]


def test_a_ratio_pairs_values_of_one_repetition() -> None:
    found = made().ratio("ours", 500, "theirs", 500)

    # 0.5, 3 and 1: of the medians, 4 to 4, it would be 1 with no interval.
    assert found == (1.0, 0.5, 3.0, 3)


def test_a_repetition_that_lacks_one_of_the_two_is_no_pair() -> None:
    rows = made()
    rows.add("ours", 500, 3, 1000.0)
    rows.add("theirs", 500, 4, 0.001)

    assert rows.ratio("ours", 500, "theirs", 500).taken == 3


def test_ways_and_columns_come_as_they_were_measured_first() -> None:
    rows = made()
    rows.add("another", 50, 0, 1)

    assert rows.ways() == ["ours", "theirs", "another"]
    assert rows.columns() == ["500", "50"]


def test_a_number_and_its_text_name_the_same_column() -> None:
    rows = made()

    assert rows.taken("ours", 500) == rows.taken("ours", "500") == {0: 1.0, 1: 30.0, 2: 4.0}
    assert rows.taken("ours", 50) == {}
    assert rows.median("ours", "500") == rows.medians()["ours"]["500"] == 4.0


def test_quantiles_lie_between_the_values() -> None:
    rows = Rows("things", [Row("ours", "s", n, n) for n in range(101)])
    rows.add("once", "s", 0, 7)

    assert [rows.quantile("ours", "s", n) for n in (1, 50, 95)] == [1, 50, 95]
    assert rows.quantile("once", "s", 99) == 7


def test_what_was_not_measured_is_a_key_error_that_names_it() -> None:
    rows = made()
    for ask in (
        lambda: rows.estimate("ours", 50),
        lambda: rows.median("ours", 50),
        lambda: rows.quantile("ours", 50, 95),
        lambda: rows.ratio("ours", 50, "theirs", 500),
        lambda: rows.ratio("theirs", 500, "ours", 50),
    ):
        with pytest.raises(KeyError, match=r"things: .*ours, 50"):
            ask()


def test_rows_that_were_never_kept_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Rows.load(tmp_path, "things")
