"""The `cachegate` command: every direct invocation of a deployed stack, and the offline judge."""

from __future__ import annotations

from typing import Annotated

import typer

from cachegate_cli.ask import DEFAULT_STACK, Stack, ask
from cachegate_cli.doctor import doctor
from cachegate_cli.guard import exempt, findings, guard, restore
from cachegate_cli.judge import judge

app = typer.Typer(
    help="Ask a deployed cachegate stack what it forwards and what its guard finds. Prints JSON.",
    epilog="Exit codes: 0 done, 1 the function answered with an error, 2 it could not be asked.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

Force = Annotated[
    bool,
    typer.Option(
        "--force",
        help="Let a mass change go ahead; without a ledger, do without what cannot be asked.",
    ),
]
Port = Annotated[int, typer.Argument(min=1, max=65535, help="A listen port.", metavar="PORT")]
Vpc = Annotated[str | None, typer.Option("--vpc", help="Where several VPCs use that port.")]

Instance = Annotated[
    str,
    typer.Argument(
        help="Of a NAT instance in the address's VPC, such as i-0123456789abcdef0.",
        metavar="INSTANCE_ID",
    ),
]


@app.command()
def plan(*, stack: Stack = DEFAULT_STACK, force: Force = False) -> None:
    """Show what a pass would change, each change with its reason; changes nothing."""
    ask(stack, {"action": "plan", "force": force})


@app.command()
def sync(*, stack: Stack = DEFAULT_STACK, force: Force = False) -> None:
    """Run a pass now and wait for the proof that the kernels hold it; also ends a detachment."""
    ask(stack, {"action": "sync", "force": force})


@app.command()
def describe(*, stack: Stack = DEFAULT_STACK) -> None:
    """Show every forward, and every cache that is not forwarded with the reason."""
    ask(stack, {"action": "describe"})


@app.command()
def explain(port: Port, *, stack: Stack = DEFAULT_STACK, vpc: Vpc = None) -> None:
    """Say where a listen port leads, since when, and why."""
    ask(stack, {"action": "explain", "listen": port} | ({"vpc": vpc} if vpc else {}))


@app.command()
def release(port: Port, *, stack: Stack = DEFAULT_STACK, vpc: Vpc = None) -> None:
    """End the quarantine of a listen port at rest, so that another cache may have it."""
    ask(stack, {"action": "release", "listen": port} | ({"vpc": vpc} if vpc else {}))


@app.command()
def move(instance: Instance, *, stack: Stack = DEFAULT_STACK) -> None:
    """Move the stack's Elastic IP to a NAT instance, once that has proved the rule set.

    A fail-over does this by itself, and never goes back by itself: that is
    what this is for. It also takes the address from something that is no NAT
    instance of the stack. Clients connect anew. Exit code 1 and `not_moved`
    mean that the address stayed; `cachegate describe` says who has it.
    """
    ask(stack, {"action": "move", "instance": instance})


@app.command()
def detach(*, stack: Stack = DEFAULT_STACK) -> None:
    """Take the agent and its rules off every NAT instance, until the next `sync`."""
    ask(stack, {"action": "detach"})


GUARD = "Commands of the guard: ingress that is too wide"
app.add_typer(guard, name="guard", rich_help_panel=GUARD)
for command in (findings, exempt, restore, doctor, judge):
    app.command(rich_help_panel=GUARD)(command)
