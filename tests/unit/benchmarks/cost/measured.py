"""Rows as a full run keeps them, made by hand for the tests of the cost page."""

from __future__ import annotations

from benchmarks.cost.usage import LARGEST, Measured
from benchmarks.end_to_end.events import ENDED, MS
from benchmarks.end_to_end.timeline import QUEUE
from benchmarks.rows import Rows


def own() -> Rows:
    """20, 20 and 29 calls of a pass, 6 of them to DynamoDB and SQS."""
    return _rows("calls", caches=(14, 14, 23), ledger=(5, 5, 5), queue=(1, 1, 1))


def guard() -> Rows:
    """11, 11 and 17 calls of a sweep, 2 of them to DynamoDB."""
    rows = _rows("sweeps", rules=(9, 9, 15), records=(2, 2, 2))
    rows.add("rules", 2500, 0, 75)  # of a size that is not on the page
    return rows


def events() -> Rows:
    """Of three passes of 1.1, 1.2 and 9 s: the one in the middle."""
    rows = Rows("events")
    for event, (waited, ended) in enumerate(((2000, 3200), (3000, 4100), (1000, 10_000))):
        rows.add(QUEUE, MS, event, waited)
        rows.add(ENDED, MS, event, ended)
    return rows


def planning() -> Rows:
    """Ledgers of less than 1, of 2 and of nearly 6 KB, each of nodes that are unlike."""
    rows = Rows("planning")
    for nodes, size in ((3, 491), (30, 2048), (300, 5584)):
        rows.add(LARGEST, nodes, 0, size)
        rows.add("bytes of the ledger, alike", nodes, 0, size / 2)
    return rows


def _rows(name: str, **calls: tuple[int, int, int]) -> Rows:
    rows = Rows(name)
    for way, counts in calls.items():
        for nodes, count in zip((3, 30, 300), counts, strict=True):
            rows.add(way, nodes, 0, count)
    return rows


MEASURED = Measured.of(own(), guard(), events(), planning())
