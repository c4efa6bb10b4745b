"""A client with many connections: `caller.py HOST`, then a line on stdin for each thing to do.

`open NAME PORT` connects, `ask NAME` asks on that connection. Each line is answered by one: what
the node said, or the name of the error; who hears nothing for a second says TimeoutError.
"""

from __future__ import annotations

import socket
import sys


def main(host: str) -> None:
    """Do what the lines say until they end."""
    connections: dict[str, socket.socket] = {}
    for line in sys.stdin:
        verb, name, *port = line.split()
        try:
            if verb == "open":
                connections[name] = socket.create_connection((host, int(port[0])), 1)
            connections[name].sendall(b"PING\r\n")
            print(connections[name].recv(64).decode().strip("+\r\n") or "ended", flush=True)
        except OSError as error:
            print(type(error).__name__, flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
