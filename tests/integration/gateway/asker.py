"""A client that asks once for each line on stdin: `asker.py HOST PORT SOURCE_PORT`.

Prints each answer, or the name of the error that ends it; the first answer comes by itself.
"""

from __future__ import annotations

import socket
import sys


def main(host: str, port: int, source: int) -> None:
    """Ask on one connection for as long as lines come."""
    with socket.create_connection((host, port), 5, ("", source)) as connection:
        try:
            for _ in sys.stdin:
                connection.sendall(b"PING\r\n")
                answer = connection.recv(64).decode().strip("+\r\n")
                print(answer or "ended", flush=True)
        except OSError as error:
            print(type(error).__name__, flush=True)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
