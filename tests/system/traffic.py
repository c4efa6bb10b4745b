"""Clients outside: steady Redis traffic over connections that stay open, run on a host of theirs.

Run as a program it takes ADDRESS PORT... and goes on until its standard input ends; then it prints
one JSON object: for each port the requests answered, the errors and the longest gap in ms.
"""

from __future__ import annotations

import json
import select
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from local.namespaces import Host

PAUSE = 0.005  # seconds between two requests of one connection
PATIENCE = 2.0  # seconds that one request may take


@dataclass
class Held:
    """One connection that is never opened anew."""

    socket: socket.socket
    answered: int = 0
    longest_ms: float = 0.0
    errors: list[str] = field(default_factory=list)

    def ping(self) -> None:
        """Send one request and note what became of it."""
        began = time.monotonic()
        try:
            self.socket.sendall(b"PING\r\n")
            answer = self.socket.recv(64)
        except OSError as error:
            self.errors.append(str(error))
            return
        if answer != b"+PONG\r\n":
            self.errors.append(repr(answer))
            return
        self.answered += 1
        self.longest_ms = max(self.longest_ms, (time.monotonic() - began) * 1000)


def main(address: str, ports: list[int]) -> None:
    """Hold one connection to each port until standard input ends."""
    held = {p: Held(socket.create_connection((address, p), timeout=PATIENCE)) for p in ports}
    print("connected", flush=True)
    while not select.select([sys.stdin], [], [], PAUSE)[0]:
        for connection in held.values():
            if not connection.errors:
                connection.ping()
    report = {
        port: {"answered": c.answered, "errors": c.errors, "longest_ms": c.longest_ms}
        for port, c in held.items()
    }
    print(json.dumps(report))


class Traffic:
    """Steady traffic from a host, for as long as a `with` block lasts."""

    def __init__(self, host: Host, address: object, ports: list[int]) -> None:
        self._process = host.start(
            sys.executable, __file__, str(address), *map(str, ports),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip
        self.report: dict[int, dict[str, Any]] = {}

    def __enter__(self) -> Self:
        assert self._process.stdout is not None
        assert self._process.stdout.readline().strip() == "connected"
        return self

    def __exit__(self, *_: object) -> None:
        output, _errors = self._process.communicate(timeout=20)
        self.report = {int(port): row for port, row in json.loads(output).items()}


if __name__ == "__main__":
    main(sys.argv[1], [int(port) for port in sys.argv[2:]])
