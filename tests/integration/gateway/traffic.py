"""Traffic from a client, counted: `traffic.py HOST SECONDS BUSY_PORTS NEW_PORTS`.

Two long-lived connections a busy port ask without pause, one thread a new port opens a connection
about every 3 ms, asks once and closes. Prints one JSON object with what went wrong; "dead_ms" is
how long new connections failed, from the first that did to the next that was answered, or to the
end where none was.
"""

from __future__ import annotations

import collections
import json
import socket
import sys
import threading
import time

PAUSE = 0.003  # seconds between two new connections of one thread
BUSY_PAUSE = 0.01
PATIENCE = 5.0  # seconds that a new connection has to be made, and then to be answered
ANSWERED, CUT = "new_answers", "cut"


class Counter:
    """Counts by name, from many threads."""

    def __init__(self) -> None:
        self._counts: collections.Counter[str] = collections.Counter()
        self._lock = threading.Lock()

    def add(self, name: str, number: int = 1) -> None:
        with self._lock:
            self._counts[name] += number

    def result(self) -> dict[str, int]:
        return dict(self._counts)


def busy(address: tuple[str, int], end: float, counter: Counter) -> None:
    """Ask on one connection for as long as it lasts."""
    with socket.create_connection(address, 5) as connection:
        try:
            while time.monotonic() < end:
                connection.sendall(b"PING\r\n")
                if not connection.recv(64):
                    counter.add("broken")
                    return
                counter.add("busy_answers")
                time.sleep(BUSY_PAUSE)
        except OSError as error:
            counter.add("broken")
            counter.add(f"broken: {error}")


def fresh(address: tuple[str, int], end: float, counter: Counter) -> None:
    """Open connection after connection."""
    failing = 0.0  # since when, by the clock; 0 while connections are answered
    while time.monotonic() < end:
        began = time.monotonic()
        try:
            connection = socket.create_connection(address, PATIENCE)
        except ConnectionRefusedError:
            counter.add("refused")
            failing = failing or began
            continue
        except OSError as error:
            counter.add(f"not connected: {error}")
            failing = failing or began
            continue
        outcome = _outcome(connection)
        counter.add(outcome)
        if outcome not in (ANSWERED, CUT):
            failing = failing or began
        elif failing and outcome == ANSWERED:
            counter.add("dead_ms", _since(failing))
            failing = 0.0
        time.sleep(PAUSE)
    if failing:
        counter.add("dead_ms", _since(failing))


def _outcome(connection: socket.socket) -> str:
    """Ask once, close, and return how that is counted."""
    with connection:
        try:
            connection.sendall(b"PING\r\n")
            return ANSWERED if connection.recv(64) else "closed early"
        except TimeoutError:
            return "not answered"
        except OSError:
            return CUT  # was connected, to a target that the port has left since


def _since(moment: float) -> int:
    return round((time.monotonic() - moment) * 1000)


def main(host: str, seconds: float, busy_ports: list[int], new_ports: list[int]) -> None:
    """Run all threads for the given time and print the counts."""
    counter, end = Counter(), time.monotonic() + seconds
    work = [(busy, port) for port in busy_ports for _ in range(2)]
    work += [(fresh, port) for port in new_ports]
    threads = [
        threading.Thread(target=what, args=((host, port), end, counter)) for what, port in work
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(json.dumps(counter.result()))


if __name__ == "__main__":
    main(
        sys.argv[1],
        float(sys.argv[2]),
        [int(port) for port in sys.argv[3].split(",")],
        [int(port) for port in sys.argv[4].split(",")],
    )
