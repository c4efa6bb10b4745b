"""Planning: the first pass over so many nodes, and a quiet one; in time, memory and bytes."""

from __future__ import annotations

import gc
import random
import sys
import time
import tracemalloc
from ipaddress import IPv4Network
from typing import TYPE_CHECKING

from benchmarks.passes.ceilings import ESTATES, characters, measure_ceilings
from benchmarks.passes.estates import alike
from benchmarks.progress import rounds
from benchmarks.rows import Rows
from cachegate.aws.ledger_body import pack, unpack
from cachegate.domain.ledger import Ledger
from cachegate.domain.policy import Policy
from cachegate.planning.plan import make_plan

if TYPE_CHECKING:
    from cachegate.domain.cache import Observation
    from cachegate.domain.plan import Plan

NAME = "planning"
SIZES = (3, 30, 300, 500, 5_000)
FIRST, STEADY = "first plan", "steady plan"
PART = 500
APART = f"steady plans of {PART}, one after the other"
PEAK_MB, BLOCKS = "peak MB", "blocks held at the end"
PAYLOAD, BODY = "characters of a command", "bytes of the ledger"
POLICY = Policy(
    stack="gate", sources=(IPv4Network("198.51.100.27/32"),), first_port=1024, last_port=60000
)


def measure(*, quick: bool) -> Rows:
    """Plan from nothing, then over what that wrote with nothing new; sizes take their turns."""
    rows = Rows(NAME)
    chance = random.Random(4)  # noqa: S311
    stored = {size: pack(first_ledger(alike(size))) for size in SIZES}
    for repetition in rounds(3 if quick else 25):
        turns = [(size, way) for size in SIZES for way in (FIRST, STEADY)]
        chance.shuffle(turns)
        for size, way in turns:
            # A pass reads its ledger anew, so nothing in it is the very object that is observed.
            before = Ledger(vpc_id="vpc-1") if way == FIRST else unpack(stored[size])
            seen = alike(size)
            gc.freeze()  # else a plan may pay for a look at all that this process holds
            started = time.process_time()
            plan = make_plan(before, seen, POLICY)
            rows.add(way, size, repetition, (time.process_time() - started) * 1000)
            gc.unfreeze()
            _check(plan, stored[size], size if way == FIRST else 0)
        if not quick:
            rows.add(APART, SIZES[-1], repetition, _apart(stored[PART], SIZES[-1] // PART))
    for size in SIZES:
        _memory(rows, FIRST, size, Ledger(vpc_id="vpc-1"))
        _memory(rows, STEADY, size, unpack(stored[size]))
    for name, estate in ESTATES.items():
        for size in SIZES:
            ledger = first_ledger(estate(size))
            rows.add(f"{PAYLOAD}, {name}", size, 0, characters(ledger))
            rows.add(f"{BODY}, {name}", size, 0, len(pack(ledger)))
    if not quick:
        measure_ceilings(rows, POLICY)
    return rows


def _apart(stored: bytes, times: int) -> float:
    """Plan so many VPCs, each with objects of its own, and return the milliseconds of all."""
    vpcs = [(unpack(stored), alike(PART)) for _ in range(times)]
    gc.freeze()
    started = time.process_time()
    for before, seen in vpcs:
        make_plan(before, seen, POLICY)
    took = (time.process_time() - started) * 1000
    gc.unfreeze()
    return took


def first_ledger(seen: Observation) -> Ledger:
    """Return the ledger of a first pass."""
    return make_plan(Ledger(vpc_id="vpc-1"), seen, POLICY).ledger


def _check(plan: Plan, stored: bytes, added: int) -> None:
    """Raise AssertionError unless every node is forwarded, and so many were added just now."""
    if pack(plan.ledger) != stored or plan.problems:
        raise AssertionError(f"not all nodes are forwarded: {plan.problems}")
    if sum(change.listen is not None for change in plan.changes) != added:
        raise AssertionError(f"{len(plan.changes)} changes where {added} nodes are new")


def _memory(rows: Rows, way: str, size: int, before: Ledger) -> None:
    """Plan once more under tracemalloc, which makes it slow: what it takes on top of its input."""
    seen = alike(size)
    gc.freeze()
    gc.collect()  # empties the interpreter's free lists, as the one below
    blocks = sys.getallocatedblocks()
    tracemalloc.start()
    plan = make_plan(before, seen, POLICY)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    gc.collect()
    rows.add(f"{way}, {PEAK_MB}", size, 0, most / 1e6)
    rows.add(f"{way}, {BLOCKS}", size, 0, sys.getallocatedblocks() - blocks)
    gc.unfreeze()
    del plan
