"""Two clients of one port that must learn of its end: `watcher.py HOST PORT REQUEST`.

One is idle after SUBSCRIBE; the other sends the REQUEST when a line comes on stdin. Prints READY,
SENT, and then one line for each that learned: its name and the time of the monotonic clock.
"""

from __future__ import annotations

import socket
import sys
import threading
import time


def wait_for_the_end(name: str, connection: socket.socket) -> None:
    """Read until the connection ends, by RST or FIN, and say when that was."""
    try:
        while connection.recv(64):
            pass
    except OSError:
        pass
    say(f"{name} {time.monotonic()}")


def say(line: str) -> None:
    """Print a line at once and whole, whichever thread says it."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main(host: str, port: int, request: bytes) -> None:
    """Watch one idle and one busy connection."""
    idle, busy = (socket.create_connection((host, port), 5) for _ in range(2))
    for connection in (idle, busy):
        connection.sendall(b"SUBSCRIBE\r\n")
        connection.recv(64)
        connection.settimeout(20)
    threads = [
        threading.Thread(target=wait_for_the_end, args=(name, connection))
        for name, connection in (("idle", idle), ("busy", busy))
    ]
    for thread in threads:
        thread.start()
    say("READY")
    if sys.stdin.readline():
        say("SENT")  # before it is, because the answer may come at once
        busy.sendall(request)
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3].encode())
