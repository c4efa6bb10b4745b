"""Clients of a node that dies, each with one connection: `clients.py HOST`, on a client's host.

All connect first, and READY says that each of them reaches its node. Then lines come out as clients
learn something, with the moment on the monotonic clock: `active` and `idle` when their connection
has ended, by an error or by EOF. No client has a time-out: TCP alone tells. Lines that go in:

`probe`   open connections to the moved port, until one is answered by node B: `new` and the moment
`count`   ask once on each connection of the bystanders, and say `alive` and how many were answered
"""

from __future__ import annotations

import contextlib
import socket
import sys
import threading
import time

MOVED, SAME_NODE, OTHER_NODE = 6379, 6380, 6381  # the last two stay where they are
BYSTANDERS = 10  # of each of these two
PAUSE = 0.02  # seconds between an active client's answer and its next request
PROBE = 0.02  # seconds that a new connection has until its answer, and then the next one begins
PATIENCE = 1.0  # seconds that a bystander waits for its answer
BEFORE, AFTER = "A", "B"


def main(host: str) -> None:
    """Connect all, then do as the lines say."""
    active, idle = (_connected(host, MOVED, BEFORE) for _ in range(2))
    bystanders = {
        name: [_connected(host, port, name) for _ in range(BYSTANDERS)]
        for port, name in ((SAME_NODE, BEFORE), (OTHER_NODE, AFTER))
    }
    for work, connection in ((_ask_on, active), (_wait, idle)):
        threading.Thread(target=work, args=(connection,), daemon=True).start()
    _say("READY")
    for line in sys.stdin:
        if line == "probe\n":
            threading.Thread(target=_probe, args=(host,), daemon=True).start()
        else:
            alive = [_answer(each) == name for name, those in bystanders.items() for each in those]
            _say(f"alive {sum(alive)}")


def _connected(host: str, port: int, name: str) -> socket.socket:
    connection = socket.create_connection((host, port), 5)
    if _answer(connection) != name:
        raise SystemExit(f"port {port} does not lead to node {name}")
    connection.settimeout(None)
    return connection


def _answer(connection: socket.socket, patience: float = PATIENCE) -> str:
    """Ask once; return the node's name, or "" where none came."""
    try:
        connection.settimeout(patience)
        connection.sendall(b"PING\r\n")
        return connection.recv(64).decode().strip("+\r\n")
    except OSError:
        return ""


def _ask_on(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.sendall(b"PING\r\n")
        while connection.recv(64):
            time.sleep(PAUSE)
            connection.sendall(b"PING\r\n")
    _say(f"active {time.monotonic()}")


def _wait(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.recv(64)
    _say(f"idle {time.monotonic()}")


def _probe(host: str) -> None:
    while True:
        began = time.monotonic()
        try:
            with socket.create_connection((host, MOVED), PROBE) as connection:
                if _answer(connection, PROBE) == AFTER:
                    _say(f"new {time.monotonic()}")
                    return
        except OSError:
            pass
        time.sleep(max(0.0, began + PROBE - time.monotonic()))


def _say(line: str) -> None:
    """Print a line at once and whole, whichever thread says it."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1])
