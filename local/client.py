"""A client outside AWS, run on a host of its own: asks who answers, or holds connections open.

As a program: `client.py who|hold ADDRESS ENGINE:PORT...`, standard library only. `who` prints one
JSON object {port: private address of the node that answered, or the error}. `hold` keeps one
connection a port, sends a request every 20 ms, opens a new one only after an error, and goes on
until its standard input ends; then it prints {port: {...}}, a `Held` each.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
import time
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from types import TracebackType

    from local.namespaces import Host

PAUSE_S = 0.02
PATIENCE_S = 3.0
# Each of our servers says its own private address: Redis as what it announces, Memcached as where
# it listens.
QUESTIONS = {
    "redis": b"CONFIG GET replica-announce-ip\r\n",
    "memcached": b"stats settings\r\n",
}


def ask(connection: socket.socket, engine: str) -> str:
    """Send one request and return the address that the node says it has."""
    connection.sendall(QUESTIONS[engine])
    answer = b""
    while not _complete(answer, engine):
        more = connection.recv(4096)
        if not more:
            raise ConnectionError("closed by the other side")
        answer += more
    words = answer.decode().split()
    return words[-1] if engine == "redis" else words[words.index("inter") + 1]


def _complete(answer: bytes, engine: str) -> bool:
    # A list of two strings, each after its length; or lines with END as the last.
    return answer.count(b"\r\n") >= 5 if engine == "redis" else answer.endswith(b"END\r\n")


def who(address: str, engine: str, port: int) -> str:
    """Connect once, and return who answers or why nobody does."""
    try:
        with socket.create_connection((address, port), PATIENCE_S) as connection:
            return ask(connection, engine)
    except OSError as error:
        return f"error: {error}"


@dataclass
class Held:
    """What became of one connection; times are time.monotonic of this machine."""

    port: int
    engine: str
    answered: int = 0
    errors: list[str] = field(default_factory=list)
    longest_ms: float = 0.0  # between two answers
    last_by: str = ""
    changed_at: float = 0.0  # when another node than before answered first

    def run(self, address: str, stop: threading.Event) -> None:
        """Ask until told to stop."""
        last = 0.0
        connection: socket.socket | None = None
        while not stop.is_set():
            try:
                connection = connection or socket.create_connection(
                    (address, self.port), PATIENCE_S
                )
                by = ask(connection, self.engine)
            except OSError as error:
                self.errors.append(str(error))
                if connection is not None:
                    connection.close()
                connection = None
            else:
                last = self._note(by, last)
            stop.wait(PAUSE_S)
        if connection is not None:
            connection.close()

    def _note(self, by: str, last: float) -> float:
        now = time.monotonic()
        if last:
            self.longest_ms = max(self.longest_ms, (now - last) * 1000)
        if self.last_by not in ("", by):
            self.changed_at = now
        self.answered, self.last_by = self.answered + 1, by
        return now


def hold(address: str, ports: list[tuple[str, int]]) -> None:
    """Hold one connection to each port until standard input ends."""
    stop, held = threading.Event(), [Held(port, engine) for engine, port in ports]
    threads = [threading.Thread(target=each.run, args=(address, stop)) for each in held]
    for thread in threads:
        thread.start()
    sys.stdin.read()
    stop.set()
    for thread in threads:
        thread.join()
    print(json.dumps({each.port: asdict(each) for each in held}))


class Client:
    """The same from the outside: the program on a host."""

    def __init__(self, host: Host, address: object, ports: dict[int, str]) -> None:
        """Know where to connect: the engine of each port is "redis" or "memcached"."""
        self._host = host
        targets = [f"{engine}:{port}" for port, engine in ports.items()]
        self._arguments = [str(address), *targets]
        self._holding: subprocess.Popen[str] | None = None
        self.report: dict[int, dict[str, Any]] = {}

    def who(self) -> dict[int, str]:
        """Return who answers at each port now, each asked over a new connection."""
        done = self._host.run(sys.executable, __file__, "who", *self._arguments)
        return {int(port): answer for port, answer in json.loads(done.stdout).items()}

    def __enter__(self) -> Self:
        self._holding = self._host.start(
            sys.executable, __file__, "hold", *self._arguments,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._holding is not None:
            output, _ = self._holding.communicate(timeout=2 * PATIENCE_S)
            self.report = {int(port): row for port, row in json.loads(output).items()}


def main(arguments: list[str]) -> None:
    """Run as a program."""
    mode, address, *targets = arguments
    ports = [(engine, int(port)) for engine, port in (each.split(":") for each in targets)]
    if mode == "hold":
        hold(address, ports)
    else:
        print(json.dumps({port: who(address, engine, port) for engine, port in ports}))


if __name__ == "__main__":
    main(sys.argv[1:])
