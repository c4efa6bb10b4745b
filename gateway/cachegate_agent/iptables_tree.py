"""Chains that find a port in a few steps, however many ports there are.

iptables walks a chain rule by rule, and some chains are walked by every packet. A chain of up to 16
entries is walked as it is. More become a tree that quarters its range of ports at each step, so
that one of 5,000 is found after about 20 rules, and a changed port changes one short chain only.
"""

from __future__ import annotations

from typing import Callable, Dict, Iterable, List, NamedTuple, Sequence, Tuple

LEAF = 16  # entries that a chain lists without branching
ALL_PORTS = 1 << 16

Chains = Dict[str, Tuple[str, ...]]


class Range(NamedTuple):
    """Ports from low to high, both included."""

    low: int
    high: int


class Tree(NamedTuple):
    """How the chains of a tree are written."""

    root: str  # name of the chain where packets enter; the others begin with it
    rules: Callable[[int, int], Sequence[str]]  # for an entry
    within: Callable[[int, int], str]  # the match for a range of ports, which leads to a branch


def singles(ports: Iterable[int]) -> List[Range]:
    """Return one entry a port, in order."""
    return [Range(port, port) for port in sorted(ports)]


def runs(ports: Iterable[int]) -> List[Range]:
    """Return one entry for each run of neighbouring ports, in order."""
    found: List[Range] = []
    for port in sorted(ports):
        if found and found[-1].high + 1 == port:
            found[-1] = Range(found[-1].low, port)
        else:
            found.append(Range(port, port))
    return found


def grow(tree: Tree, entries: Sequence[Range]) -> Chains:
    """Return the chains that lead a packet from the root to the rules of its port.

    A packet whose port is not there, or whose rules let it pass, returns to the caller of the root.
    """
    chains: Chains = {}
    _grow(chains, tree, tree.root, entries, ALL_PORTS)
    return chains


def _grow(chains: Chains, tree: Tree, chain: str, entries: Sequence[Range], size: int) -> None:
    if len(entries) <= LEAF:
        chains[chain] = tuple(rule for entry in entries for rule in tree.rules(*entry))
        return
    blocks = {0: list(entries)}
    while len(blocks) == 1:  # a range that holds them all decides nothing
        size //= 4
        blocks = _split(entries, size)
    rules = []
    for low, members in blocks.items():
        high = low + size - 1
        name = f"{tree.root}-{low:04X}-{high:04X}"
        rules.append(f"{tree.within(low, high)} -g {name}")
        _grow(chains, tree, name, members, size)
    chains[chain] = tuple(rules)


def _split(entries: Sequence[Range], size: int) -> Dict[int, List[Range]]:
    """Cut the entries at multiples of size, and group them by the lowest port of their block."""
    found: Dict[int, List[Range]] = {}
    for entry in entries:
        low, high = entry
        first = low - low % size
        if high < first + size:
            found.setdefault(first, []).append(entry)
            continue
        for block in range(first, high + 1, size):
            part = Range(max(low, block), min(high, block + size - 1))
            found.setdefault(block, []).append(part)
    return found
