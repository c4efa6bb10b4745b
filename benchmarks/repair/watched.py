"""The clients of one trial, as the benchmark sees them from outside."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Self

from benchmarks.pipe import pipe
from tests.integration.gateway.lab import NAT

if TYPE_CHECKING:
    from types import TracebackType

    from local.namespaces import Host

SCRIPT = Path(__file__).with_name("clients.py")
ACTIVE, IDLE, NEW = CLIENTS = ("active", "idle", "new")
PATIENCE = 30.0  # seconds until all have connected, or all bystanders were asked


class Watched:
    """Clients that are connected, and what each has learned so far."""

    def __init__(self, host: Host) -> None:
        """Start them; raise TimeoutError where they are not all served."""
        self._process = host.start(
            sys.executable, str(SCRIPT), NAT,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=sys.stderr,
        )  # fmt: skip
        self._orders, self._answers = pipe(self._process.stdin), pipe(self._process.stdout)
        self._said: dict[str, float] = {}
        self._more = threading.Condition()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()
        try:
            self._expect("READY")
        except TimeoutError:
            self._end()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._end()

    def probe(self) -> None:
        """Open new connections from now on, until one is answered by the new node."""
        self._tell("probe")

    def learned(self, client: str, until: float) -> float | None:
        """Wait until a client has learned, and return when; None where it had not by then."""
        with self._more:
            self._more.wait_for(lambda: client in self._said, max(0.0, until - time.monotonic()))
            moment = self._said.get(client)
        return moment if moment is not None and moment <= until else None

    def alive(self) -> int:
        """Ask on the bystanders' connections, and return how many still work."""
        self._tell("count")
        return int(self._expect("alive"))

    def _tell(self, line: str) -> None:
        self._orders.write(f"{line}\n")
        self._orders.flush()

    def _expect(self, what: str) -> float:
        with self._more:
            if not self._more.wait_for(lambda: what in self._said, PATIENCE):
                raise TimeoutError(f"the clients did not say {what}")
            return self._said[what]

    def _read(self) -> None:
        for line in self._answers:
            what, _, figure = line.strip().partition(" ")
            with self._more:
                self._said[what] = float(figure or 0)
                self._more.notify_all()

    def _end(self) -> None:
        self._process.kill()
        self._process.wait()
        self._reader.join()
        self._orders.close()
        self._answers.close()
