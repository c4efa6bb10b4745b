"""How moments, ports and addresses read in a reason."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


def moment(at: float) -> str:
    """Write seconds since the epoch as a person reads them, in UTC."""
    return datetime.fromtimestamp(int(at), UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def listing(things: Iterable[object]) -> str:
    """Write things in the order given, or say that there are none."""
    return ", ".join(map(str, things)) or "none"


def few(things: Sequence[object], most: int) -> str:
    """Write the first things, and how many more there are."""
    more = len(things) - most
    return f"{listing(things[:most])}{f' and {more} more' if more > 0 else ''}"


def ports(numbers: Iterable[int]) -> str:
    """Write port numbers as sorted runs, such as 6379-6381, 6390."""
    runs: list[list[int]] = []
    for number in sorted(numbers):
        if runs and runs[-1][-1] + 1 == number:
            runs[-1][1:] = [number]
        else:
            runs.append([number])
    return listing("-".join(map(str, run)) for run in runs)
