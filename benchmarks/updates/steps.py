"""Run the agent, and tell how long its steps took: `steps.py ARCHIVE SCRIPT_FILE ARGUMENT...`.

The agent is the one that the SSM document carries, unchanged; its own functions are wrapped from
outside. The last line printed is
{"report", "ready", "seconds": {step: seconds}}. What it gives to
the back-end's program for the swap is kept in SCRIPT_FILE.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

PAYLOAD = "payload"  # decoding it and checking each field
SAVED = "saved"  # reading and checking what the last run left
OTHERS = "others"  # looking what other programs' rules do; taking away the other back-end's
BEFORE = "before"  # reading the kernel
SWAP = "swap"  # making the text, and the program that gives it to the kernel
PROGRAM = "program"  # of the swap, that program
FLOWS = "flows"  # finding stale flows, taking stamps, cutting them, telling their ends
BACK = "back"  # reading the kernel again
SAVE = "save"
ALL = "all"  # from the payload's first byte until it is saved


class Steps:
    """The time of each step; a step within a step belongs to the outer one."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.script = ""
        self._inside = ""
        self._ended = False

    def wrap(self, owner: Any, name: str, step: str) -> None:
        """Time a function, wherever it is called by this name."""
        run = getattr(owner, name)

        def timed(*arguments: Any, **options: Any) -> Any:
            if self._inside or self._ended:
                return run(*arguments, **options)
            self._inside = BACK if step == BEFORE and SWAP in self.seconds else step
            started = time.monotonic()
            try:
                return run(*arguments, **options)
            finally:
                self._add(self._inside, started)
                self._inside = ""

        setattr(owner, name, timed)

    def wrap_programs(self) -> None:
        """Time what the swap runs, and keep what it is given."""
        run = subprocess.run

        def timed(*arguments: Any, **options: Any) -> Any:
            started = time.monotonic()
            try:
                return run(*arguments, **options)
            finally:
                if self._inside == SWAP:
                    self._add(PROGRAM, started)
                    self.script += options.get("input") or ""

        subprocess.run = timed

    def until_the_end_of(self, owner: Any, name: str) -> None:
        """Count no more once this function has ended."""
        run: Callable[..., Any] = getattr(owner, name)

        def last(*arguments: Any, **options: Any) -> Any:
            started = time.monotonic()
            try:
                return run(*arguments, **options)
            finally:
                self._add(ALL, started)
                self.seconds[ALL] += self.seconds[PAYLOAD]
                self._ended = True

        setattr(owner, name, last)

    def _add(self, step: str, started: float) -> None:
        self.seconds[step] = self.seconds.get(step, 0.0) + time.monotonic() - started


def main(archive: str, script: str, arguments: list[str]) -> int:
    """Run the agent with its steps timed."""
    sys.path.insert(0, archive)
    from cachegate_agent import apply, payload, preflight, stamps, state  # noqa: PLC0415 - found only now
    from cachegate_agent import main as command  # noqa: PLC0415
    from cachegate_agent.iptables import Iptables  # noqa: PLC0415
    from cachegate_agent.nftables import Nftables  # noqa: PLC0415

    steps = Steps()
    steps.wrap(payload, "decode", PAYLOAD)
    steps.wrap(payload, "rules_of", PAYLOAD)
    steps.wrap(state.State, "load", SAVED)
    steps.wrap(preflight, "choose", OTHERS)
    steps.wrap(preflight, "warnings", OTHERS)
    steps.wrap(stamps, "prepare", FLOWS)
    steps.wrap(apply, "cut", FLOWS)
    steps.wrap(state.State, "save", SAVE)
    for backend in (Nftables, Iptables):
        ours = backend.name == os.environ["CACHEGATE_BACKEND"]
        steps.wrap(backend, "read", BEFORE if ours else OTHERS)
        steps.wrap(backend, "swap", SWAP)
        steps.wrap(backend, "remove", OTHERS)
    steps.wrap_programs()
    steps.until_the_end_of(apply, "put")
    said = io.StringIO()
    ready = time.monotonic()
    with contextlib.redirect_stdout(said):
        code = command.main(arguments)
    Path(script).write_text(steps.script, encoding="ascii")
    report = json.loads(said.getvalue().splitlines()[-1])
    print(json.dumps({"report": report, "ready": ready, "seconds": steps.seconds}))
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], sys.argv[3:]))
