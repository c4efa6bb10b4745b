"""The command `connect`: ask once how to reach a cache, and print it in one format."""

from __future__ import annotations

import sys
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cachegate.client.connection import connection_of
from cachegate.client.errors import UnknownCacheError
from cachegate.errors import CachegateError
from cachegate_cli.asking import Asking, error_of, fail, older, refuse
from cachegate_cli.connect.formats import DEFAULT, FORMATS, serving
from cachegate_cli.connect.nft import clashes
from cachegate_cli.connect.notes import notes_of
from cachegate_cli.connect.table import table
from cachegate_cli.narrowing import meaning
from cachegate_cli.options import asks
from cachegate_cli.plain import plain
from cachegate_cli.terminal import columns

if TYPE_CHECKING:
    from cachegate_cli.asking import Answer
    from cachegate_cli.connect.formats import Format


def _list(wanted: bool) -> None:  # noqa: FBT001 typer calls it with the value
    if wanted:
        width = max(map(len, FORMATS))
        for each in FORMATS.values():
            sys.stdout.write(f"{each.name.ljust(width)}  {each.says}\n")
        raise typer.Exit


Cache = Annotated[
    str, typer.Argument(metavar="CACHE", help="Its name, as `cachegate status` shows it.")
]
Chosen = Annotated[
    str,
    typer.Option(
        "--format",
        "-f",
        metavar="FORMAT",
        help="What to print; --list shows all.",
        autocompletion=lambda incomplete: [each for each in FORMATS if each.startswith(incomplete)],
    ),
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
List = Annotated[
    bool,
    typer.Option("--list", is_eager=True, callback=_list, help="Show the formats and end."),
]


@asks
def connect(
    asking: Asking,
    cache: Cache,
    *,
    chosen: Chosen = DEFAULT,
    out: Out = None,
    via: Via = None,
    user: User = None,
    _formats: List = False,
) -> None:
    """Print how to connect to one cache, as data or as a program.

    Without a format it shows the listen ports. With the name of a client library it
    prints a whole program, with time-outs and retries that outlast a failover.
    --json is --format json: this cache alone. Exit code 1: the cache is not known,
    or nothing leads to it now.
    """
    form = FORMATS.get("json" if asking.as_json else chosen)
    if form is None:
        fail(f"there is no format {chosen}; there are {', '.join(FORMATS)}")
    answer = asking.asked({"action": "describe"}, doing="looking")
    if not answer.get("ok"):
        refuse(error_of(answer))
    if form.name == DEFAULT and out is None:
        form = replace(form, render=partial(table, width=columns()))
    text = _text(form, answer, cache, via, user)
    if out is None:
        sys.stdout.write(text)
        return
    try:
        out.write_text(text, encoding="utf-8")
    except OSError as error:
        fail(f"{out}: {error.strerror}")


def _text(form: Format, answer: Answer, cache: str, via: str | None, user: str | None) -> str:
    try:
        connection = connection_of(answer, cache, via)
        if connection.engine not in form.engines:
            known = ", ".join(serving(connection.engine))
            fail(f"{cache} is {connection.engine}: {form.name} is not for it, but {known}")
        text = form.render(connection, user)
    except UnknownCacheError as error:
        meant = meaning(answer, cache)
        refuse(f"there is no cache {cache}: {meant}" if meant else str(error))
    except CachegateError as error:
        refuse(str(error))
    except KeyError as missing:
        older(missing)
    beside = notes_of(connection) if form.pure else ()
    if form.name == "nft":
        beside = tuple(clashes(answer, connection))
    for note in beside:
        sys.stderr.write(f"cachegate: {plain(note)}\n")
    return text
