"""`make local`: the embedded world to play with, and a shell on a client's machine outside of it.

Usage: python -m local.shell [-c COMMAND]; without -c the shell reads standard input, as a person or
a pipe gives it. What the world says goes to standard error; the exit code is the command's.
"""

from __future__ import annotations

import argparse
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from local import door, nodes, sandbox
from local.stage import play

if TYPE_CHECKING:
    from types import FrameType

ENDINGS = (signal.SIGTERM, signal.SIGHUP)
PATIENCE_S = 20.0  # for a world to tidy up behind it


def main() -> int:
    """Make the door outside, play inside the sandbox, and take everything away at the end."""
    parser = argparse.ArgumentParser(prog="python -m local.shell", description=__doc__)
    parser.add_argument("-c", dest="command", metavar="COMMAND", help="run this and end")
    parser.add_argument("--inside", nargs=3, metavar="PART", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.inside:
        listening, leash, folder = given.inside
        _hear(int(leash))
        return play(socket.socket(fileno=int(listening)), Path(folder), given.command)
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
    if missing := nodes.missing():
        return f"{' and '.join(missing)} not installed (make packages, as root)"
    covered = Path("/run/netns" if os.geteuid() == 0 else "/run")
    if path.resolve().is_relative_to(covered):
        return f"{covered} is covered by the world's own: let CACHEGATE_LOCAL name another path"
    return sandbox.why_not()


def _keep(listening: socket.socket, path: Path, command: str | None) -> int:
    """Run the world as a child and wait, so that its socket and folder go however it ends.

    Ctrl-C is for the world, or what runs in its shell. Who ends us, or closes the terminal, has the
    world end by the leash: a pipe that nobody else holds, so that it ends even where we are killed.
    """
    leash, held = os.pipe()
    with tempfile.TemporaryDirectory(prefix="cachegate-local-") as folder:
        parts = [str(listening.fileno()), str(leash), folder]
        inner = [sys.executable, "-m", "local.shell", "--inside", *parts]
        if command is not None:
            inner += ["-c", command]
        for each in (signal.SIGINT, *ENDINGS):  # not for the programs between us and the world
            signal.signal(each, signal.SIG_IGN)
        child = subprocess.Popen(
            [sys.executable, "-m", "local.sandbox", *inner],
            pass_fds=[listening.fileno(), leash],
            env=dict(os.environ) | {"CACHEGATE_LOCAL": str(path)},
        )
        os.close(leash)
        try:
            for each in ENDINGS:
                signal.signal(each, _end)
            return child.wait()
        finally:
            os.close(held)
            _await(child)
            path.unlink(missing_ok=True)
            listening.close()


def _await(child: subprocess.Popen[bytes]) -> None:
    try:
        child.wait(PATIENCE_S)
    except subprocess.TimeoutExpired:
        child.kill()  # and with it all that is inside
        child.wait()


def _hear(leash: int) -> None:
    """End as by a signal when nobody holds the leash any more."""
    for each in ENDINGS:
        signal.signal(each, _end)

    def wait() -> None:
        os.read(leash, 1)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, daemon=True).start()


def _end(number: int, _: FrameType | None) -> NoReturn:
    raise SystemExit(128 + number)


if __name__ == "__main__":
    sys.exit(main())
