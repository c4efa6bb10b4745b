"""redis-benchmark as the load: one short run of one way, and what it cost."""

from __future__ import annotations

import csv
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from benchmarks.data_path.site import on_processor

if TYPE_CHECKING:
    from benchmarks.data_path.site import Site
    from benchmarks.data_path.way import Way

CONNECTIONS = 50
_TICKS = os.sysconf("SC_CLK_TCK")
# Of a line of /proc/stat: all but waiting, and what the host took or counts elsewhere too.
_WORK = (0, 1, 2, 5, 6)


@dataclass(frozen=True, slots=True)
class Load:
    """What the client does: GET on connections kept open, or on a new one for each request."""

    column: str
    options: tuple[str, ...]
    connects: bool = False


ONE = Load("one request at a time", ("-P", "1"))
SIXTEEN = Load("16 in one go", ("-P", "16"))
NEW = Load("new connections", ("-P", "1", "-k", "0"), connects=True)
LOADS = (ONE, SIXTEEN, NEW)


class Run(NamedTuple):
    """What came out of one run."""

    rate: float  # requests a second
    typical_ms: float
    slow_ms: float  # of 99 in 100 requests
    cpu_us: float  # of all processors, for each request


def run(site: Site, way: Way, load: Load, requests: int) -> Run:
    """Ask that many times; raise RuntimeError where the node was not asked as often."""
    connections, served = site.node_counts()
    before = _busy()
    done = site.client.run(
        *on_processor(0), "redis-benchmark", *way.options(site), *load.options,
        "-t", "get", "--csv", "-c", str(CONNECTIONS), "-n", str(requests),
    )  # fmt: skip
    spent = _busy() - before
    more, then = site.node_counts()
    if then - served < requests or more - connections < (
        requests if load.connects else CONNECTIONS
    ):
        raise RuntimeError(
            f"{way.name}, {load.column}: of {requests} requests the node had {then - served},"
            f" on {more - connections} connections"
        )
    rate, typical, slow = parse(done.stdout)
    return Run(rate, typical, slow, spent / requests * 1e6)


def parse(output: str) -> tuple[float, float, float]:
    """Return requests a second, and p50 and p99 in ms; raise ValueError for any other output."""
    lines = [line for line in output.splitlines() if line.startswith('"')]
    found = list(csv.DictReader(lines))
    if len(found) != 1:
        raise ValueError(f"not the result of one test: {output!r}")
    names = ("rps", "p50_latency_ms", "p99_latency_ms")
    try:
        rate, typical, slow = (float(found[0][name]) for name in names)
    except KeyError as error:
        raise ValueError(f"{error} is missing: {output!r}") from error
    return rate, typical, slow


def _busy() -> float:
    """Return the seconds in which a processor worked, of all of them together."""
    first = Path("/proc/stat").read_text(encoding="ascii").split("\n", 1)[0]
    ticks = [int(each) for each in first.split()[1:]]
    return sum(ticks[place] for place in _WORK) / _TICKS
