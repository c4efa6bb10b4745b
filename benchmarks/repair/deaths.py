"""Let a node die under its clients again and again, and see when each of them learns of it."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import wait as wait_for
from typing import TYPE_CHECKING, NamedTuple

from benchmarks.progress import rounds
from benchmarks.repair.clients import BYSTANDERS
from benchmarks.repair.lanes import DEATH, DEFAULT, LATE, Lane, lanes
from benchmarks.repair.watched import CLIENTS, NEW, Watched
from benchmarks.repair.ways import Ours
from benchmarks.rows import Rows
from tests.integration.gateway.lab import die, revive

if TYPE_CHECKING:
    from concurrent.futures import Future

ALIVE, DELAY, START = "bystanders alive", "death to order", "the agent's start"
ALL_WAYS, CAP = "all ways", "cap"
OF = 2 * BYSTANDERS
STAGGER = 0.3  # seconds between two lanes' beginnings, so that their orders do not meet


class Size(NamedTuple):
    """How much is measured."""

    repetitions: int
    capped: int  # of these, how many wait for clients that may never be told
    cap: float  # seconds
    leave_out: frozenset[str]


FULL = Size(9, 2, 15.0, frozenset())
QUICK = Size(2, 1, 3.0, frozenset({LATE, DEFAULT}))


def column(client: str, when: str) -> str:
    """Return where the seconds of a client stand, by when the order came."""
    return f"{client}, {when}"


def measure(*, quick: bool) -> Rows:
    """Measure all lanes side by side, as they mostly wait; but one order at a time."""
    size = QUICK if quick else FULL
    rows = Rows("repair")
    rows.add(ALL_WAYS, CAP, 0, size.cap)
    turn = threading.Lock()
    with lanes(leave_out=size.leave_out) as all_lanes:
        for repetition in rounds(size.repetitions):
            part = in_turn(
                [each for each in all_lanes if each.takes_part(repetition, size.capped)], repetition
            )
            with ThreadPoolExecutor(len(part)) as pool:
                trials = [
                    pool.submit(_Trial(lane, size, repetition, turn).run, STAGGER * place)
                    for place, lane in enumerate(part)
                ]
            for lane, trial in zip(part, trials, strict=True):
                for name, value in trial.result().items():
                    rows.add(lane.name, name, repetition, value)
            for lane in part:
                if isinstance(lane.way, Ours) and lane.when != LATE:
                    rows.add(lane.name, START, repetition, lane.way.start())
    return rows


def in_turn(part: list[Lane], repetition: int) -> list[Lane]:
    """Return those that take long first, and within these another one first each time."""
    found = []
    for when in dict.fromkeys(lane.when for lane in part):
        same = [lane for lane in part if lane.when == when]
        first = repetition % len(same)
        found += same[first:] + same[:first]
    return sorted(found, key=lambda lane: lane.kind.tells_all)


class _Trial:
    """One death."""

    def __init__(self, lane: Lane, size: Size, repetition: int, turn: threading.Lock) -> None:
        self._lane, self._size, self._repetition, self._turn = lane, size, repetition, turn
        self._found: dict[str, float] = {}

    def run(self, wait: float) -> dict[str, float]:
        """Return the values by column; raise where the way did not do what it should."""
        time.sleep(wait)
        self._lane.way.begin()
        with Watched(self._lane.way.lab.client) as watched:
            delay = self._lane.delay(self._repetition / self._size.repetitions)
            if self._lane.when == DEATH:
                self._untold(watched, delay)
            else:
                self._ordered(watched, delay)
            self._found[column(ALIVE, self._lane.when)] = watched.alive()
        return self._found

    def _untold(self, watched: Watched, delay: float) -> None:
        node = self._lane.way.lab.a
        time.sleep(delay)
        die(node)
        watched.probe()
        self._wait(watched, time.monotonic())
        revive(node)

    def _ordered(self, watched: Watched, delay: float) -> None:
        way = self._lane.way
        die(way.lab.a)
        died = time.monotonic()
        time.sleep(delay)
        with ThreadPoolExecutor(1) as pool:
            with self._turn:
                ordered = time.monotonic()
                order = pool.submit(way.order)
                watched.probe()
                self._carried_out(watched, order, ordered + self._size.cap)
            self._found[column(DELAY, self._lane.when)] = ordered - died
            self._wait(watched, ordered)
            revive(way.lab.a)
            order.result()

    def _carried_out(self, watched: Watched, order: Future[None], until: float) -> None:
        """Wait until an order has done its work; ours ends later, as it probes the dead node."""
        watched.learned(NEW, until)
        if not self._lane.kind.tells_all:
            wait_for((order,))
            return
        for client in CLIENTS:
            watched.learned(client, until)

    def _wait(self, watched: Watched, since: float) -> None:
        until = since + self._size.cap
        for client in CLIENTS:
            if client in self._lane.waits_for(self._repetition, self._size.capped):
                moment = watched.learned(client, until) or until
                if moment < since:
                    raise RuntimeError(f"{self._lane.name}: {client} was told before anybody could")
                self._found[column(client, self._lane.when)] = moment - since
