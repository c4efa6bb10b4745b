"""The door of a running embedded world: a Unix socket through which the CLI asks its functions.

One request a connection: a line of JSON in, a line out. `{"function": NAME, "event": {...}}`, where
NAME is the stack's output that names the function, is answered by `{"answer": {...}}`;
`{"verb": NAME, "of": TEXT}`, where something is to happen in the world, by `{"done": TEXT}`; what
could not be done by `{"failed": TEXT}`. Several are served at once.
"""

from __future__ import annotations

import fcntl
import json
import os
import socket
import socketserver
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Protocol, Self

from cachegate_cli.local import socket_path

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from local.deploy import Stack

    Answer = Callable[[dict[str, Any]], dict[str, Any]]

LONGEST = 6_291_456  # bytes of a request: what Lambda takes at most
PATIENCE_S = 10.0  # until a request must have come
STARTING = "the embedded world is starting: ask again in a few seconds"


class DoorError(Exception):
    """No door can be opened there; the message says why, and what to do."""


class RefusedError(Exception):
    """A request that cannot be done; the message says why."""


def where(environment: Mapping[str, str]) -> Path:
    """Return where the socket is, whatever folder the shell of the world goes to."""
    return socket_path(environment).absolute()


def listen(path: Path) -> socket.socket:
    """Return a socket that listens there, for the own user alone.

    A socket that a world left behind when it was killed is taken away. Raises DoorError where
    another world answers, or nothing can be made there.
    """
    listening = socket.socket(socket.AF_UNIX)
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with _alone(path.parent):
            _refuse_second(path)
            if path.is_socket():
                path.unlink()
            listening.bind(str(path))
            path.chmod(0o600)
            listening.listen(128)
    except OSError as error:
        listening.close()
        raise DoorError(
            f"no socket can be made at {path}: {error.strerror or error} (CACHEGATE_LOCAL names "
            "another path)"
        ) from error
    except DoorError:
        listening.close()
        raise
    return listening


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Keep out others who start a world in the same moment, and leave no file for it."""
    held = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield
    finally:
        os.close(held)


def _refuse_second(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as asking:
        try:
            asking.connect(str(path))
        except (FileNotFoundError, ConnectionRefusedError):
            return
    raise DoorError(
        f"an embedded world runs already ({path}): use it by cachegate status --local, or start "
        "another one with CACHEGATE_LOCAL=/another/path make local"
    )


class Door(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    """Serves requests from entering it to leaving it; before `open` it asks for patience."""

    daemon_threads = True
    block_on_close = False  # an invocation may take minutes; the world ends now

    def __init__(self, listening: socket.socket) -> None:
        """Take a socket that listens."""
        super().__init__(listening.getsockname(), _Handler, bind_and_activate=False)
        self.socket.close()
        self.socket = listening
        self.answer: Answer = _not_yet

    def __enter__(self) -> Self:
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()

    def open(self, stack: Stack, happen: Happen) -> None:
        """Answer from now on: by the stack's functions, and by what happens in the world."""
        self.answer = lambda request: _answer(request, stack, happen)


class Happen(Protocol):
    """Lets something happen in the world."""

    def __call__(self, verb: str, of: str) -> str:
        """Do it and return what to tell. Raises RefusedError."""
        ...


def _not_yet(_: dict[str, Any]) -> dict[str, Any]:
    raise RefusedError(STARTING)


def _answer(request: dict[str, Any], stack: Stack, happen: Happen) -> dict[str, Any]:
    match request:
        case {"function": str(output), "event": dict(event)}:
            return {"answer": _invoke(stack, output, event)}
        case {"verb": str(verb), **more} if isinstance(of := more.get("of", ""), str):
            return {"done": happen(verb, of)}
    raise RefusedError('a request is {"function": NAME, "event": {...}} or {"verb": NAME}')


def _invoke(stack: Stack, output: str, event: dict[str, Any]) -> Any:
    name = stack.outputs.get(output)
    function = next((each for each in stack.functions.values() if each.name == name), None)
    if function is None:
        raise RefusedError(f"the stack {stack.name} has no function in an output {output}")
    outcome = function.invoke(json.dumps(event).encode())
    if outcome.failed:
        raise RefusedError(f"{function.name} failed: {outcome.payload.decode()[:500]}")
    return outcome.result


class _Handler(socketserver.StreamRequestHandler):
    """Answers one request."""

    timeout = PATIENCE_S
    server: Door

    def handle(self) -> None:
        """Read a line, and answer whatever it says; who asked may be gone by then."""
        with suppress(BrokenPipeError, ConnectionResetError, TimeoutError):
            line = self.rfile.readline(LONGEST + 1)
            answer = json.dumps(_reply(line, self.server.answer)).encode() + b"\n"
            self.connection.settimeout(PATIENCE_S)
            self.wfile.write(answer)


def _reply(line: bytes, answer: Answer) -> dict[str, Any]:
    if not line.endswith(b"\n"):
        return {"failed": f"a request is one line of at most {LONGEST} bytes"}
    try:
        request = json.loads(line)
    except (ValueError, RecursionError) as error:
        return {"failed": f"the request is no JSON: {error}"}
    if not isinstance(request, dict):
        return {"failed": "the request is no JSON object"}
    try:
        return answer(request)
    except RefusedError as error:
        return {"failed": str(error)}
