"""The systemd units, as systemd reads them."""

from __future__ import annotations

import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from cachegate_agent import units
from cachegate_agent.state import DEFAULT, State

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
def test_systemd_finds_no_fault_in_the_units(tmp_path: Path) -> None:
    texts = units.texts(f"{sys.executable} -I -S {DEFAULT / 'agent.pyz'}")
    for name, text in texts.items():
        (tmp_path / name).write_text(text)

    done = subprocess.run(
        ["systemd-analyze", "verify", *(str(tmp_path / name) for name in texts)],
        capture_output=True,
        text=True,
        check=False,
    )

    ours = [line for line in done.stderr.splitlines() if "cachegate" in line]
    assert (done.returncode, ours) == (0, [])


def test_restoring_comes_after_everything_that_loads_or_flushes_rules_at_boot() -> None:
    text = units.texts("agent")[units.RESTORE]

    (after,) = (line for line in text.splitlines() if line.startswith("After="))
    for name in ("nftables", "iptables", "firewalld", "ufw", "docker", "fck-nat"):
        assert f"{name}.service" in after


def test_repair_runs_every_thirty_seconds_to_the_second() -> None:
    text = units.texts("agent")[units.TIMER]

    assert "OnCalendar=*:*:0/30" in text
    assert "AccuracySec=1s" in text


def test_elsewhere_than_in_the_default_directory_nothing_is_installed(tmp_path: Path) -> None:
    warnings = units.install(State(tmp_path))

    assert len(warnings) == 1
    assert list(tmp_path.iterdir()) == []


def test_installing_twice_starts_the_units_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = systemd(tmp_path, monkeypatch)
    state = State(tmp_path / "state")
    state.folder.mkdir()

    first, second = units.install(state), units.install(state)
    installed = {path.name for path in (tmp_path / "units").iterdir()}

    assert (first, second) == ([], [])
    assert installed == {units.RESTORE, units.REPAIR, units.TIMER}
    assert asked == [
        ("daemon-reload",),
        ("enable", units.RESTORE),
        ("enable", "--now", units.TIMER),
    ]
    done = subprocess.run(
        [sys.executable, "-I", "-S", str(state.folder / "agent.pyz"), "render", "--payload", "x"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, "malformed" in done.stdout) == (2, True)


def test_what_differs_from_the_running_agent_is_not_current(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    systemd(tmp_path, monkeypatch)
    state = State(tmp_path / "state")
    state.folder.mkdir()
    assert not units.is_current(state)
    units.install(state)
    assert units.is_current(state)

    for path in (state.folder / "agent.pyz", tmp_path / "units" / units.TIMER):
        whole = path.read_bytes()
        path.write_bytes(whole + b"# of another version")
        assert not units.is_current(state)
        path.write_bytes(whole)

    (tmp_path / "units" / units.REPAIR).unlink()
    assert not units.is_current(state)


def test_uninstalling_takes_the_units_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = systemd(tmp_path, monkeypatch)
    state = State(tmp_path / "state")
    state.folder.mkdir()
    units.install(state)
    asked.clear()

    units.uninstall(state)

    assert list((tmp_path / "units").iterdir()) == []
    assert asked == [
        ("disable", "--now", units.TIMER),
        ("disable", units.RESTORE),
        ("daemon-reload",),
    ]


def systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """Put a systemd in place that only remembers what it was asked."""
    asked: list[tuple[str, ...]] = []

    def systemctl(*arguments: str) -> list[str]:
        asked.append(arguments)
        return []

    (tmp_path / "units").mkdir()
    monkeypatch.setattr(units, "UNITS", tmp_path / "units")
    monkeypatch.setattr(units, "SYSTEMD", tmp_path)
    monkeypatch.setattr(units, "_systemctl", systemctl)
    monkeypatch.setattr(State, "is_default", True)
    return asked
