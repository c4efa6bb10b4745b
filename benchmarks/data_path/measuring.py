"""Measure every way in turn, all of them standing at the same time."""

from __future__ import annotations

import random
from pathlib import Path
from statistics import harmonic_mean, mean
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, NamedTuple

from benchmarks.data_path import ways
from benchmarks.data_path.load import LOADS, NEW, ONE, SIXTEEN, Load, Run, run
from benchmarks.data_path.site import Site
from benchmarks.progress import rounds
from benchmarks.rows import Rows

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from benchmarks.data_path.way import Way

NAME = "data-path"
CPU, TYPICAL, SLOW = "CPU, us", "p50, ms", "p99, ms"
_FIRST = {ONE: 1000, SIXTEEN: 16_000, NEW: 300}  # requests, to know how fast a way is


class Length(NamedTuple):
    """How long it is measured."""

    repetitions: int
    seconds: float  # of each run; a kernel way has two in each repetition
    others_every: int  # repetitions: what differs by a factor needs fewer


FULL, QUICK = Length(28, 0.25, 4), Length(2, 0.08, 2)


class Plan(NamedTuple):
    """The ways, and how many requests each run has."""

    close: Sequence[Way]
    others: Sequence[Way]
    requests: Mapping[tuple[str, Load], int]


def measure(*, quick: bool) -> Rows:
    """Return requests a second, CPU time for each and latencies, by way and load."""
    length, rows = QUICK if quick else FULL, Rows(NAME)
    with TemporaryDirectory() as folder, Site(Path(folder)) as site:
        plan = _plan(site, length.seconds)
        order = random.Random(length.repetitions)  # noqa: S311 - the same order in each run
        for repetition in rounds(length.repetitions):
            close = order.sample(plan.close, len(plan.close))
            for load in LOADS:
                # There and back: what grows or fades meanwhile meets all of them alike.
                _turn(rows, site, plan, load, repetition, [*close, *reversed(close)])
                if repetition % length.others_every == 0:
                    _turn(rows, site, plan, load, repetition, plan.others)
        for way in (*plan.close, *plan.others):
            way.check(site)
    return rows


def _plan(site: Site, seconds: float) -> Plan:
    """Set up all ways, check each, and find how many requests fill a run."""
    close, others = ways.in_kernel(site), ways.others(site)
    for way in (*close, *others):
        way.check(site)
    # Those that are compared closely do equal work.
    (measure,) = (way for way in close if way.name == ways.TRACKED)
    rates = {
        (way.name, load): run(site, way, load, _FIRST[load]).rate
        for way in (measure, *others)
        for load in LOADS
    }
    rates |= {(way.name, load): rates[measure.name, load] for way in close for load in LOADS}
    return Plan(close, others, {key: max(200, int(rate * seconds)) for key, rate in rates.items()})


def _turn(
    rows: Rows, site: Site, plan: Plan, load: Load, repetition: int, turns: Sequence[Way]
) -> None:
    runs: dict[str, list[Run]] = {}
    for way in turns:
        done = run(site, way, load, plan.requests[way.name, load])
        runs.setdefault(way.name, []).append(done)
    for name, some in runs.items():
        # Of equally many requests each, so that this is all of them over all of the time.
        rows.add(name, load.column, repetition, harmonic_mean([each.rate for each in some]))
        for what, values in (
            (CPU, [each.cpu_us for each in some]),
            (TYPICAL, [each.typical_ms for each in some]),
            (SLOW, [each.slow_ms for each in some]),
        ):
            rows.add(name, f"{load.column}: {what}", repetition, mean(values))
