"""A cache node as far as TCP goes: answers each line with its own name. `servers.py NAME PORT...`.

PING is answered at once. SUBSCRIBE is answered once, and then nothing more comes.
"""

from __future__ import annotations

import selectors
import socket
import sys


def serve(name: bytes, ports: list[int]) -> None:
    """Serve for ever; says READY once all ports are open."""
    selector = selectors.DefaultSelector()
    for port in ports:
        listener = socket.create_server(("", port), backlog=1024)
        listener.settimeout(0)
        selector.register(listener, selectors.EVENT_READ, "listener")
    print("READY", flush=True)
    while True:
        for key, _ in selector.select():
            thing = key.fileobj
            assert isinstance(thing, socket.socket)
            if key.data == "listener":
                connection, _ = thing.accept()
                connection.settimeout(0)
                selector.register(connection, selectors.EVENT_READ, "connection")
            elif not answer(thing, name):
                selector.unregister(thing)
                thing.close()


def answer(connection: socket.socket, name: bytes) -> bool:
    """Answer what came in; False where the connection has ended."""
    try:
        request = connection.recv(4096)
        if request:
            connection.sendall(b"+" + name + b"\r\n")
    except BlockingIOError:
        return True
    except OSError:
        return False
    return bool(request)


if __name__ == "__main__":
    serve(sys.argv[1].encode(), [int(port) for port in sys.argv[2:]])
