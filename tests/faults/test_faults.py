"""The whole pass under random sequences of changes and faults; `make test-faults` plays more."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import seed
from hypothesis.stateful import run_state_machine_as_test

from tests.faults.life import Life, Tally, profile
from tests.faults.world import prepare

if TYPE_CHECKING:
    import pytest

SEED, SEQUENCES = 1, 250


def test_whatever_goes_wrong_nobody_is_misled_and_all_comes_right(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    prepare(monkeypatch)
    Life.tally = Tally()

    run_state_machine_as_test(seed(SEED)(Life), settings=profile(SEQUENCES))

    print(f"seed {SEED}: {Life.tally}")
    assert Life.tally.sequences >= SEQUENCES
    assert len(Life.tally.faults) > 50
