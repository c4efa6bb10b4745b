"""What a stack costs a month, by what it is for."""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING

from benchmarks.cost.prices import HOURS
from benchmarks.cost.usage import (
    DISK_GB,
    EVENTS_A_CHANGE,
    FINDINGS_KB,
    IGNORED_SECONDS,
    LOG_KB,
    METRICS_A_CHANGE,
    OF_A_MESSAGE,
    OUT_GB,
    POLLS,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from benchmarks.cost.prices import Prices
    from benchmarks.cost.stack import Stack
    from benchmarks.cost.usage import Measured, Passes, Rates

KB_A_GB = 1e6


def cost(
    stack: Stack,
    nodes: int,
    rates: Rates,
    measured: Measured,
    prices: Prices,
    *,
    guard: bool = True,
) -> Mapping[str, float]:
    """Return USD a month by purpose; without the guard what is left when its share is taken off."""
    own, look = measured.passes(stack, nodes, rates), measured.sweeps(stack, nodes, rates)
    parts = {
        "instances and disks": machines(stack.instance_type, stack.instances, prices),
        # The Elastic IP, and the address that the other instance has: it must reach AWS too.
        "public addresses": prices.usd("address", HOURS * stack.instances),
        "metrics": metrics(stack.metrics, rates, prices),
        "alarms and dashboard": prices.usd("alarm", stack.alarms)
        + prices.usd("dashboard", stack.dashboards),
        "functions and traces": runs(own, stack.memory, prices),
        "queues, tables, events, logs": (
            queue(own.scheduled + own.caused + own.ignored, prices)
            + ledger(own, measured.ledger_kb[nodes], rates, prices)
            + prices.usd("event", rates.changes * EVENTS_A_CHANGE)
            + prices.usd("topic", rates.changes)
            + logs(own.all + own.ignored, LOG_KB[nodes], prices)
        ),
        "traffic": traffic(OUT_GB, prices),
    }
    if guard:
        parts["metrics"] += prices.usd("metric", stack.guard_metrics)
        parts["alarms and dashboard"] += prices.usd("alarm", stack.guard_alarms)
        parts["functions and traces"] += runs(look, stack.memory, prices)
        parts["queues, tables, events, logs"] += (
            queue(look.scheduled + rates.calls, prices)
            + prices.usd("table_read", look.all * ceil(nodes * FINDINGS_KB / 4))
            + prices.usd("table_write", look.all)
            + logs(look.all, LOG_KB[nodes], prices)
        )
    return parts


def machines(kind: str, count: int, prices: Prices) -> float:
    """Return what so many instances of a type cost, with their disks."""
    each = prices.usd(kind.replace(".", "_"), HOURS) + prices.usd("disk", DISK_GB)
    return count * each


def metrics(steady: int, rates: Rates, prices: Prices) -> float:
    """Return what metrics cost: those of happenings count by the hours in which there are any."""
    happened = METRICS_A_CHANGE * min(rates.changes, HOURS) + min(rates.states, HOURS)
    return prices.usd("metric", steady + happened / HOURS)


def runs(made: Passes, memory: int, prices: Prices) -> float:
    """Return what the runs of a function cost, and their traces."""
    count = made.all + made.ignored
    seconds = made.all * made.seconds + made.ignored * IGNORED_SECONDS
    return (
        prices.usd("request", count)
        + prices.usd("gb_second", seconds * memory / 1024)
        + prices.usd("trace", count)
    )


def queue(messages: float, prices: Prices) -> float:
    """Return what a queue costs that Lambda asks all the time, whether anything is in it or not."""
    return prices.usd("queue", POLLS + messages * OF_A_MESSAGE)


def ledger(made: Passes, kilobytes: int, rates: Rates, prices: Prices) -> float:
    """Return what the ledger costs: read twice a pass, its heartbeat read once and written twice.

    A read unit is 4 KB, a write unit 1 KB.
    """
    reads = ceil(kilobytes / 4) + ceil((kilobytes + 1) / 4) + 1
    return (
        prices.usd("table_read", made.all * reads)
        + prices.usd("table_write", made.all * 2 + rates.changes * kilobytes)
        + prices.usd("table_storage", kilobytes / KB_A_GB)
    )


def logs(count: float, kilobytes: float, prices: Prices) -> float:
    """Return what so many passes' lines cost, which are kept for a month."""
    size = count * kilobytes / KB_A_GB
    return prices.usd("log", size) + prices.usd("log_storage", size)


def traffic(gigabytes: float, prices: Prices) -> float:
    """Return what traffic out costs whose nodes are all in another availability zone."""
    return prices.usd("internet", gigabytes) + prices.usd("zone", 2 * gigabytes)


def second_trail(
    stack: Stack, nodes: int, rates: Rates, measured: Measured, prices: Prices
) -> float:
    """Return what our calls cost in an account that pays for a second copy of its trail."""
    own, look = measured.passes(stack, nodes, rates), measured.sweeps(stack, nodes, rates)
    return prices.usd(
        "trail",
        own.all * (measured.calls_of(stack, nodes) - measured.data_calls[nodes])
        + look.all * (measured.guard_calls[nodes] - measured.guard_data_calls[nodes]),
    )
