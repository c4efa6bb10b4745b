"""Sources that are narrow each and too wide together: which of them must go.

They are looked at from the narrowest on, and each stays as long as those that stay cover less
than the limit. So those that go are the widest, and every one of them must: with any of them
back, the limit is reached again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from cachegate.planning.coverage import Coverage, Run

if TYPE_CHECKING:
    from collections.abc import Sequence


class Claim(NamedTuple):
    """What one source covers, and in which pools: a pool is what reaches the same port.

    Claims of equal width go in this order: first those in more pools, then the lower addresses.
    """

    runs: tuple[Run, ...]  # disjoint and ascending
    width: int
    pools: range


@dataclass(frozen=True, slots=True)
class Crowd:
    """Why a claim must go: the claims of a pool that is too wide, widest first, and its width."""

    members: tuple[int, ...]  # indexes of claims
    width: int


def must_go(claims: Sequence[Claim], limit: int) -> dict[int, Crowd]:
    """Return which claims must go, by index, so that what stays in each pool is below the limit."""
    if sum(claim.width for claim in claims) < limit:
        return {}
    order = sorted(range(len(claims)), key=lambda index: _rank(claims[index]), reverse=True)
    pools = [Coverage() for _ in range(max(claim.pools.stop for claim in claims))]
    gone: dict[int, int] = {}
    for index in reversed(order):
        claim = claims[index]
        full = _first_full(claim, pools, limit)
        if full is None:
            for pool in claim.pools:
                pools[pool].add(claim.runs)
        else:
            gone[index] = full
    crowds = {pool: _crowd(claims, order, pool) for pool in set(gone.values())}
    return {index: crowds[pool] for index, pool in gone.items()}


def _rank(claim: Claim) -> tuple[int, int, tuple[Run, ...]]:
    """Order claims: the greatest goes first. Addresses are negated so that the lower is greater."""
    return claim.width, len(claim.pools), tuple((-first, -last) for first, last in claim.runs)


def _first_full(claim: Claim, pools: Sequence[Coverage], limit: int) -> int | None:
    """Return the first pool in which this claim would reach the limit."""
    for pool in claim.pools:
        held = pools[pool]
        if held.width + claim.width >= limit and held.width + held.gain(claim.runs) >= limit:
            return pool
    return None


def _crowd(claims: Sequence[Claim], order: Sequence[int], pool: int) -> Crowd:
    members = tuple(index for index in order if pool in claims[index].pools)
    covered = Coverage()
    for index in members:
        covered.add(claims[index].runs)
    return Crowd(members, covered.width)
