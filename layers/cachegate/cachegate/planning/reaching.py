"""Which protected ports some traffic reaches."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from typing import TYPE_CHECKING, NamedTuple

from cachegate.domain.traffic import ALL, TCP
from cachegate.planning.text import ports

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cachegate.domain.traffic import Traffic


class Reaching(NamedTuple):
    """A slice of the protected ports in ascending order, and what to say of it."""

    start: int
    stop: int
    ports: tuple[int, ...]
    text: str


def reaching(traffic: Traffic, protected: Sequence[int]) -> Reaching:
    """Find the protected TCP ports, given in ascending order, that some traffic reaches."""
    start, stop = _slice(traffic, protected)
    reached = tuple(protected[start:stop])
    if not reached:
        return Reaching(0, 0, (), f"{traffic} reaches no protected port")
    plural = "s" if len(reached) > 1 else ""
    return Reaching(
        start, stop, reached, f"{traffic} reaches the protected port{plural} {ports(reached)}"
    )


def _slice(traffic: Traffic, protected: Sequence[int]) -> tuple[int, int]:
    if traffic.protocol == ALL:
        return 0, len(protected)
    if traffic.protocol != TCP or traffic.first is None or traffic.last is None:
        return 0, 0
    return bisect_left(protected, traffic.first), bisect_right(protected, traffic.last)
