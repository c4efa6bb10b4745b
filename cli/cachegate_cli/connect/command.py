"""The command `connect`: ask once how to reach a cache, and print it in one format."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from cachegate.client.connection import connection_of
from cachegate.errors import CachegateError
from cachegate_cli.ask import DEFAULT_STACK, Stack
from cachegate_cli.connect.formats import DEFAULT, FORMATS, serving
from cachegate_cli.connect.notes import notes_of
from cachegate_cli.invoke import InvokeError, invoke

Cache = Annotated[str, typer.Argument(metavar="CACHE", help="Its name, as `describe` shows it.")]
Named = Annotated[
    str, typer.Option("--format", "-f", metavar="FORMAT", help=f"{', '.join(FORMATS)}.")
]
Out = Annotated[
    Path | None, typer.Option("--out", "-o", metavar="FILE", help="Write it there instead.")
]
Via = Annotated[
    str | None,
    typer.Option(
        "--via", metavar="ADDRESS", help="Of several NAT instances, take the one with this address."
    ),
]
User = Annotated[
    str | None,
    typer.Option("--user", metavar="NAME", help="The cache's user; passwords are never printed."),
]


def _list(wanted: bool) -> None:  # noqa: FBT001 - Typer's callbacks are called so
    if wanted:
        width = max(map(len, FORMATS))
        for each in FORMATS.values():
            only = "" if "redis" in each.engines and "memcached" in each.engines else "; a program"
            sys.stdout.write(f"{each.name.ljust(width)}  {each.says}{only}\n")
        raise typer.Exit


List = Annotated[
    bool, typer.Option("--list", is_eager=True, callback=_list, help="Show the formats and end.")
]


def connect(
    cache: Cache,
    *,
    form: Named = DEFAULT,
    out: Out = None,
    via: Via = None,
    user: User = None,
    stack: Stack = DEFAULT_STACK,
    _formats: List = False,
) -> None:
    """Print how to connect to one cache: data, or a whole program for a client library.

    `cachegate connect sessions` shows its listen ports. `--format redis-py`
    (or another library) prints a program that runs as it is, with time-outs
    and retries that outlast a failover; `--list` shows all formats.
    Exit codes: 0 printed, 1 the cache is not known or not forwarded, 2 usage,
    or nothing could be asked.
    """
    chosen = FORMATS.get(form)
    if chosen is None:
        _refuse(2, f"there is no format {form!a}; there are {', '.join(FORMATS)}")
    description = _described(stack)
    try:
        connection = connection_of(description, cache, via)
        if connection.engine not in chosen.engines:
            known = ", ".join(serving(connection.engine))
            _refuse(
                2, f"{cache} is {connection.engine}, for which {form} is none; there are {known}"
            )
        text = chosen.render(connection, user)
    except CachegateError as error:
        _refuse(1, str(error))
    if chosen.pure:
        for note in notes_of(connection):
            sys.stderr.write(f"cachegate: note: {note}\n")
    _put(text, out)


def _described(stack: str) -> dict[str, Any]:
    try:
        answer = invoke(stack, {"action": "describe"})
    except InvokeError as error:
        _refuse(2, str(error))
    if not answer.get("ok"):
        _refuse(1, answer["error"]["message"])
    return answer


def _put(text: str, out: Path | None) -> None:
    if out is None:
        sys.stdout.write(text)
        return
    try:
        out.write_text(text, encoding="utf-8")
    except OSError as error:
        _refuse(2, f"{str(out)!a}: {error.strerror}")


def _refuse(code: int, why: str) -> NoReturn:
    sys.stderr.write(f"cachegate: {why}\n")
    raise typer.Exit(code)
