"""The machine of a run is kept beside its rows, and said in one sentence."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from benchmarks import machine
from benchmarks.machine import Machine
from tests.unit.benchmarks.sections import machine as a_machine

if TYPE_CHECKING:
    from pathlib import Path


def test_a_machine_is_the_same_after_a_round_trip(tmp_path: Path) -> None:
    a_machine().save(tmp_path / "new")

    assert Machine.load_from(tmp_path / "new") == a_machine()


def test_a_machine_that_was_never_kept_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Machine.load_from(tmp_path)


def test_the_sentence_names_time_programs_and_the_greatest_load() -> None:
    assert a_machine().sentence() == (
        "Measured 2026-11-26 in 2 minutes on 2 cores (a processor), Linux 6.1, Python 3.11.7, "
        "nft 1.0.6, haproxy 2.6.12. The load of the minute before a section was 1.2 at most."
    )


def test_a_program_that_is_not_here_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    programs = {"shell": ("sh", "-c", "echo sh, version 5.2.15"), "other": ("no-such-program",)}
    monkeypatch.setattr(machine, "PROGRAMS", programs)

    assert Machine.here().programs == {"shell": "5.2.15"}
