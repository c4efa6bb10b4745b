"""A clock that stands still until somebody waits, and an agenda of what happens meanwhile."""

from __future__ import annotations

import heapq
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

START = 1_760_000_000.0  # seconds since the epoch


@dataclass
class Clock:
    """Seconds since the epoch, as every part of the fake world reads them."""

    now: float = START
    _agenda: list[tuple[float, int, Callable[[], None]]] = field(default_factory=list)
    _count: int = 0

    def at(self, moment: float, happen: Callable[[], None]) -> None:
        """Let something happen at a moment to come."""
        self._count += 1
        heapq.heappush(self._agenda, (moment, self._count, happen))

    def until(self, moment: float) -> None:
        """Let time go on to a moment, and everything happen that is due by then."""
        while self._agenda and self._agenda[0][0] <= moment:
            due, _, happen = heapq.heappop(self._agenda)
            self.now = max(self.now, due)
            happen()
        self.now = max(self.now, moment)

    def sleep(self, seconds: float) -> None:
        """Wait, as the product's own code does by time.sleep."""
        self.until(self.now + seconds)

    @property
    def due(self) -> float:
        """Return when the next thing happens by itself."""
        return self._agenda[0][0] if self._agenda else float("inf")


class Parallel:
    """Stands in for ThreadPoolExecutor: one after another, but all from the same moment on.

    So a run can be repeated, and what takes long on two NAT instances takes no longer than on one.
    """

    clock: Clock

    def __init__(self, max_workers: int = 1) -> None:
        self._began = self.clock.now
        self._ended = self.clock.now

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.clock.now = max(self.clock.now, self._ended)

    def map(self, function: Callable[..., Any], items: Iterable[Any]) -> Iterator[Any]:
        return iter([self._run(function, item) for item in items])

    def submit(self, function: Callable[..., Any], *arguments: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(self._run(function, *arguments))
        except BaseException as error:  # noqa: BLE001 - a Future keeps whatever was raised
            future.set_exception(error)
        return future

    def _run(self, function: Callable[..., Any], *arguments: Any) -> Any:
        self.clock.now = self._began
        try:
            return function(*arguments)
        finally:
            self._ended = max(self._ended, self.clock.now)
            self.clock.now = self._ended
