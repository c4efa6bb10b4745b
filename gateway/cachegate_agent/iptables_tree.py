"""Chains that find a port in a few steps, however many ports there are.

iptables walks a chain rule by rule, and some chains are walked by every packet. A chain of up to 16
entries is walked as it is. More become a tree that quarters its range of ports at each step, so
that one of 5,000 is found after about 20 rules, and a changed port changes one short chain only.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import (
    TYPE_CHECKING,
    Callable,
    Dict,
    Iterable,
    List,
    Mapping,
    NamedTuple,
    Optional,
    Sequence,
    Tuple,
)

if TYPE_CHECKING:
    from cachegate_agent.rules import Target

LEAF = 16  # entries that a chain lists without branching

Chains = Dict[str, Tuple[str, ...]]
Range = Tuple[int, int]  # of ports, both included
# The first and the last of some ports, and where they lead; in order.
Entries = List[Tuple[int, int, Tuple["Target", ...]]]

ALL_PORTS = (0, (1 << 16) - 1)


class Tree(NamedTuple):
    """How the chains of a tree are written."""

    root: str  # name of the chain where packets enter; the others begin with it
    rules: Callable[[int, int, Tuple[Target, ...]], Sequence[str]]  # for an entry
    within: Callable[[int, int], str]  # the match for a range of ports, which leads to a branch


def singles(targets: Mapping[int, Tuple[Target, ...]]) -> Entries:
    """Return one entry a port."""
    return [(port, port, to) for port, to in sorted(targets.items())]


def runs(ports: Iterable[int]) -> Entries:
    """Return one entry for each run of neighbouring ports."""
    there = set(ports)
    lows, highs = (sorted(there - {port + step for port in there}) for step in (1, -1))
    return [(low, high, ()) for low, high in zip(lows, highs)]


def grow(tree: Tree, entries: Entries, others: Optional[Entries] = None) -> Chains:
    """Return the chains that lead a packet from the root to the rules of its port.

    A packet whose port is not there, or whose rules let it pass, returns to the caller of the root.
    Chains that other entries would give just the same are left out, as far as that shows without
    writing them.
    """
    chains: Chains = {}
    _grow(chains, tree, tree.root, ALL_PORTS, entries, others)
    return chains


def _grow(
    chains: Chains,
    tree: Tree,
    chain: str,
    block: Range,
    entries: Entries,
    others: Optional[Entries],
) -> None:
    if entries == others:
        return
    rules: List[str] = []
    theirs = _branches(block, others or [])
    branches = _branches(block, entries)
    for (low, high), members in branches.items():
        name = f"{tree.root}-{low:04X}-{high:04X}"
        rules.append(f"{tree.within(low, high)} -g {name}")
        _grow(chains, tree, name, (low, high), members, theirs.get((low, high)))
    if not branches:
        # A run may begin before its block, or end after it.
        first, last = block
        for low, high, to in entries:
            rules += tree.rules(max(low, first), min(high, last), to)
    chains[chain] = tuple(rules)


def _branches(block: Range, entries: Entries) -> Dict[Range, Entries]:
    """Return the entries of each part of a block that is a chain of its own; {} for a leaf."""
    if len(entries) <= LEAF:
        return {}
    found = {block: entries}
    while len(found) == 1:  # a range that holds them all decides nothing
        ((first, last),) = found
        size = (last + 1 - first) // 4
        parts = [(low, low + size - 1) for low in range(first, last, size)]
        cut = ((part, _cut(entries, *part)) for part in parts)
        found = {part: members for part, members in cut if members}
    return found


def _cut(entries: Entries, low: int, high: int) -> Entries:
    """Return the entries that lie in a range of ports, at least in part."""
    first, end = (bisect_left(entries, (port, 0, ())) for port in (low, high + 1))
    reaches_in = first > 0 and entries[first - 1][1] >= low
    return entries[first - reaches_in : end]
