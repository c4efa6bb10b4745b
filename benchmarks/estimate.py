"""A median and how well it is known."""

from __future__ import annotations

import statistics
from math import comb
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

COVERAGE = 0.95


class Estimate(NamedTuple):
    """A median with the interval that holds the true one, in 95 of 100 runs like this one.

    The interval is a pair of the measured values themselves, so nothing is assumed of how they
    are spread. Fewer than six values cannot give 95 %: then it is least to greatest.
    """

    median: float
    low: float
    high: float
    taken: int  # values

    def __format__(self, spec: str) -> str:
        """Return "median (low to high)", each number by the spec; one value stands alone."""
        if self.taken == 1:
            return format(self.median, spec)
        return f"{self.median:{spec}} ({self.low:{spec}} to {self.high:{spec}})"


def estimate(values: Iterable[float]) -> Estimate:
    """Return the median of at least one value, with its interval."""
    ordered = sorted(values)
    count = len(ordered)
    skipped = 0
    # The true median lies outside the inner values as often as a coin falls that unevenly.
    while (
        2 * (skipped + 1) < count
        and 2 * sum(comb(count, n) for n in range(skipped + 2)) / 2**count <= 1 - COVERAGE
    ):
        skipped += 1
    return Estimate(
        statistics.median(ordered), ordered[skipped], ordered[count - 1 - skipped], count
    )
