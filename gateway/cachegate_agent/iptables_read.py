"""What the kernel's iptables chains mean: the way back from text to a rule set."""

from __future__ import annotations

import hashlib
import re
from ipaddress import IPv4Network
from typing import Dict, FrozenSet, Iterator, List, Mapping, Optional, Tuple

from cachegate_agent.backend import OUR_BITS, STAMPS, Live
from cachegate_agent.iptables_chains import IDENTITY, LISTEN, PREFIX, TABLES, TARGET, Content
from cachegate_agent.iptables_text import Found, jumps_in_place, nothing, same
from cachegate_agent.rules import Identity, Target, address_of

_COMMENT = re.compile(r'--comment "(.*)"')
_REJECT = re.compile(r"--dport (\d+)(?::(\d+))? .*-j REJECT")
_TRANSLATE = re.compile(r"--dport (\d+) .*--to-destination ([\d.]+):(\d+)$")
_NUMBER = re.compile(r"\b[0-9A-F]{4}-[0-9A-F]{4}\b|\d+")
_MARK = re.compile(rf"\b0x([0-9a-f]+)/{OUR_BITS:#x}\b")
_SOURCE = re.compile(r"(?:^| )-s ([\d.]+/\d+) ")


def live(found: Mapping[str, Found]) -> Live:
    """Return what the chains hold; whatever they do not say in our own words changes the shape."""
    identity = _identity(found.get("filter", nothing()))
    sources, targets, stamps = _sources(found), _targets(found), _stamps(found)
    content = Content(str(identity or ""), sources, targets, max(stamps, default=0))
    shape = _shape(content, found) if len(stamps) == 1 else ""
    return Live(identity, sources, targets, stamps, shape)


def _identity(table: Found) -> Optional[Identity]:
    for rule in table.chains.get(IDENTITY, []):
        comment = _COMMENT.search(rule)
        try:
            return Identity.parse(comment.group(1)) if comment else None
        except ValueError:
            return None
    return None


def _sources(found: Mapping[str, Found]) -> Tuple[IPv4Network, ...]:
    rules = found.get("nat", nothing()).chains.get(f"{PREFIX}-PREROUTING", [])
    sources = (_SOURCE.search(rule) for rule in rules if rule.endswith(f" {PREFIX}-ADMIT"))
    return tuple(IPv4Network(match.group(1) if match else "0.0.0.0/0") for match in sources)


def _stamps(found: Mapping[str, Found]) -> FrozenSet[int]:
    chains = [chain for table in found.values() for chain in table.chains.values()]
    marks = {int(mark, 16) for chain in chains for rule in chain for mark in _MARK.findall(rule)}
    return frozenset(marks & {*STAMPS})


def _targets(found: Mapping[str, Found]) -> Dict[int, Tuple[Target, ...]]:
    """Return the targets of each listen port, ports at rest included."""
    targets: Dict[int, List[Target]] = {}
    for ports in _leaves(found.get("filter", nothing()), LISTEN, _REJECT):
        low = int(ports.group(1))
        targets.update((port, []) for port in range(low, int(ports.group(2) or low) + 1))
    for leaf in _leaves(found.get("nat", nothing()), TARGET, _TRANSLATE):
        target = Target(address_of(leaf.group(2)), int(leaf.group(3)))
        targets.setdefault(int(leaf.group(1)), []).append(target)
    return {port: tuple(sorted(there)) for port, there in sorted(targets.items())}


def _leaves(table: Found, root: str, pattern: re.Pattern[str]) -> Iterator[re.Match[str]]:
    """Yield what the pattern finds in each chain of a tree."""
    for chain, rules in table.chains.items():
        if chain == root or chain.startswith(f"{root}-"):
            yield from filter(None, map(pattern.search, rules))


def _shape(content: Content, found: Mapping[str, Found]) -> str:
    """Fingerprint whatever differs from the rules that we would write for this content.

    Numbers are left out of it, so that a version of iptables that prints some rule in other words
    has one shape of its own, whatever the content. Empty, which is never equal, where a jump is
    missing, doubled or not the first of its chain: no packet may come to our rules then.
    """
    odd = set()
    for name, table_for in TABLES.items():
        table = table_for(content)
        there = found.get(name, nothing())
        if not jumps_in_place(table, there):
            return ""
        for chain in {*table.chains, *there.chains}:
            wanted, rules = table.chains.get(chain), there.chains.get(chain)
            if wanted is None or rules is None:
                odd.add(f"{name} {chain} {rules}")
            elif not same(wanted, rules):
                odd.update(_NUMBER.sub("#", f"{name} {chain} {rule}") for rule in rules or [""])
    return hashlib.sha256("\n".join(sorted(odd)).encode()).hexdigest()
