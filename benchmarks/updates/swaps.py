"""Measure what traffic meets while one port of a hundred gets another target, again and again."""

from __future__ import annotations

import json
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from benchmarks.progress import rounds
from benchmarks.rows import Rows
from benchmarks.updates.swap_ways import ENDS, MOVED, STEADY, WAYS, Way
from tests.integration.gateway.lab import NAT, A, gateway

if TYPE_CHECKING:
    import subprocess

    from tests.integration.gateway.lab import Gateway

REPETITIONS = 3
QUICK = 1 / 6  # of the seconds of a full run
# One change each so many seconds, where a way is that fast: what is shown is what a change does.
PACE = 0.1
START_S = 0.3  # until the clients are Python programs that ask: a change before that meets nobody
NEW_AT_ONCE = 2  # clients that open connections without pause, to either kind of port

CHANGES = "changes"
ANSWERED, BROKEN = "connections answered", "established broken"
REFUSED_MOVED, REFUSED_STEADY = "refused, moved port", "refused, other ports"
# Established to the old target when the port moved, and reset at once: our repair of flows. The
# other ways leave such connections where they are.
CUT = "cut, moved port"
DEAD = "dead ms per change"


def measure(*, quick: bool) -> Rows:
    """Measure every way in a lab of its own, in an order that changes."""
    rows = Rows("swaps")
    for repetition in rounds(1 if quick else REPETITIONS):
        first = repetition * 2 % len(WAYS)
        for way in (*WAYS[first:], *WAYS[:first]):
            with TemporaryDirectory() as folder, gateway(Path(folder), way.backend) as lab:
                seconds = way.seconds * (QUICK if quick else 1)
                for column, value in _met(lab, way, seconds).items():
                    rows.add(way.name, column, repetition, value)
    return rows


def _met(lab: Gateway, way: Way, seconds: float) -> dict[str, float]:
    """Change the moved port while clients use it and others; return what the clients met."""
    way.install(lab)
    steady = ",".join(map(str, STEADY))
    clients = [
        _clients(lab, seconds, steady, [MOVED] * NEW_AT_ONCE),
        _clients(lab, seconds, str(STEADY[0]), list(STEADY[:NEW_AT_ONCE])),
    ]
    changes, end = 0, time.monotonic() + seconds
    time.sleep(START_S)
    while time.monotonic() < end - PACE:
        next_one = time.monotonic() + PACE
        changes += 1
        way.change(lab, changes)
        time.sleep(max(0.0, next_one - time.monotonic()))
    moved, others = (json.loads(each.communicate(timeout=60)[0]) for each in clients)
    expected = "A" if ENDS[changes % 2] == A else "B"
    if lab.ask(MOVED) != expected or min(moved["new_answers"], others["new_answers"]) == 0:
        raise RuntimeError(f"{way.name}: no traffic went that way: {moved} {others}")
    return counts(changes, moved, others)


def counts(changes: int, moved: dict[str, Any], others: dict[str, Any]) -> dict[str, float]:
    """Return by column what the clients of the moved port and those of the others counted."""
    return {
        CHANGES: changes,
        ANSWERED: moved["new_answers"] + others["new_answers"],
        BROKEN: moved.get("broken", 0) + others.get("broken", 0),
        REFUSED_MOVED: refused(moved),
        # No change is a reason to cut a connection to a port that stays.
        REFUSED_STEADY: refused(others) + others.get("cut", 0),
        CUT: moved.get("cut", 0),
        DEAD: moved.get("dead_ms", 0) / NEW_AT_ONCE / changes,
    }


def refused(counted: dict[str, Any]) -> int:
    """Count new connections that were refused, not answered in time, or closed unasked."""
    names = ("refused", "not connected", "not answered", "closed early")
    return sum(number for name, number in counted.items() if name.startswith(names))


def _clients(lab: Gateway, seconds: float, busy: str, fresh: list[int]) -> subprocess.Popen[str]:
    ports = ",".join(map(str, fresh))
    return lab.start(lab.client, "traffic.py", NAT, str(seconds), busy, ports)
