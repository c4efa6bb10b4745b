"""Measure the swap of one target alone, there and back, often: it is short, and its time varies."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.updates import names, rule_sets, steps
from tests.integration.gateway.lab import payload

if TYPE_CHECKING:
    from benchmarks.rows import Rows
    from benchmarks.updates.instance import Instance

# There and back is one turn and two values. iptables takes several times as long.
TURNS = {"nftables": 8, "iptables": 4}
QUICK_TURNS = {"nftables": 3, "iptables": 1}


def measure(rows: Rows, here: Instance, size: int, *, quick: bool) -> None:
    """Measure ours, the programs with our very texts, and the least change by hand."""
    turns = QUICK_TURNS if quick else TURNS
    documents = [
        payload(generation, *rule_sets.forwards(size, changed=changed))
        for generation, changed in enumerate((False, True), 1)
    ]
    for backend in names.BACKENDS:
        for number, took in enumerate(here.turns(backend, turns[backend], documents)):
            rows.add(names.alone(backend, steps.SWAP), size, number, took.swap * 1000)
            rows.add(names.alone(backend, steps.PROGRAM), size, number, took.program * 1000)
            same = names.same_text(backend, names.CHANGE)
            rows.add(same, size, number, took.same * 1000)
        here.clear()
    here.run("nft", "-f", "-", text=rule_sets.least_table(rule_sets.forwards(size)))
    port, new = rule_sets.changed_element(size)
    for number in range(2 * turns["nftables"]):
        target = rule_sets.node(size // 2) if number % 2 else new
        done = here.run("nft", "-f", "-", text=rule_sets.least_change(port, target))
        hand = names.other(names.BY_HAND, names.CHANGE)
        rows.add(hand, size, number, done.seconds * 1000)
    here.clear()
