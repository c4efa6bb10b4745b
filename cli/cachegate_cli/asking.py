"""What every command does with its one question: ask it, print the answer, end with its code."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

import typer

from cachegate_cli.functions import SYNC, Functions, InvokeError
from cachegate_cli.plain import plain
from cachegate_cli.terminal import print_json, put, waiting

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import RenderableType

Answer = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """Whom a command asks, and whether it prints the raw answer."""

    functions: Functions
    as_json: bool
    name: str  # of whom is asked, for people

    def asked(
        self, event: dict[str, Any], function_output: str = SYNC, *, doing: str = "asking"
    ) -> Answer:
        """Return the answer to one action; a person at a terminal sees that it is worked on.

        Where there is none, end the command with one line and exit code 2.
        """
        try:
            with waiting(doing):
                return self.functions.invoke(event, function_output)
        except InvokeError as error:
            fail(str(error))

    def show(self, answer: Answer, draw: Callable[[Answer], RenderableType] | None = None) -> None:
        """Print an answer, raw or drawn, and end with 1 where it is an error, told in one line.

        `draw` shows what is there, also beside an error. Without it, the answer is for programs in
        any case.
        """
        if self.as_json or draw is None:
            print_json(answer)
        else:
            if not answer.get("ok"):
                sys.stderr.write(f"cachegate: {plain(error_of(answer))}\n")
                sys.stderr.flush()
            try:
                if answer.keys() - {"ok", "error"}:
                    put(draw(answer))
            except KeyError as missing:
                older(missing)
        if not answer.get("ok"):
            raise typer.Exit(1)


def error_of(answer: Answer) -> str:
    """Return what an answer says went wrong."""
    error = answer.get("error") or {}
    return f"{error.get('message', 'the function says no reason')} ({error.get('code', 'error')})"


def older(missing: KeyError) -> NoReturn:
    """End where an answer lacks what is drawn of it."""
    fail(
        f"the answer has no {missing}, so the stack is older than this command: update it "
        "(sam build && sam deploy), or read the answer with --json"
    )


def refuse(why: str) -> NoReturn:
    """End with one line on standard error and exit code 1: the answer says that it is not so."""
    sys.stderr.write(f"cachegate: {plain(why)}\n")
    raise typer.Exit(1)


def fail(why: str) -> NoReturn:
    """End with one line on standard error and exit code 2: there is no answer to show."""
    sys.stderr.write(f"cachegate: {plain(why)}\n")
    raise typer.Exit(2)
