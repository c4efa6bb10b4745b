"""The `cachegate` command: every direct invocation of a deployed stack, and the offline judge."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer
from rich.console import Console

from cachegate_cli.invoke import InvokeError, invoke
from cachegate_cli.judge import judge

app = typer.Typer(
    help="Ask a deployed cachegate stack what it forwards, and tell it to look again. Prints JSON.",
    epilog="Exit codes: 0 done, 1 the function answered with an error, 2 it could not be asked.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

Stack = Annotated[
    str, typer.Option("--stack", envvar="CACHEGATE_STACK", help="Name of the CloudFormation stack.")
]
Force = Annotated[bool, typer.Option("--force", help="Let a mass change go ahead.")]
Port = Annotated[int, typer.Argument(min=1, max=65535, help="A listen port.", metavar="PORT")]
Vpc = Annotated[str | None, typer.Option("--vpc", help="Where several VPCs use that port.")]

DEFAULT_STACK = "cachegate"

app.command()(judge)


@app.command()
def plan(*, stack: Stack = DEFAULT_STACK, force: Force = False) -> None:
    """Show what a pass would change, each change with its reason; changes nothing."""
    _ask(stack, {"action": "plan", "force": force})


@app.command()
def sync(*, stack: Stack = DEFAULT_STACK, force: Force = False) -> None:
    """Run a pass now and wait for the proof that the kernels hold it; also ends a detachment."""
    _ask(stack, {"action": "sync", "force": force})


@app.command()
def describe(*, stack: Stack = DEFAULT_STACK) -> None:
    """Show every forward, and every cache that is not forwarded with the reason."""
    _ask(stack, {"action": "describe"})


@app.command()
def explain(port: Port, *, stack: Stack = DEFAULT_STACK, vpc: Vpc = None) -> None:
    """Say where a listen port leads, since when, and why."""
    _ask(stack, {"action": "explain", "listen": port} | ({"vpc": vpc} if vpc else {}))


@app.command()
def release(port: Port, *, stack: Stack = DEFAULT_STACK, vpc: Vpc = None) -> None:
    """End the quarantine of a listen port at rest, so that another cache may have it."""
    _ask(stack, {"action": "release", "listen": port} | ({"vpc": vpc} if vpc else {}))


@app.command()
def detach(*, stack: Stack = DEFAULT_STACK) -> None:
    """Take the agent and its rules off every NAT instance, until the next `sync`."""
    _ask(stack, {"action": "detach"})


def _ask(stack: str, event: dict[str, Any]) -> None:
    try:
        answer = invoke(stack, event)
    except InvokeError as error:
        sys.stderr.write(f"cachegate: {error}\n")
        raise typer.Exit(2) from error
    Console().print_json(data=answer)
    if not answer.get("ok"):
        raise typer.Exit(1)
