"""Which sources of one group are too wide together, and with whom."""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING, NamedTuple

from cachegate.planning.coverage import disjoint, width
from cachegate.planning.reasons import why_together
from cachegate.planning.union import Claim, must_go

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cachegate.domain.ingress import Source
    from cachegate.domain.judgement import IngressPolicy
    from cachegate.planning.address_space import Span
    from cachegate.planning.reaching import Reaching


class Part(NamedTuple):
    """What one source of the group brings into its unions, and the ports that it reaches."""

    source: Source
    spans: tuple[Span, ...]
    reaching: Reaching


def crowding(parts: Sequence[Part], policy: IngressPolicy) -> Mapping[int, str]:
    """Return which parts must go, by index, each with the reason.

    The two address families have a space each. Within one, sources that reach the same protected
    port are one pool, and those that reach none are another.
    """
    ipv4 = _crowding(parts, 32, ceil(policy.union_ipv4 * 2**32))
    ipv6 = _crowding(parts, 128, ceil(policy.union_ipv6 * 2**128))
    return {**ipv6, **ipv4}


def _crowding(parts: Sequence[Part], bits: int, limit: int) -> dict[int, str]:
    own = [
        (index, runs)
        for index, part in enumerate(parts)
        if (runs := [(span.first, span.last) for span in part.spans if span.bits == bits])
    ]
    if sum(width(runs) for _, runs in own) < limit:
        return {}
    pools = _pools([parts[index].reaching for index, _ in own])
    claims = [
        Claim(tuple(merged := disjoint(runs)), width(merged), pools[place])
        for place, (_, runs) in enumerate(own)
    ]
    gone = must_go(claims, limit)
    names = {
        crowd: dict.fromkeys(str(parts[own[member][0]].source) for member in crowd.members)
        for crowd in set(gone.values())
    }
    return {
        own[place][0]: why_together(
            parts[own[place][0]].source, names[crowd], crowd.width, limit, bits
        )
        for place, crowd in gone.items()
    }


def _pools(reaches: Sequence[Reaching]) -> list[range]:
    """Return the pools of each: 0 for no protected port, then one for each run of ports alike."""
    bounds = sorted({bound for each in reaches if each.ports for bound in (each.start, each.stop)})
    number = {bound: place + 1 for place, bound in enumerate(bounds)}
    return [
        range(number[each.start], number[each.stop]) if each.ports else range(1) for each in reaches
    ]
