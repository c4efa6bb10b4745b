"""What goes to the terminal, and what goes where there is none."""

from __future__ import annotations

import json
import os
import select
import stat
import sys
import time
from io import TextIOWrapper
from typing import TYPE_CHECKING, Any

import typer
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.text import Text

from cachegate_cli.plain import plain

if TYPE_CHECKING:
    from rich.console import RenderableType

UNBOUNDED = 10_000  # columns of a file or a pipe


def waiting(doing: str) -> Progress:
    """Return what shows, while it is entered, that something takes its time; on a terminal only.

    It writes to standard error, so that the answer can go elsewhere.
    """
    console = Console(stderr=True)
    said = TextColumn("{task.description}", markup=False)
    columns = SpinnerColumn(), said, TimeElapsedColumn()
    progress = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
    progress.add_task(f"{plain(doing)} …", total=None)
    return progress


def write_anywhere() -> None:
    """Let text that the terminal's encoding lacks be replaced, rather than end the command."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")


def output() -> Console:
    """Return standard output; where that is no terminal, lines are as long as they are."""
    console = Console(highlight=False, emoji=False, markup=False)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = UNBOUNDED
    return console


def columns() -> int | None:
    """Return how wide standard output is; None where lines may be as long as they are."""
    width = output().width
    return None if width == UNBOUNDED else width


def print_json(value: Any) -> None:
    """Print JSON and nothing else; what could steer a terminal is escaped."""
    sys.stdout.write(json.dumps(value, indent=2) + "\n")


def put(drawing: RenderableType) -> None:
    """Write to standard output, for a file or a pipe without spaces at the lines' ends.

    Bare text is not wrapped, so that its lines can be copied.
    """
    console = output()
    soft = isinstance(drawing, Text)
    if console.is_terminal:
        console.print(drawing, soft_wrap=soft)
        return
    with console.capture() as captured:
        console.print(drawing, soft_wrap=soft)
    lines = (line.rstrip() for line in captured.get().split("\n"))
    sys.stdout.write("\n".join(lines))


def pause(seconds: float) -> bool:
    """Wait, and tell whether somebody may still read standard output; a pipe may lose its reader.

    Then this ends at once: without it, only the next line that is written would notice.
    """
    pipe = _pipe()
    if pipe is None:
        time.sleep(seconds)
        return True
    reader = select.poll()
    reader.register(pipe, 0)  # nothing but its end
    return not reader.poll(seconds * 1000)


def _pipe() -> int | None:
    """Return the pipe that standard output is, where it is one."""
    try:
        number = sys.stdout.fileno()
    except OSError:  # it is kept in memory
        return None
    return number if stat.S_ISFIFO(os.fstat(number).st_mode) else None


def sure(question: str, *, yes: bool) -> bool:
    """Ask a person; where none is at a terminal, nobody is asked and the answer is yes.

    A person who could not read the question, for standard error goes elsewhere, was not asked: no.
    """
    if yes or not a_person_is_there():
        return True
    return a_question_can_be_read() and typer.confirm(question, err=True)


def a_person_is_there() -> bool:
    """Tell whether somebody could answer a question."""
    return sys.stdin.isatty()


def a_question_can_be_read() -> bool:
    """Tell whether standard error, where questions go, is on a terminal."""
    return sys.stderr.isatty()
