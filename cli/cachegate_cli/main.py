"""The `cachegate` command, put together: who asks what is in forwards.py, watch.py and guard.py."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING, Annotated

import typer

from cachegate_cli import forwards
from cachegate_cli.connect.command import connect
from cachegate_cli.doctor import doctor
from cachegate_cli.guard import exempt, findings, guard, restore
from cachegate_cli.help_pages import Command, Group
from cachegate_cli.judge import judge
from cachegate_cli.teaching import epilog
from cachegate_cli.terminal import write_anywhere
from cachegate_cli.watch import watch

if TYPE_CHECKING:
    from collections.abc import Callable

GUARD = "Ingress that is too wide"
CHANGE = "Change something"
LOOK = "Look"
app = typer.Typer(
    cls=Group,
    help="Where is my cache? Ask a cachegate stack what it forwards and what its guard finds.",
    epilog=epilog(),
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(value: bool) -> None:  # noqa: FBT001 typer calls it with the value
    if value:
        typer.echo(f"cachegate {version('cachegate')}")
        raise typer.Exit


@app.callback()
def main(
    *,
    _version: Annotated[
        bool,
        typer.Option(
            "--version",
            callback=_print_version,
            is_eager=True,
            help="Print it and end.",
        ),
    ] = False,
) -> None:
    """Where is my cache? Ask a cachegate stack what it forwards and what its guard finds."""
    write_anywhere()


def _add(panel: str, *commands: Callable[..., None]) -> None:
    for command in commands:
        app.command(cls=Command, rich_help_panel=panel, epilog=epilog(command.__name__))(command)


_add(
    LOOK,
    forwards.status,
    connect,
    watch,
    forwards.explain,
    forwards.plan,
    forwards.describe,
    doctor,
)
_add(CHANGE, forwards.sync, forwards.move, forwards.release, forwards.detach)
app.add_typer(guard, name="guard", rich_help_panel=GUARD, epilog=epilog("guard"))
_add(GUARD, findings, exempt, restore, judge)
