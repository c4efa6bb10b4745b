"""Play many sequences on all processors: python -m tests.faults --sequences 10000 --seed 1.

With --breaks the product is broken on purpose, and what is played is how many sequences it takes
until each break is noticed.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import sys
import time
import traceback

import pytest
from hypothesis import Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.faults.breaks import BREAKS
from tests.faults.life import Life, Tally, profile
from tests.faults.world import prepare

PORTION = 250  # sequences that a process plays at a time
MOST_MEMORY = 2 << 30  # bytes of a process: one that grows without end ends alone


def play(portion: tuple[int, int]) -> tuple[Tally, str]:
    """Play a portion; return what was played, and the violation with its shortest sequence."""
    number, sequences = portion
    Life.tally = Tally()
    with pytest.MonkeyPatch.context() as patch:
        prepare(patch)
        try:
            run_state_machine_as_test(seed(number)(Life), settings=profile(sequences))
        except BaseException as error:  # noqa: BLE001 - whatever it is, it is told with its sequence
            notes = getattr(error, "__notes__", [])
            told = f"seed {number}, after {Life.tally.sequences} sequences:"
            return Life.tally, "\n".join([told, *traceback.format_exception(error)[-3:], *notes])
    return Life.tally, ""


def notice(search: tuple[int, int, int]) -> str:
    """Tell after how many sequences one break is noticed, and by which words."""
    place, number, most = search
    Life.tally, broken = Tally(), BREAKS[place]
    with pytest.MonkeyPatch.context() as patch:
        prepare(patch)
        broken.apply(patch)
        only_generated = settings(profile(most), phases=(Phase.generate,))
        try:
            run_state_machine_as_test(seed(number)(Life), settings=only_generated)
        except BaseException as error:  # noqa: BLE001 - as above
            told = str(error).splitlines()[0]
            return f"{broken.name}: noticed after {Life.tally.sequences + 1}: {told}"
    return f"{broken.name}: not noticed in {Life.tally.sequences}"


def campaign(sequences: int, first: int) -> int:
    """Play, print what was played, and return how many portions met a violation."""
    began, whole, violations = time.monotonic(), Tally(), 0
    portions = [PORTION] * (sequences // PORTION) + [sequences % PORTION] * bool(
        sequences % PORTION
    )
    with multiprocessing.Pool() as processes:
        numbered = enumerate(portions, first)
        for tally, violation in processes.imap(play, numbered, chunksize=1):
            whole.add(tally)
            if violation:
                violations += 1
                print(violation, flush=True)
    print(f"seed {first}: {whole}\n{time.monotonic() - began:.0f} s, {violations} violations")
    return violations


def main() -> int:
    """Return 1 where a property did not hold."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--sequences", type=int, default=10_000)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--breaks", action="store_true")
    chosen = options.parse_args()
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
    if not chosen.breaks:
        return min(1, campaign(chosen.sequences, chosen.seed))
    with multiprocessing.Pool() as processes:
        searches = [(place, chosen.seed, chosen.sequences) for place in range(len(BREAKS))]
        for told in processes.imap(notice, searches, chunksize=1):
            print(told, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
