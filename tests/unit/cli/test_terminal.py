"""What a person at a real terminal sees, and what is left out where there is none."""

from __future__ import annotations

import json
import os
import pty
import re
import socket
import subprocess
import sys
import threading
from contextlib import contextmanager
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from rich.console import Console

from cachegate_cli.terminal import waiting
from tests.unit.cli.told import described

if TYPE_CHECKING:
    from collections.abc import Iterator

COMMAND = str(Path(sys.executable).with_name("cachegate"))
COLOUR = re.compile(r"\x1b\[[0-9;]*3[0-9]m")


@contextmanager
def world(path: Path, answer: dict[str, Any]) -> Iterator[list[Any]]:
    """Answer whatever is asked at a socket, and note it."""
    seen: list[Any] = []
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(path))
    listening.listen(5)

    def serve() -> None:
        while True:
            try:
                wire, _ = listening.accept()
            except OSError:  # it is over
                return
            with wire, wire.makefile("rb") as lines:
                seen.append(json.loads(lines.readline()))
                wire.sendall(json.dumps({"answer": answer}).encode() + b"\n")

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield seen
    finally:
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        thread.join()


def at_terminal(path: Path, *words: str, typed: str = "", **environment: str) -> tuple[int, str]:
    """Run the command with a terminal of 90 columns for all three streams."""
    master, slave = pty.openpty()
    env = {"PATH": os.environ["PATH"], "CACHEGATE_LOCAL": str(path), "TERM": "xterm",
           "COLUMNS": "90", "LINES": "40", "LANG": "C.UTF-8"} | environment  # fmt: skip
    with subprocess.Popen(
        [COMMAND, *words], stdin=slave, stdout=slave, stderr=slave, env=env
    ) as running:
        os.close(slave)
        os.write(master, typed.encode())
        told = b""
        while True:
            try:
                part = os.read(master, 65536)
            except OSError:  # the last one closed it
                break
            if not part:
                break
            told += part
        code = running.wait(30)
    os.close(master)
    return code, told.decode()


def test_a_terminal_has_colour_and_lines_that_fit(tmp_path: Path) -> None:
    with world(tmp_path / "door", described()):
        code, text = at_terminal(tmp_path / "door", "status")
    assert code == 0
    assert COLOUR.search(text)
    assert "sessions-001/0001" in text


def test_no_color_is_heeded(tmp_path: Path) -> None:
    with world(tmp_path / "door", described()):
        _, text = at_terminal(tmp_path / "door", "status", NO_COLOR="1")
    assert "sessions-001/0001" in text
    assert not COLOUR.search(text)


@pytest.mark.parametrize(("typed", "code", "asked"), [("n\n", 2, 0), ("\n", 2, 0), ("y\n", 0, 1)])
def test_a_person_decides_whether_all_forwards_end(
    tmp_path: Path, typed: str, code: int, asked: int
) -> None:
    detached = {"ok": True, "removed": ["i-0123"], "still_there": []}
    with world(tmp_path / "door", detached) as seen:
        ended, text = at_terminal(tmp_path / "door", "detach", typed=typed)
    assert ended == code
    assert "All forwards of the embedded world will end. Detach?" in text
    assert len(seen) == asked


def test_a_pipe_gets_neither_colour_nor_a_spinner(tmp_path: Path) -> None:
    env = os.environ | {"CACHEGATE_LOCAL": str(tmp_path / "door")}
    with world(tmp_path / "door", described()):
        done = subprocess.run(
            [COMMAND, "status"], env=env, capture_output=True, text=True, check=False
        )
    assert done.returncode == 0
    assert done.stderr == ""
    assert "\x1b" not in done.stdout


def test_what_is_waited_for_is_no_markup_and_steers_nothing() -> None:
    shown = StringIO()

    Console(file=shown, width=80).print(waiting("asking [/x]\x1b[2J").get_renderable())

    assert "asking [/x]\\x1b[2J" in shown.getvalue()


def test_a_terminal_without_unicode_is_written_to_even_so(tmp_path: Path) -> None:
    env = os.environ | {"CACHEGATE_LOCAL": str(tmp_path / "door"), "PYTHONIOENCODING": "ascii"}
    with world(tmp_path / "door", described()):
        done = subprocess.run(
            [COMMAND, "status"], env=env, capture_output=True, text=True, check=False
        )
    assert done.returncode == 0, done.stderr
    assert "sessions-001/0001" in done.stdout


def test_a_reader_that_has_enough_is_no_fault_to_tell_of(tmp_path: Path) -> None:
    env = os.environ | {"CACHEGATE_LOCAL": str(tmp_path / "door")}
    reading, writing = os.pipe()
    os.close(reading)  # as `| head` does
    with world(tmp_path / "door", described()):
        done = subprocess.run(
            [COMMAND, "status"], env=env, stdout=writing, stderr=subprocess.PIPE, text=True,
            check=False,
        )  # fmt: skip
    os.close(writing)
    assert "Traceback" not in done.stderr
