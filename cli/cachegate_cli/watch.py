"""The command `watch`: look again and again, and tell each change until Ctrl-C."""

from __future__ import annotations

import json
import sys
import time
from collections import deque
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, Protocol

import typer
from rich.console import Group
from rich.live import Live
from rich.text import Text

from cachegate_cli.asking import Asking, error_of, older
from cachegate_cli.differences import Difference, differences
from cachegate_cli.drawing import BAD, GOOD, NOTE, hanging, moment, text
from cachegate_cli.forwards import Cache, known
from cachegate_cli.functions import InvokeError
from cachegate_cli.narrowing import narrowed
from cachegate_cli.options import asks
from cachegate_cli.plain import plain
from cachegate_cli.show_status import status, summary
from cachegate_cli.terminal import output, pause

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from rich.console import RenderableType

    from cachegate_cli.asking import Answer

REMEMBERED = 8  # changes that stay on the screen
LOOK = {"action": "describe"}
Every = Annotated[
    float,
    typer.Option(
        "--every", min=1, max=86_400, metavar="SECONDS", help="How long to wait between looks."
    ),
]


@dataclass(slots=True)
class Watched:
    """What was seen last, and what has changed."""

    seen: dict[str, Any] = field(default_factory=dict)  # the last answer of each VPC, put together
    failing: str | None = None  # why the last look had no whole answer
    cache: str | None = None  # the one that is watched; None: all of them

    def take(self, answer: Answer | InvokeError) -> list[Difference]:
        """Note an answer, or why there is none, and return what is new about it."""
        failing = None
        if not isinstance(answer, InvokeError):
            answer = narrowed(answer, self.cache)
        if isinstance(answer, InvokeError):
            failing = str(answer)
        elif not answer.get("ok"):
            failing = error_of(answer)
        told = list(self._failing(failing))
        if not isinstance(answer, InvokeError) and "vpcs" in answer:
            told += differences(self.seen, answer) if self.seen else ()
            self.seen = answer | {"vpcs": self._together(answer)}
        self.failing = failing
        return told

    def _failing(self, failing: str | None) -> Iterator[Difference]:
        if failing and failing != self.failing:
            yield Difference(f"no whole answer, asked again: {failing}", BAD)
        if self.failing and not failing:
            yield Difference("answered again", GOOD)

    def _together(self, answer: Answer) -> list[Any]:
        """Return the VPCs of an answer, and those that an error left out as they were."""
        there = {vpc["vpc"] for vpc in answer["vpcs"]}
        before = [] if answer.get("ok") else self.seen.get("vpcs", [])
        return [*answer["vpcs"], *(vpc for vpc in before if vpc["vpc"] not in there)]


class Show(Protocol):
    """Shows what was looked at."""

    def __call__(self, answer: Answer | InvokeError, changes: list[Difference], /) -> None:
        """Show an answer and what is new about it."""
        ...


@asks
def watch(asking: Asking, cache: Cache = None, *, every: Every = 5) -> None:
    """Show each change as it happens, until Ctrl-C.

    On a terminal it shows what `cachegate status` does, and the last changes
    above. Into a pipe or a file it writes one line for each change; with --json
    every answer, one a line. A look that fails is told and tried again; only
    where the first one cannot be made, it ends with 2. It also ends when nobody
    reads the pipe any more.
    """
    watched = Watched(cache=cache)
    first = asking.asked(LOOK, doing="looking")
    known(first, cache)
    answer: Answer | InvokeError = first
    try:
        with _showing(asking, watched, every) as show:
            show(answer, watched.take(answer))
            while pause(every):
                answer = _look(asking)
                show(answer, watched.take(answer))
    except KeyError as missing:
        older(missing)


def _look(asking: Asking) -> Answer | InvokeError:
    try:
        return asking.functions.invoke(LOOK)
    except InvokeError as error:
        return error


@contextmanager
def _showing(asking: Asking, watched: Watched, every: float) -> Iterator[Show]:
    console = output()
    if asking.as_json:
        yield _answer_line
    elif console.is_terminal:
        with Live(console=console, auto_refresh=False, vertical_overflow="ellipsis") as live:
            yield Screen(live, watched, every)
    else:
        yield Lines(watched)


def _answer_line(answer: Answer | InvokeError, _changes: list[Difference]) -> None:
    if isinstance(answer, InvokeError):
        sys.stderr.write(f"cachegate: {plain(answer)}\n")
    else:
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


@dataclass(slots=True)
class Lines:
    """Writes a line for each change, with the time; the first one says how things are."""

    watched: Watched
    begun: bool = False

    def __call__(self, _answer: Answer | InvokeError, changes: list[Difference]) -> None:
        """Write them at once: the reader may be a pipe."""
        if not self.begun and self.watched.seen:
            changes = [Difference(summary(self.watched.seen).plain, ""), *changes]
            self.begun = True
        now = moment(time.time())
        sys.stdout.writelines(f"{now}  {plain(change.says)}\n" for change in changes)
        sys.stdout.flush()


@dataclass(slots=True)
class Screen:
    """Draws the last changes above what `status` shows, over what it drew before."""

    live: Live
    watched: Watched
    every: float
    last: deque[RenderableType] = field(default_factory=lambda: deque(maxlen=REMEMBERED))

    def __call__(self, _answer: Answer | InvokeError, changes: list[Difference]) -> None:
        """Draw anew."""
        now = moment(time.time())
        for change in changes:
            said = text(change.says, change.style)
            self.last.append(hanging(text(now[11:19], NOTE), said))
        self.live.update(frame(self.watched.seen, self.watched.failing, self.last, self._foot(now)))
        self.live.refresh()

    def _foot(self, now: str) -> str:
        return f"{now}, every {self.every:g} s, Ctrl-C ends"


def frame(
    seen: Mapping[str, Any], failing: str | None, last: deque[RenderableType], foot: str
) -> RenderableType:
    """Return what stands on the screen between two looks."""
    drawn: list[RenderableType] = [text(foot, NOTE)]
    if failing:
        drawn.append(text(f"no whole answer now: {failing}", BAD))
    drawn += last
    if last:
        drawn.append(Text(""))
    return Group(*drawn, status(seen)) if seen else Group(*drawn)
