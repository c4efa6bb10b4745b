"""Play many sequences on all processors: python -m tests.faults --sequences 10000 --seed 1."""

from __future__ import annotations

import argparse
import os
import sys
import time
import traceback
from concurrent.futures import ProcessPoolExecutor

import pytest
from hypothesis import seed
from hypothesis.stateful import run_state_machine_as_test

from tests.faults.life import Life, Tally, profile
from tests.faults.world import prepare

PORTION = 250  # sequences that a process plays at a time


def play(number: int, sequences: int) -> tuple[Tally, str]:
    """Play a portion; return what was played, and the violation with its shortest sequence."""
    Life.tally = Tally()
    with pytest.MonkeyPatch.context() as patch:
        prepare(patch)
        try:
            run_state_machine_as_test(seed(number)(Life), settings=profile(sequences))
        except BaseException as error:  # noqa: BLE001 - whatever it is, it is told with its sequence
            notes = getattr(error, "__notes__", [])
            return Life.tally, "\n".join([*traceback.format_exception(error)[-3:], *notes])
    return Life.tally, ""


def main() -> int:
    """Play, print what was played, and return 1 where a property did not hold."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--sequences", type=int, default=10_000)
    options.add_argument("--seed", type=int, default=1)
    chosen = options.parse_args()
    began, whole, told = time.monotonic(), Tally(), []
    portions = [PORTION] * (chosen.sequences // PORTION) + [chosen.sequences % PORTION]
    numbers = range(chosen.seed, chosen.seed + len(portions))
    with ProcessPoolExecutor(os.cpu_count()) as processes:
        for tally, violation in processes.map(play, numbers, filter(None, portions)):
            whole.add(tally)
            told += [violation] if violation else []
            if violation:
                print(violation, flush=True)
    print(f"seed {chosen.seed}: {whole}\n{time.monotonic() - began:.0f} s, {len(told)} violations")
    return 1 if told else 0


if __name__ == "__main__":
    sys.exit(main())
