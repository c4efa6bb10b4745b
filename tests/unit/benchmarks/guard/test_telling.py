"""What the page says of the guard follows from the rows alone."""

from __future__ import annotations

import pytest

from benchmarks.guard import judging, sweeps, tell_judging, tell_sweeps
from benchmarks.rows import Rows


def timed(sizes: tuple[int, ...], largest_ms: float) -> Rows:
    """Rows of which the last size takes so long, and the others a hundredth."""
    rows = Rows("judging")
    for repetition in range(6):
        for size in reversed(sizes):  # as a turn in the other order leaves them
            for place, way in enumerate(tell_judging.WAYS, 1):
                base = largest_ms if size == sizes[-1] else 100
                rows.add(way, size, repetition, base * place)
    for what, megabytes in zip(
        (judging.HELD, judging.JUDGING_ADDS, judging.FINDING_ADDS), (80, 53, 14), strict=True
    ):
        rows.add(what, sizes[-1], 0, megabytes)
    return rows


def test_ten_times_the_groups_in_ten_times_the_time_is_linear_and_met() -> None:
    report = tell_judging.tell(timed((25, 250, 2500), 1_000))
    assert "10 times as many groups take 10.00 (10.00 to 10.00) times as long" in report.text
    assert "linear" in report.text
    assert "not linear" not in report.text
    assert [goal.verdict() for goal in report.goals] == ["met"] * 3
    assert "| ms, by number of groups | 25 | 250 | 2,500 |" in report.text
    assert "take 80 MB" in report.text


def test_growth_beyond_the_groups_is_missed_and_said() -> None:
    report = tell_judging.tell(timed((25, 250, 2500), 4_000))
    assert "not linear" in report.text
    linear, seconds, memory = (goal.verdict() for goal in report.goals)
    assert (linear, seconds, memory) == ("missed", "missed", "met")  # 12 s, for 3 times 4,000 ms


def test_a_quick_run_is_told_by_the_sizes_that_it_has() -> None:
    report = tell_judging.tell(timed((10, 100), 1_000))
    assert "the rules of 100 groups take" in report.text


@pytest.mark.parametrize("sizes", [(3,), (2500, 3)])
def test_calls_are_summed_by_size_in_order(sizes: tuple[int, ...]) -> None:
    rows = Rows("sweeps")
    for size in sizes:
        rows.add("groups", size, 0, 1 + size // 200)
        rows.add("caches", size, 0, 4)
    report = tell_sweeps.tell(rows)
    most = max(sizes)
    assert f"{most:,} groups take {5 + most // 200} calls" in report.text
    assert report.goals[0].found.median == 5 + most // 200
    head = " | ".join(f"{size:,} groups" for size in sorted(sizes))
    assert f"| calls | {head} |" in report.text


def test_judging_decides_alike_in_every_repetition(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter(range(99))
    ways = {judging.MIXED: lambda _: lambda: next(answers)}
    monkeypatch.setattr(judging, "_WAYS", ways)
    with pytest.raises(AssertionError, match="decided"):
        judging.measure(quick=True)


def test_every_call_of_a_sweep_has_a_row_of_the_table() -> None:
    counted = sweeps._by_row({"ec2:DescribeSecurityGroups": 2, "dynamodb:Scan": 1, "tag:x": 1})
    assert counted == {"groups": 2, "records": 1, "caches": 1}
    with pytest.raises(KeyError):
        sweeps._by_row({"kms:Decrypt": 1})
