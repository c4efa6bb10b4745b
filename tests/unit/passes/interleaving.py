"""Passes that stop before each call to the world, and go on when a test says so: no real time.

Each runs in a thread of its own, and only one of them, or the test, runs at any moment.
"""

from __future__ import annotations

from threading import Semaphore, Thread
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class Crash(BaseException):
    """The function ends without a word."""


class Steps:
    """One piece of work that stops wherever it calls `pause`."""

    def __init__(self, work: Callable[[Steps], None]) -> None:
        self.crashed = False
        self.error: BaseException | None = None
        self._go, self._stopped = Semaphore(0), Semaphore(0)
        self._thread = Thread(target=self._run, args=(work,), daemon=True)
        self.ended = False
        self._thread.start()

    def pause(self) -> None:
        """Wait, inside the work, until the test lets it go on; end here if it is to crash."""
        self._stopped.release()
        self._go.acquire()
        if self.crashed:
            raise Crash

    def step(self) -> None:
        """Let it go on to its next pause, or to its end."""
        if self.ended:
            return
        self._go.release()
        self._stopped.acquire()
        if self.error is not None:
            raise self.error

    def finish(self) -> None:
        """Let it go on to its end."""
        while not self.ended:
            self.step()

    def crash(self) -> None:
        """End it where it stands."""
        self.crashed = True
        self.finish()
        self._thread.join()

    def _run(self, work: Callable[[Steps], None]) -> None:
        self._go.acquire()
        try:
            if not self.crashed:
                work(self)
        except Crash:
            pass
        except BaseException as error:  # noqa: BLE001 - raised again where the test waits
            self.error = error
        self.ended = True
        self._stopped.release()
