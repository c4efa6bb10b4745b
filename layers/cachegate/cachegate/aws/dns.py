"""Resolve endpoints where the function runs: many names at once, and one deadline for all."""

from __future__ import annotations

import socket
import threading
import time
from ipaddress import IPv4Address
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    Answer = tuple[str, frozenset[IPv4Address]]

MOST_THREADS = 100  # a name that hangs holds one until the system's resolver gives up


def a_records(name: str) -> frozenset[IPv4Address]:
    """Return the IPv4 addresses of a name, none where it has none or DNS failed."""
    try:
        found = socket.getaddrinfo(name, None, family=socket.AF_INET, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):  # UnicodeError: no name that DNS could hold
        return frozenset()
    return frozenset(IPv4Address(address[0]) for *_, address in found)


class LambdaResolver:
    """Asks the resolver of the Lambda environment. Nothing is cached: addresses change."""

    def __init__(
        self, deadline: float, lookup: Callable[[str], frozenset[IPv4Address]] = a_records
    ) -> None:
        self._deadline = deadline  # seconds
        self._lookup = lookup

    def resolve(self, names: Iterable[str]) -> Mapping[str, frozenset[IPv4Address]]:
        """Return the A records of each name; a name that failed or was too slow is left out.

        getaddrinfo cannot be interrupted, so the threads are daemons and are left behind.
        """
        asked = sorted(set(names))
        ends = time.monotonic() + self._deadline
        waiting: SimpleQueue[str] = SimpleQueue()
        answers: SimpleQueue[Answer] = SimpleQueue()
        for name in asked:
            waiting.put(name)
        for _ in range(min(len(asked), MOST_THREADS)):
            arguments = (self._lookup, waiting, answers, ends)
            threading.Thread(target=_work, args=arguments, daemon=True).start()
        return dict(answer for answer in _collect(answers, len(asked), ends) if answer[1])


def _work(
    lookup: Callable[[str], frozenset[IPv4Address]],
    waiting: SimpleQueue[str],
    answers: SimpleQueue[Answer],
    ends: float,
) -> None:
    while time.monotonic() < ends:
        try:
            name = waiting.get_nowait()
        except Empty:
            return
        answers.put((name, lookup(name)))


def _collect(answers: SimpleQueue[Answer], count: int, ends: float) -> list[Answer]:
    found: list[Answer] = []
    while len(found) < count:
        try:
            found.append(answers.get(timeout=max(0.0, ends - time.monotonic())))
        except Empty:
            break
    return found
