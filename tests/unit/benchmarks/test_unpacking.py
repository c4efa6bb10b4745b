"""What cannot be unpacked is said in one line, and stops nobody."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[3] / "scripts" / "unpack-packages"


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """A folder with the few programs that every system has."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("grep", "mkdir", "mktemp", "sed", "tail", "id", "rm"):
        found = shutil.which(name)
        assert found is not None
        (programs / name).symlink_to(found)
    return programs


def unpack(bare: Path, folder: Path, *packages: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["/bin/sh", str(SCRIPT), str(folder), *packages],
        env={"PATH": str(bare)}, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_without_apt_get_it_says_in_one_line_what_was_not_unpacked(
    bare: Path, tmp_path: Path
) -> None:
    done = unpack(bare, tmp_path / "peers", "haproxy", "socat")

    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr == (
        "packages: not unpacked: haproxy socat (no apt-get here: install their like by hand)\n"
    )
    assert not (tmp_path / "peers").exists()


def test_a_package_that_no_repository_has_is_said_in_one_line(bare: Path, tmp_path: Path) -> None:
    program(bare, "apt-get", "exit 100")

    done = unpack(bare, tmp_path / "peers", "haproxy")

    assert done.returncode == 0
    assert done.stderr == (
        "packages: not unpacked: haproxy (apt-get knows no such packages: "
        "run 'apt-get update' as root)\n"
    )


def test_a_download_that_fails_ends_with_apt_gets_own_last_line(bare: Path, tmp_path: Path) -> None:
    simulated = "echo 'Inst haproxy (2.6 Debian)'"
    program(
        bare, "apt-get", f"[ $1 = install ] && {simulated} && exit; echo E: offline >&2; exit 1"
    )

    done = unpack(bare, tmp_path / "peers", "haproxy")

    assert done.returncode == 0
    assert done.stderr == "packages: not unpacked: haproxy (E: offline)\n"
    assert not (tmp_path / "peers" / ".unpacked" / "haproxy").exists()


def test_what_is_installed_or_unpacked_already_is_left_out(bare: Path, tmp_path: Path) -> None:
    program(bare, "dpkg-query", '[ "$4" = socat ] && echo install ok installed')
    marks = tmp_path / "peers" / ".unpacked"
    marks.mkdir(parents=True)
    (marks / "haproxy").touch()

    done = unpack(bare, tmp_path / "peers", "haproxy", "socat")

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def program(folder: Path, name: str, text: str) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
