"""A median's interval is made of measured values, and as narrow as 95 % allows."""

from __future__ import annotations

import statistics
from fractions import Fraction
from math import comb

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.estimate import estimate

values = st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=60)


@given(values)
def test_the_interval_holds_the_median_and_ends_at_measured_values(taken: list[float]) -> None:
    found = estimate(taken)

    assert found.median == statistics.median(taken)
    assert found.low <= found.median <= found.high
    assert {found.low, found.high} <= set(taken)
    assert found.taken == len(taken)


@given(values)
def test_the_order_of_the_values_does_not_matter(taken: list[float]) -> None:
    assert estimate(sorted(taken)) == estimate(sorted(taken, reverse=True)) == estimate(taken)


# As printed in tables of confidence intervals for the median: the ranks of its two ends.
@pytest.mark.parametrize(
    ("count", "low", "high"),
    [(6, 1, 6), (8, 1, 8), (9, 2, 8), (15, 4, 12), (20, 6, 15), (25, 8, 18)],
)
def test_the_ends_are_the_ranks_of_the_known_table(count: int, low: int, high: int) -> None:
    found = estimate(range(1, count + 1))

    assert (found.low, found.high) == (low, high)


@pytest.mark.parametrize("count", range(6, 61))
def test_no_narrower_interval_would_cover_95_of_100(count: int) -> None:
    rank = int(estimate(range(1, count + 1)).low)

    assert _coverage(count, rank) >= Fraction(95, 100) > _coverage(count, rank + 1)


def _coverage(count: int, rank: int) -> Fraction:
    """Return how often the median lies between the values of this rank from both ends."""
    return Fraction(sum(comb(count, n) for n in range(rank, count - rank + 1)), 2**count)


@pytest.mark.parametrize("count", range(1, 6))
def test_of_too_few_values_it_is_the_whole_range(count: int) -> None:
    found = estimate(range(count))

    assert (found.low, found.high) == (0, count - 1)


def test_no_value_is_an_error() -> None:
    with pytest.raises(statistics.StatisticsError):
        estimate([])


def test_one_value_is_written_alone_and_more_with_their_interval() -> None:
    assert f"{estimate([1.234]):.2f}" == "1.23"
    assert f"{estimate([1, 2, 3]):.1f}" == "2.0 (1.0 to 3.0)"
