"""How much of a space spans of addresses cover together, overlaps counted once."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

Run = tuple[int, int]  # first and last, both included


def disjoint(runs: Iterable[Run]) -> list[Run]:
    """Return the same numbers as ascending runs that neither overlap nor touch."""
    merged: list[Run] = []
    for first, last in sorted(runs):
        if merged and first <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(last, merged[-1][1]))
        else:
            merged.append((first, last))
    return merged


def width(runs: Iterable[Run]) -> int:
    """Return how many numbers disjoint runs hold."""
    return sum(last - first + 1 for first, last in runs)


class Coverage:
    """A union that grows. Asking and adding take logarithmic time, plus what is overlapped."""

    def __init__(self) -> None:
        self.width = 0
        self._firsts: list[int] = []
        self._lasts: list[int] = []

    def gain(self, runs: Iterable[Run]) -> int:
        """Return by how much disjoint runs would widen the union."""
        return sum(last - first + 1 - self._overlap(first, last) for first, last in runs)

    def add(self, runs: Iterable[Run]) -> None:
        """Take disjoint runs in."""
        for first, last in runs:
            self.width += last - first + 1 - self._overlap(first, last)
            low, high = self._met(first, last)
            if low < high:
                first = min(first, self._firsts[low])  # noqa: PLW2901
                last = max(last, self._lasts[high - 1])  # noqa: PLW2901
            self._firsts[low:high] = [first]
            self._lasts[low:high] = [last]

    def _met(self, first: int, last: int) -> tuple[int, int]:
        """Return which of our runs a run overlaps, as the bounds of a slice."""
        return bisect_left(self._lasts, first), bisect_right(self._firsts, last)

    def _overlap(self, first: int, last: int) -> int:
        low, high = self._met(first, last)
        return sum(
            min(last, self._lasts[place]) - max(first, self._firsts[place]) + 1
            for place in range(low, high)
        )
