"""Random worlds, random faults, people who meddle: every promise holds all the time."""

from __future__ import annotations

from collections import Counter

from tests.unit.guard.trouble import Life

FIRST, LIVES, STEPS = 1, 300, 14


def test_whatever_goes_wrong_nothing_goes_unnamed_unrecorded_or_untold() -> None:
    tally: Counter[str] = Counter()
    for seed in range(FIRST, FIRST + LIVES):
        try:
            life = Life(seed)
            life.play(STEPS)
        except BaseException as error:
            error.add_note(f"seed {seed}: Life({seed}).play({STEPS})")
            raise
        tally += life.tally

    print(f"seeds {FIRST}-{FIRST + LIVES - 1}: {dict(sorted(tally.items()))}")
    for kind in ("removed", "broken off", "restore done", "restore refused", "exempt done"):
        assert tally[kind] > LIVES / 30, f"{kind} is hardly played"
