"""The shell of the embedded world gives the exit code of what ran in it, and has our commands."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from local import sandbox, stage
from local.shell import _why_not

if TYPE_CHECKING:
    from collections.abc import Iterator


class Client:
    """A machine whose commands run here."""

    @staticmethod
    def command(*argv: str) -> list[str]:
        return list(argv)


class World:
    client = Client()
    ca_file = Path("ca.pem")


@contextmanager
def standard_input(text: bytes) -> Iterator[None]:
    """Let programs that we start read this."""
    read, write = os.pipe()
    os.write(write, text)
    os.close(write)
    kept = os.dup(0)
    os.dup2(read, 0)
    os.close(read)
    try:
        yield
    finally:
        os.dup2(kept, 0)
        os.close(kept)


@pytest.fixture
def world() -> Any:
    return World()


def test_a_command_gives_its_own_exit_code(world: Any, tmp_path: Path) -> None:
    assert stage._shell(world, tmp_path, "exit 7") == 7


def test_commands_from_a_pipe_give_the_last_ones_exit_code(
    world: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with standard_input(b"true\nexit 5\n"), open(0, closefd=False) as piped:
        monkeypatch.setattr(sys, "stdin", piped)
        assert stage._shell(world, tmp_path, None) == 5


def test_our_commands_are_on_the_path_and_nothing_says_that_this_is_a_sandbox(
    world: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(sandbox.INSIDE, "1")
    monkeypatch.setenv("CACHEGATE_LOCAL", str(tmp_path / "none.sock"))
    environment = stage._environment(tmp_path, tmp_path / "ca.pem")

    done = subprocess.run(
        ["sh", "-c", f"command -v cachegate; command -v world; echo ${sandbox.INSIDE}; world x"],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip

    cachegate, world_command, inside = done.stdout.splitlines()
    assert cachegate.startswith(sys.prefix)
    assert world_command == str(tmp_path / "bin" / "world")
    assert inside == ""
    assert done.returncode == 2
    assert "no embedded world can be asked" in done.stderr


def test_a_socket_where_the_sandbox_covers_the_folder_is_refused(tmp_path: Path) -> None:
    hidden = tmp_path.parents[-1] / "run" / "netns" / "local.sock"
    assert "let CACHEGATE_LOCAL name another path" in (_why_not(hidden) or "redis-server")


def test_the_welcome_fits_80_columns_and_leaves_a_gap_after_each_command() -> None:
    stack: Any = SimpleNamespace(outputs={"Address": "203.0.113.130"})
    forwards = [{"cache": "orders", "listen": 6380}, {"cache": "orders", "listen": 6381}]

    lines = stage._welcome(stack, forwards, typed=True).splitlines()

    assert max(map(len, lines)) <= 80
    assert "  orders    6380-6381" in lines
    command = "  cachegate connect orders --format redis-py | python  "
    assert [line for line in lines if line.startswith(command)]
    assert "CACHE_PASSWORD" in "".join(lines)
    piped = stage._welcome(stack, forwards, typed=False)
    assert "CACHE_PASSWORD" in piped
    assert "Try:" not in piped
