"""Clients outside AWS, each with a habit of its own, and what becomes of them meanwhile.

As a program: `connections.py ADDRESS PORT HABIT...`, on a client's host, against one Redis node. It
prints `ready` once all are connected, goes on until its standard input ends, and prints one JSON
object: for each habit a `Fate`. All times are seconds since the epoch.

`new`        opens a connection for each request
`probe`      the same, and gives each one 0.2 s only: to see when answers come again
`active`     one plain socket, a request every 20 ms, never opened anew
`idle`       one plain socket that says nothing until the end
`keepalive`  the same with TCP keep-alive: a probe after 1 s, then each second, 3 lost ones end it
`retry`      redis-py as it should be set: time-outs, keep-alive, retries with a pause that grows
`subscriber` redis-py, subscribed to the channel `news`, with a health check each second
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

import redis
from redis.backoff import ExponentialBackoff
from redis.retry import Retry

if TYPE_CHECKING:
    from collections.abc import Callable
    from ipaddress import IPv4Address
    from types import TracebackType

    from local.namespaces import Host

PAUSE_S = 0.02
PATIENCE_S = 1.0  # for one answer, or one connection
PROBE_S = 0.2  # the same, of a probe
CHANNEL = "news"
_PING, _PONG = b"PING\r\n", b"+PONG\r\n"


@dataclass
class Fate:
    """What became of a client."""

    answers: list[float] = field(default_factory=list)  # when each came
    errors: list[tuple[float, str]] = field(default_factory=list)  # what its program was told
    ended: str = ""  # how its one connection ended: reset, closed, timed out, or not at all

    def tell(self, error: Exception) -> None:
        """Note an error that the program saw."""
        self.errors.append((time.time(), _word(error)))

    def gap(self, since: float) -> float:
        """Return the longest time without an answer, in seconds, that ended after this moment."""
        pairs = zip(self.answers, self.answers[1:], strict=False)
        return max((late - early for early, late in pairs if late > since), default=0.0)

    def answered_after(self, moment: float) -> bool:
        """Tell whether there was an answer later than that."""
        return any(each > moment for each in self.answers)


def _word(error: Exception) -> str:
    if isinstance(error, ConnectionResetError):
        return "reset"
    if isinstance(error, TimeoutError | redis.exceptions.TimeoutError):
        return "timed out"
    return str(error)


class _Clients:
    """The program's threads: one for each habit."""

    def __init__(self, address: str, port: int) -> None:
        self.address, self.port = address, port
        self.stop = threading.Event()
        self.fates: dict[str, Fate] = {}
        self.ready: list[threading.Event] = []

    def run(self, habits: list[str]) -> None:
        """Let all of them live until standard input ends."""
        threads = []
        for habit in habits:
            self.fates[habit] = Fate()
            self.ready.append(threading.Event())
            live: Callable[..., None] = getattr(self, f"_{habit}")
            arguments = (self.fates[habit], self.ready[-1])
            threads.append(threading.Thread(target=live, args=arguments, daemon=True))
        for thread in threads:
            thread.start()
        for event in self.ready:
            event.wait(5)
        print("ready", flush=True)
        sys.stdin.read()
        self.stop.set()
        for thread in threads:
            thread.join(3 * PATIENCE_S)
        print(json.dumps({habit: asdict(fate) for habit, fate in self.fates.items()}))

    def _connect(self, patience: float = PATIENCE_S) -> socket.socket:
        return socket.create_connection((self.address, self.port), patience)

    def _redis(self, **more: Any) -> redis.Redis:
        pauses = ExponentialBackoff(cap=0.5, base=0.05)
        return redis.Redis(
            self.address, self.port, socket_timeout=PATIENCE_S, socket_connect_timeout=PATIENCE_S,
            socket_keepalive=True, retry=Retry(pauses, 60), decode_responses=True, **more,
        )  # fmt: skip

    def _new(self, fate: Fate, ready: threading.Event) -> None:
        self._again(fate, ready, PATIENCE_S)

    def _probe(self, fate: Fate, ready: threading.Event) -> None:
        self._again(fate, ready, PROBE_S)

    def _again(self, fate: Fate, ready: threading.Event, patience: float) -> None:
        while not self.stop.wait(PAUSE_S):
            try:
                with self._connect(patience) as connection:
                    _ask(connection, fate)
            except OSError as error:
                fate.tell(error)
            ready.set()

    def _active(self, fate: Fate, ready: threading.Event) -> None:
        with self._connect() as connection:
            while not self.stop.wait(PAUSE_S):
                try:
                    _ask(connection, fate)
                except OSError as error:
                    fate.tell(error)
                    fate.ended = _word(error)
                    return
                ready.set()

    def _idle(self, fate: Fate, ready: threading.Event) -> None:
        self._wait(fate, ready, self._connect())

    def _keepalive(self, fate: Fate, ready: threading.Event) -> None:
        connection = self._connect()
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option, value in (
            (socket.TCP_KEEPIDLE, 1),
            (socket.TCP_KEEPINTVL, 1),
            (socket.TCP_KEEPCNT, 3),
        ):
            connection.setsockopt(socket.IPPROTO_TCP, option, value)
        self._wait(fate, ready, connection)

    def _wait(self, fate: Fate, ready: threading.Event, connection: socket.socket) -> None:
        """Listen and say nothing; at the end say something, and see what comes of it."""
        with connection:
            _ask(connection, fate)
            ready.set()
            connection.settimeout(PAUSE_S)
            while not self.stop.is_set():
                try:
                    heard = connection.recv(64)
                except OSError as error:
                    if isinstance(error, TimeoutError) and error.errno is None:
                        continue  # this program's own patience, not the kernel's
                    fate.tell(error)
                    fate.ended = _word(error)
                    return
                if not heard:
                    fate.ended = "closed"
                    return
            connection.settimeout(PATIENCE_S)
            try:
                _ask(connection, fate)
            except OSError as error:
                fate.ended = f"not told, then {_word(error)}"

    def _retry(self, fate: Fate, ready: threading.Event) -> None:
        with self._redis() as client:
            while not self.stop.wait(PAUSE_S):
                try:
                    client.ping()
                except redis.exceptions.RedisError as error:
                    fate.tell(error)
                else:
                    fate.answers.append(time.time())
                    ready.set()

    def _subscriber(self, fate: Fate, ready: threading.Event) -> None:
        with self._redis(health_check_interval=1) as client, client.pubsub() as subscribed:
            subscribed.subscribe(CHANNEL)
            while not self.stop.is_set():
                try:
                    message = subscribed.get_message(timeout=PAUSE_S)
                except redis.exceptions.RedisError as error:
                    fate.tell(error)
                    continue
                if message and message["type"] == "subscribe":
                    ready.set()
                if message and message["type"] == "message":
                    fate.answers.append(time.time())


def _ask(connection: socket.socket, fate: Fate) -> None:
    connection.sendall(_PING)
    if connection.recv(64) != _PONG:
        raise ConnectionError("closed by the other side")
    fate.answers.append(time.time())


class Connections:
    """The same from the outside: the program on a host, for as long as a `with` block lasts."""

    def __init__(self, host: Host, address: IPv4Address, port: int, *habits: str) -> None:
        """Know where to connect, and how."""
        self._host = host
        self._arguments = [str(address), str(port), *habits]
        self._process: subprocess.Popen[str] | None = None
        self.fates: dict[str, Fate] = {}

    def __enter__(self) -> Self:
        process = self._process = self._host.start(
            sys.executable, __file__, *self._arguments,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        if process.stdout is None or process.stdout.readline().strip() != "ready":
            _, said = process.communicate(timeout=10)
            raise RuntimeError(f"the clients did not start: {said}")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._process is None:
            return
        output, said = self._process.communicate(timeout=20)
        if not output:
            raise RuntimeError(f"the clients told nothing: {said}")
        self.fates = {habit: Fate(**fate) for habit, fate in json.loads(output).items()}


if __name__ == "__main__":
    _Clients(sys.argv[1], int(sys.argv[2])).run(sys.argv[3:])
