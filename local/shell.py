"""`make local`: the embedded world to play with, and a shell on a client's machine outside of it.

Usage: python -m local.shell [-c COMMAND]; without -c the shell reads standard input, as a person or
a pipe gives it. What the world says goes to standard error; the exit code is the command's.
"""

from __future__ import annotations

import argparse
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

ENDINGS = (signal.SIGTERM, signal.SIGHUP)
ALL = (signal.SIGINT, *ENDINGS)
PATIENCE_S = 20.0  # for a world to tidy up behind it


def main() -> int:
    """Make the door outside, play inside the sandbox, and take everything away at the end.

    What takes long to import is imported when signals already end this without a word.
    """
    parser = argparse.ArgumentParser(prog="python -m local.shell", description=__doc__)
    parser.add_argument("-c", dest="command", metavar="COMMAND", help="run this and end")
    parser.add_argument("--inside", nargs=3, metavar="PART", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.inside:
        listening, leash, folder = given.inside
        return _inside(int(listening), int(leash), Path(folder), given.command)
    _on(_end, *ALL)
    from local import door  # noqa: PLC0415

    path = door.where(os.environ)
    reason = _why_not(path)
    if reason is None:
        try:
            return _keep(door.listen(path), path, given.command)
        except door.DoorError as error:
            reason = str(error)
    sys.stderr.write(f"no embedded world: {reason}\n")
    return 2


def _why_not(path: Path) -> str | None:
    """Return in one line why there can be no world here, or None where there can."""
    from local import nodes, sandbox  # noqa: PLC0415

    if missing := nodes.missing():
        return f"{' and '.join(missing)} not installed (make packages, as root)"
    covered = Path("/run/netns" if os.geteuid() == 0 else "/run")
    if path.resolve().is_relative_to(covered):
        return f"{covered} is covered by the world's own: let CACHEGATE_LOCAL name another path"
    return sandbox.why_not()


def _keep(listening: socket.socket, path: Path, command: str | None) -> int:
    """Run the world as a child and wait, so that its socket and folder go however it ends.

    Ctrl-C is for the world as soon as it can end in order, or for what runs in its shell. Who ends
    us, or closes the terminal, has the world end by the leash: a connection whose other end nobody
    else holds, so that it ends even where we are killed.
    """
    held, leash = socket.socketpair()
    child: subprocess.Popen[bytes] | None = None
    with tempfile.TemporaryDirectory(prefix="cachegate-local-") as folder:
        parts = [str(listening.fileno()), str(leash.fileno()), folder]
        inner = [sys.executable, "-m", "local.shell", "--inside", *parts]
        if command is not None:
            inner += ["-c", command]
        try:
            # The programs between us and the world ignore them; we miss none.
            signal.pthread_sigmask(signal.SIG_BLOCK, ALL)
            _on(signal.SIG_IGN, *ALL)
            child = subprocess.Popen(
                [sys.executable, "-m", "local.sandbox", *inner],
                pass_fds=[listening.fileno(), leash.fileno()],
                env=dict(os.environ) | {"CACHEGATE_LOCAL": str(path)},
            )
            leash.close()
            _on(lambda number, _: None if _said(held) else _end(number), signal.SIGINT)
            _on(_end, *ENDINGS)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, ALL)
            _hang_up_with_terminal()
            return child.wait()
        finally:
            _on(signal.SIG_IGN, *ALL)
            held.close()
            if child is not None:
                _await(child)
            path.unlink(missing_ok=True)
            listening.close()


def _said(held: socket.socket) -> bool:
    """Tell whether the world has said that it hears signals itself, or is gone."""
    return bool(select.select([held], [], [], 0)[0])


def _hang_up_with_terminal() -> None:
    """End as by SIGHUP when our terminal closes.

    The kernel tells its foreground alone, which is what runs in the world's shell, and may not end.
    """
    if not sys.stdin.isatty():
        return

    def wait() -> None:
        terminal = select.poll()
        terminal.register(sys.stdin, 0)  # a hang-up is always told
        terminal.poll()
        os.kill(os.getpid(), signal.SIGHUP)

    threading.Thread(target=wait, daemon=True).start()


def _await(child: subprocess.Popen[bytes]) -> None:
    try:
        child.wait(PATIENCE_S)
    except subprocess.TimeoutExpired:
        child.kill()  # and with it all that is inside
        child.wait()


def _inside(listening: int, leash: int, folder: Path, command: str | None) -> int:
    """Play; end at once while nothing is made yet, and in order from then on."""
    _on(_end_at_once, *ALL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, ALL)
    _hear(leash)
    with suppress(BrokenPipeError):  # then we end by what we hear
        os.write(leash, b".")
    from local.stage import play  # noqa: PLC0415

    _on(_end, *ENDINGS)
    return play(socket.socket(fileno=listening), folder, command)


def _hear(leash: int) -> None:
    """End as by a signal when nobody holds the leash any more."""

    def wait() -> None:
        with suppress(ConnectionResetError):  # how it ends where our word was not read
            os.read(leash, 1)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, daemon=True).start()


def _on(handler: signal.Handlers | Callable[[int, FrameType | None], object], *all_: int) -> None:
    for each in all_:
        signal.signal(each, handler)


def _end(number: int, _: FrameType | None = None) -> NoReturn:
    raise SystemExit(128 + number)


def _end_at_once(number: int, _: FrameType | None) -> NoReturn:
    os._exit(128 + number)


if __name__ == "__main__":
    sys.exit(main())
