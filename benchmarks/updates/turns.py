"""Change one target there and back: `turns.py ARCHIVE BACKEND TURNS PAYLOAD_FILE PAYLOAD_FILE`.

The kernel holds nothing at the beginning, and the first payload's rules at the end. In each turn
our swap leads to the second payload's and back, and the back-end's program alone does so with the
very same texts. The line printed is [[swap, program in it, program alone], ...] in seconds, two of
them a turn.

Each swap of ours is a process of its own that reads the payload and the kernel before it, as a run
of the agent does: so none of its code has run before, and what it works with is as fresh.
"""

from __future__ import annotations

import gc
import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

PROGRAMS = {"nftables": ("nft", "-f", "-"), "iptables": ("iptables-restore", "--noflush")}
LONGEST_WAIT_S = 0.01  # a tick of the kernel's clock at most


class End(NamedTuple):
    """One end of the way: a payload, and the stamp of its rules, so that texts are the same."""

    file: str
    stamp: int


class Swapped(NamedTuple):
    """How a swap went: seconds of it all, of the program in it, and what that was given."""

    seconds: float
    program: float
    script: str


def swap(backend: Any, end: End) -> Swapped:
    """Swap to an end's rules in a process of its own; raise RuntimeError where that fails."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            with os.fdopen(writing, "w") as pipe:
                json.dump(_swapped(backend, end), pipe)
            code = 0
        finally:
            os._exit(code)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        said = pipe.read()
    if os.waitpid(child, 0)[1] != 0:
        raise RuntimeError("a swap failed, or there was nothing to change")
    return Swapped(*json.loads(said))


def _swapped(backend: Any, end: End) -> Swapped:
    from cachegate_agent import payload  # noqa: PLC0415 - found only now

    rules = payload.rules_of(payload.decode(Path(end.file).read_text()))
    since = backend.read()
    if since is not None and not (since.shape and since.identity != rules.identity):
        raise RuntimeError("the kernel does not hold the other rules")
    run = subprocess.run
    spent: list[float] = []
    scripts: list[str] = []

    def timed(*arguments: Any, **options: Any) -> Any:
        started = time.monotonic()
        done = run(*arguments, **options)
        spent.append(time.monotonic() - started)
        scripts.append(options["input"])
        return done

    subprocess.run = timed
    started = time.monotonic()
    backend.swap(rules, end.stamp, since)
    seconds = time.monotonic() - started
    return Swapped(seconds, sum(spent), "".join(scripts))


def give(program: tuple[str, ...], script: str) -> float:
    """Give a text to the program alone, and return the seconds.

    Much of a change is waiting for ticks of the kernel's clock. So it begins at some moment between
    two of them, as ours does: right after another change ended is always the best moment.
    """
    time.sleep(random.uniform(0, LONGEST_WAIT_S))  # noqa: S311 - nothing secret
    started = time.monotonic()
    subprocess.run(program, input=script, capture_output=True, text=True, check=True)
    return time.monotonic() - started


def main(archive: str, name: str, turns: int, *files: str) -> None:
    """Print how long the swaps took; raise where one did not lead to its rules."""
    sys.path.insert(0, archive)
    from cachegate_agent.backend import STAMPS  # noqa: PLC0415 - found only now
    from cachegate_agent.iptables import Iptables  # noqa: PLC0415
    from cachegate_agent.nftables import Nftables  # noqa: PLC0415

    gc.disable()  # as the agent does
    backend = Nftables() if name == "nftables" else Iptables()
    here, there = (End(file, stamp) for file, stamp in zip(files, STAMPS, strict=False))
    swap(backend, here)
    # The identity is in the texts, so every later swap proves that these led to its beginning.
    texts = [swap(backend, end).script for end in (there, here)]
    taken = []
    for turn in range(turns):
        ours: list[Swapped] = []
        alone: list[float] = []
        for is_ours in (turn % 2 == 0, turn % 2 == 1):
            if is_ours:
                ours = [swap(backend, end) for end in (there, here)]
            else:
                alone = [give(PROGRAMS[name], text) for text in texts]
        if [each.script for each in ours] != texts:
            raise RuntimeError("the same change gave another text")
        taken += [
            (each.seconds, each.program, same) for each, same in zip(ours, alone, strict=True)
        ]
    print(json.dumps(taken))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), *sys.argv[4:])
