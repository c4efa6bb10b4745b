"""What a rule admits beside the caches' ports: opened again when it goes, or told. Pure."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from cachegate.domain.traffic import ALL, TCP, Traffic
from cachegate.planning.text import listing

if TYPE_CHECKING:
    from collections.abc import Iterable


def beside(traffic: Traffic, protected: Iterable[int]) -> tuple[Traffic, ...]:
    """Return the TCP ranges that the traffic holds beside the protected ports, ascending.

    A rule for every protocol has none: no set of rules with ports admits what it admits.
    """
    if traffic.protocol != TCP or traffic.first is None or traffic.last is None:
        return ()
    inside = sorted(port for port in set(protected) if traffic.first <= port <= traffic.last)
    edges = (traffic.first - 1, *inside, traffic.last + 1)
    return tuple(
        Traffic(TCP, before + 1, after - 1)
        for before, after in pairwise(edges)
        if before + 1 < after
    )


def beside_in_words(traffic: Traffic, protected: Iterable[int]) -> str:
    """Say what else the traffic lets in; nothing where it is the protected ports alone."""
    if traffic.protocol == ALL:
        return "every other port and protocol"
    others = beside(traffic, protected)
    return listing(others) if others else ""


def holds(outer: Traffic, inner: Traffic) -> bool:
    """Tell whether TCP traffic is wholly among other TCP traffic."""
    if (outer.protocol, inner.protocol) != (TCP, TCP):
        return False
    if outer.first is None or outer.last is None or inner.first is None or inner.last is None:
        return False
    return outer.first <= inner.first and inner.last <= outer.last
