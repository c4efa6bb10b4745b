"""Start both functions again and again, in turns with a bare handler that makes their clients."""

from __future__ import annotations

import random
import tempfile
from pathlib import Path

from benchmarks.cold_start.environment import FUNCTIONS
from benchmarks.cold_start.stage import BARE, BYTE_CODE, SOURCE, Stage, size
from benchmarks.progress import rounds
from benchmarks.rows import Rows

NAME = "cold-start"
KINDS = (BARE, BYTE_CODE, SOURCE)
WALL, CPU, SHARED, RSS, MODULES = "wall ms", "CPU ms", "powertools ms", "RSS MiB", "modules"
OURS, CLIENTS = "modules of ours", "clients"
UNPACKED, ZIPPED = "unpacked bytes", "zipped bytes"
REPETITIONS = 16


def way(function: str, kind: str) -> str:
    """Return the name of a way."""
    return f"{function}, {kind}"


def measure(*, quick: bool) -> Rows:
    """Measure starts in fresh processes, and the layer's size."""
    rows = Rows(NAME)
    with tempfile.TemporaryDirectory() as scratch:
        stage = Stage.make(Path(scratch))
        for kind in (SOURCE, BYTE_CODE):
            unpacked, zipped = size(stage.layer(kind))
            rows.add(f"layer, {kind}", UNPACKED, 0, unpacked)
            rows.add(f"layer, {kind}", ZIPPED, 0, zipped)
        clients = {name: stage.start(name, BYTE_CODE, record=True)["clients"] for name in FUNCTIONS}
        turns = [(name, kind) for name in FUNCTIONS for kind in KINDS]
        order = random.Random(7)  # noqa: S311 - of turns
        for repetition in rounds(1 if quick else REPETITIONS):
            order.shuffle(turns)
            for name, kind in turns:
                took = stage.start(name, kind, clients[name])
                for column, key in (
                    (WALL, "wall"), (CPU, "cpu"), (SHARED, "powertools"), (RSS, "rss"),
                    (MODULES, "modules"),
                ):  # fmt: skip
                    rows.add(way(name, kind), column, repetition, took[key])
                rows.add(way(name, kind), OURS, repetition, len(took["ours"]))
        for name, made in clients.items():
            rows.add(way(name, BARE), CLIENTS, 0, len(made))
    return rows
