"""The `cachegate` command: every direct invocation of a stack, and the offline judge."""

from __future__ import annotations

from typing import Annotated

import typer

from cachegate_cli.asking import Asking
from cachegate_cli.doctor import doctor
from cachegate_cli.guard import exempt, findings, guard, restore
from cachegate_cli.judge import judge
from cachegate_cli.options import asks

app = typer.Typer(
    help="Ask a deployed cachegate stack what it forwards and what its guard finds. Prints JSON.",
    epilog="Exit codes: 0 done, 1 the function answered with an error, 2 it could not be asked.",
    no_args_is_help=True,
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
@asks
def plan(asking: Asking, *, force: Force = False) -> None:
    """Show what a pass would change, each change with its reason; changes nothing."""
    asking.show(asking.asked({"action": "plan", "force": force}))


@app.command()
@asks
def sync(asking: Asking, *, force: Force = False) -> None:
    """Run a pass now and wait for the proof that the kernels hold it; also ends a detachment."""
    asking.show(asking.asked({"action": "sync", "force": force}))


@app.command()
@asks
def describe(asking: Asking) -> None:
    """Show every forward, and every cache that is not forwarded with the reason."""
    asking.show(asking.asked({"action": "describe"}))


@app.command()
@asks
def explain(asking: Asking, port: Port, *, vpc: Vpc = None) -> None:
    """Say where a listen port leads, since when, and why."""
    asking.show(asking.asked({"action": "explain", "listen": port} | ({"vpc": vpc} if vpc else {})))


@app.command()
@asks
def release(asking: Asking, port: Port, *, vpc: Vpc = None) -> None:
    """End the quarantine of a listen port at rest, so that another cache may have it."""
    asking.show(asking.asked({"action": "release", "listen": port} | ({"vpc": vpc} if vpc else {})))


@app.command()
@asks
def move(asking: Asking, instance: Instance) -> None:
    """Move the stack's Elastic IP to a NAT instance, once that has proved the rule set.

    A fail-over does this by itself, and never goes back by itself: that is
    what this is for. It also takes the address from something that is no NAT
    instance of the stack. Clients connect anew. Exit code 1 and `not_moved`
    mean that the address stayed; `cachegate describe` says who has it.
    """
    asking.show(asking.asked({"action": "move", "instance": instance}))


@app.command()
@asks
def detach(asking: Asking) -> None:
    """Take the agent and its rules off every NAT instance, until the next `sync`."""
    asking.show(asking.asked({"action": "detach"}))


GUARD = "Commands of the guard: ingress that is too wide"
app.add_typer(guard, name="guard", rich_help_panel=GUARD)
for command in (findings, exempt, restore, doctor, judge):
    app.command(rich_help_panel=GUARD)(command)
