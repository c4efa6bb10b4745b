"""The language of iptables-save and iptables-restore: our part of a table, read and rewritten."""

from __future__ import annotations

import re
from typing import Dict, List, NamedTuple, Sequence

from cachegate_agent.iptables_chains import PREFIX, Table

_INTO_OURS = re.compile(rf"(?:^| )-[jg] {PREFIX}[\w-]*$")


class Reference(NamedTuple):
    """A rule in somebody else's chain that leads into one of ours; positions count from 1."""

    chain: str
    position: int
    rule: str


class Found(NamedTuple):
    """Our part of one table as the kernel has it, in the words of iptables-save."""

    chains: Dict[str, List[str]]
    references: List[Reference]


def nothing() -> Found:
    """Return what a table holds that we never touched."""
    return Found({}, [])


def parse(saved: str) -> Dict[str, Found]:
    """Return our part of every table in what iptables-save printed; tables without any left out."""
    tables: Dict[str, Found] = {}
    found = nothing()
    positions: Dict[str, int] = {}
    for line in saved.splitlines():
        if line.startswith("*"):
            found = tables.setdefault(line[1:].strip(), nothing())
            positions = {}
        elif line.startswith(":" + PREFIX):
            found.chains[line[1:].split(" ", 1)[0]] = []
        elif line.startswith("-A "):
            _, chain, rule = f"{line} ".split(" ", 2)
            rule = rule.strip()
            if chain in found.chains:
                found.chains[chain].append(rule)
                continue
            positions[chain] = positions.get(chain, 0) + 1
            if _INTO_OURS.search(rule):
                found.references.append(Reference(chain, positions[chain], rule))
    return {name: table for name, table in tables.items() if table.chains or table.references}


def as_found(table: Table) -> Found:
    """Return what reading a kernel would give that holds exactly this table."""
    chains = {chain: list(rules) for chain, rules in table.chains.items()}
    return Found(chains, [Reference(chain, 1, rule) for chain, rule in table.jumps.items()])


def same(left: Sequence[str], right: Sequence[str]) -> bool:
    """Tell whether two chains have the same rules, in whatever order iptables prints options."""
    if list(left) == list(right):
        return True
    return len(left) == len(right) and all(
        one == other or _options(one) == _options(other) for one, other in zip(left, right)
    )


def jumps_in_place(wanted: Table, found: Found) -> bool:
    """Tell whether each jump is there once, and first in its chain, and no other leads to us."""
    return not _jump_lines(wanted, found)


def rewrite(name: str, wanted: Table, found: Found) -> List[str]:
    """Return one transaction that makes the kernel's part the wanted one; empty where it is."""
    lines = [*_chain_lines(wanted, found), *_jump_lines(wanted, found)]
    gone = [chain for chain in found.chains if chain not in wanted.chains]
    # First they lose their rules, because one may lead to another.
    lines += [f"-F {chain}" for chain in gone] + [f"-X {chain}" for chain in gone]
    return [f"*{name}", *lines, "COMMIT"] if lines else []


def _options(rule: str) -> List[str]:
    """Return the options of a rule in an order of our own.

    Names of match modules are left out: they only say where the options after them come from.
    """
    found: List[str] = []
    negated = ""
    for word in rule.split():
        if word == "!":
            negated = "! "
        elif word.startswith("-"):
            found.append(negated + word)
            negated = ""
        else:
            found[-1:] = [f"{' '.join(found[-1:])} {word}"]
    return sorted(option for option in found if not option.startswith("-m "))


def _chain_lines(wanted: Table, found: Found) -> List[str]:
    changed = [
        chain
        for chain, rules in wanted.chains.items()
        if chain not in found.chains or not same(rules, found.chains[chain])
    ]
    # With --noflush this makes a chain that is missing, and empties one that is there.
    lines = [f":{chain} - [0:0]" for chain in changed]
    for chain in changed:
        lines += [f"-A {chain} {rule}" for rule in wanted.chains[chain]]
    return lines


def _jump_lines(wanted: Table, found: Found) -> List[str]:
    """Put each jump first in its chain, and take away those that stand elsewhere or twice."""
    lines: List[str] = []
    for chain in sorted({*wanted.jumps, *(reference.chain for reference in found.references)}):
        there = [reference for reference in found.references if reference.chain == chain]
        rule = wanted.jumps.get(chain)
        if rule is not None and _only_and_first(rule, there):
            continue
        lines += [f"-D {chain} {reference.rule}" for reference in there]
        if rule is not None:
            lines.append(f"-I {chain} 1 {rule}")
    return lines


def _only_and_first(rule: str, there: Sequence[Reference]) -> bool:
    return [found.position for found in there] == [1] and same([rule], [there[0].rule])
