"""A program at a terminal of its own, as a person has it in front of them."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import time
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

PATIENCE_S = 180.0  # a machine under load is no finding
INTERRUPT, END = "\x03", "\x04"


class Terminal:
    """Types into a program and waits for what it shows; leaving it hangs up."""

    def __init__(self, *argv: str, cwd: Path, env: Mapping[str, str]) -> None:
        self._ours, theirs = pty.openpty()
        self.shown, self._read = "", 0
        self._process = subprocess.Popen(
            ["setsid", "--ctty", "--wait", *argv],
            stdin=theirs, stdout=theirs, stderr=theirs, cwd=cwd, env=env,
        )  # fmt: skip
        os.close(theirs)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._ours)
        self._process.wait(PATIENCE_S)

    def type(self, text: str) -> None:
        """Press keys."""
        os.write(self._ours, text.encode())

    def wait_for(self, text: str) -> None:
        """Wait until this is shown, after what was waited for before."""
        deadline = time.monotonic() + PATIENCE_S
        while (at := self.shown.find(text, self._read)) < 0:
            assert time.monotonic() < deadline, f"no {text!r} in: {self.shown}"
            assert self._more(), f"it ended without {text!r}: {self.shown}"
        self._read = at + len(text)

    def ended(self) -> int:
        """Read on to the end, and return the exit code."""
        while self._more():
            pass
        return self._process.wait(PATIENCE_S)

    def _more(self) -> bool:
        if select.select([self._ours], [], [], 1)[0]:
            try:
                read = os.read(self._ours, 4096)
            except OSError:  # how a terminal tells that nobody is left
                return False
            self.shown += read.decode(errors="replace")
            return bool(read)
        return True
