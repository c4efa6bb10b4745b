"""The `cachegate` command, put together: who asks what is in forwards.py, watch.py and guard.py."""

from __future__ import annotations

from importlib.metadata import version
from typing import Annotated

import typer

from cachegate_cli import forwards
from cachegate_cli.doctor import doctor
from cachegate_cli.guard import exempt, findings, guard, restore
from cachegate_cli.judge import judge
from cachegate_cli.watch import watch

GUARD = "Ingress that is too wide"
CHANGE = "Change something"
LOOK = "Look"
EXIT_CODES = (
    "Exit codes: 0 done; 1 the answer is an error, or a check fails; 2 wrong usage, or nothing "
    "could be asked; 130 Ctrl-C."
)
EXAMPLES = (
    "Examples:",
    "  cachegate status                  where is my cache, and is all well?",
    "  cachegate plan                    what would the next pass change?",
    "  cachegate explain 6380            why does that port lead there?",
    "  cachegate status --json | jq .    every command prints the raw answer on request",
    "  cachegate watch --local           the embedded world of make local, live",
)

app = typer.Typer(
    help="Where is my cache? Ask a cachegate stack what it forwards and what its guard finds.",
    epilog="\n".join((*EXAMPLES, "", EXIT_CODES)),
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
            metavar="",
            callback=_print_version,
            is_eager=True,
            help="Print it and end.",
        ),
    ] = False,
) -> None:
    """Where is my cache? Ask a cachegate stack what it forwards and what its guard finds."""


def _add(panel: str, *commands: object) -> None:
    for command in commands:
        app.command(rich_help_panel=panel)(command)  # type: ignore[type-var]


_add(LOOK, forwards.status, watch, forwards.explain, forwards.plan, forwards.describe, doctor)
_add(CHANGE, forwards.sync, forwards.move, forwards.release, forwards.detach)
app.add_typer(guard, name="guard", rich_help_panel=GUARD)
_add(GUARD, findings, exempt, restore, judge)
