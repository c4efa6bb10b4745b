"""Clients outside that write through a role's port, and what each was answered by whom.

As a program on a client's host: `role_clients.py write ADDRESS PORT` writes a new key again and
again, by redis-py and by one plain socket, until its standard input ends; then it prints one JSON
object: for each client a `Record`. `role_clients.py read ADDRESS PORT COUNT` opens that many
connections, one after the other, and prints which server answered how many of them. All times are
seconds since the epoch.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Self

import redis
from redis.backoff import ExponentialBackoff
from redis.retry import Retry

if TYPE_CHECKING:
    from collections.abc import Callable
    from ipaddress import IPv4Address

    from local.namespaces import Host

PAUSE_S = 0.01
PATIENCE_S = 1.0  # for one answer, or one connection


@dataclass
class Record:
    """What one client wrote, and was told."""

    written: dict[str, float] = field(default_factory=dict)  # when each key was acknowledged
    # Which of its connections led to a replica, and how many writes were refused there.
    read_only: dict[str, int] = field(default_factory=dict)
    connections: int = 0
    errors: list[str] = field(default_factory=list)  # others that the program saw

    def refused(self) -> None:
        """Note that the connection in use leads to a replica."""
        number = str(self.connections)
        self.read_only[number] = self.read_only.get(number, 0) + 1

    def gap_ms(self, since: float) -> float:
        """Return the time from this moment to the next write that was acknowledged."""
        return 1000 * (min(when for when in self.written.values() if when > since) - since)


def redis_py(address: str, port: int, record: Record, stop: threading.Event) -> None:
    """Write as a program with usual settings does: it retries, and so sees no reset."""

    def connected(connection: redis.Connection) -> None:
        record.connections += 1
        connection.on_connect()  # type: ignore[no-untyped-call]

    pool = redis.ConnectionPool(
        host=address, port=port, retry=Retry(ExponentialBackoff(cap=0.5, base=0.05), 60),
        redis_connect_func=connected,
        socket_timeout=PATIENCE_S, socket_connect_timeout=PATIENCE_S,
    )  # fmt: skip
    with redis.Redis(connection_pool=pool) as client:
        while not stop.wait(PAUSE_S):
            key = f"redis-py:{len(record.written)}"
            try:
                client.set(key, "written")
            except redis.ReadOnlyError:
                record.refused()
            except redis.RedisError as error:
                record.errors.append(str(error))
            else:
                record.written[key] = time.time()


def plain_socket(address: str, port: int, record: Record, stop: threading.Event) -> None:
    """Write over one connection; only where that ends, open the next one."""
    while not stop.is_set():
        try:
            with socket.create_connection((address, port), PATIENCE_S) as connection:
                record.connections += 1
                while not stop.wait(PAUSE_S):
                    _write(connection, record)
        except OSError as error:
            record.errors.append(type(error).__name__)


def _write(connection: socket.socket, record: Record) -> None:
    key = f"socket:{len(record.written)}"
    connection.sendall(f"SET {key} written\r\n".encode())
    answer = connection.recv(200)
    if answer.startswith(b"+OK"):
        record.written[key] = time.time()
    elif answer.startswith(b"-READONLY"):
        record.refused()
    else:
        raise ConnectionError(answer.decode() or "closed")


def write(address: str, port: int) -> None:
    """Let both write until standard input ends."""
    stop, records = threading.Event(), {"redis-py": Record(), "socket": Record()}
    clients: tuple[Callable[..., None], ...] = (redis_py, plain_socket)
    threads = [
        threading.Thread(target=client, args=(address, port, record, stop))
        for client, record in zip(clients, records.values(), strict=True)
    ]
    for thread in threads:
        thread.start()
    while not all(record.written for record in records.values()):
        time.sleep(PAUSE_S)
    print("ready", flush=True)
    sys.stdin.read()
    stop.set()
    for thread in threads:
        thread.join()
    print(json.dumps({name: asdict(record) for name, record in records.items()}))


def read(address: str, port: int, count: int) -> None:
    """Ask who answers, over a new connection each time."""
    found = Counter(_who(address, port) for _ in range(count))
    print(json.dumps(found))


def _who(address: str, port: int) -> str:
    try:
        with socket.create_connection((address, port), PATIENCE_S) as connection:
            connection.sendall(b"CONFIG GET replica-announce-ip\r\n")
            return connection.recv(200).decode().split("\r\n")[-2]
    except OSError as error:
        return type(error).__name__


class Writers:
    """The same from the outside, for as long as a `with` block lasts."""

    def __init__(self, host: Host, address: IPv4Address, port: int) -> None:
        self._process = host.start(
            sys.executable, __file__, "write", str(address), str(port),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip
        self.records: dict[str, Record] = {}

    def __enter__(self) -> Self:
        assert self._process.stdout is not None
        assert self._process.stdout.readline().strip() == "ready"
        return self

    def __exit__(self, *_: object) -> None:
        output, _errors = self._process.communicate(timeout=60)
        self.records = {name: Record(**record) for name, record in json.loads(output).items()}


def spread(host: Host, address: IPv4Address, port: int, count: int) -> dict[str, int]:
    """Return how many of so many connections each server, or each error, answered."""
    done = host.run(sys.executable, __file__, "read", str(address), str(port), str(count))
    answered: dict[str, int] = json.loads(done.stdout)
    return answered


if __name__ == "__main__":
    what: dict[str, Callable[..., Any]] = {"write": write, "read": read}
    what[sys.argv[1]](sys.argv[2], *map(int, sys.argv[3:]))
