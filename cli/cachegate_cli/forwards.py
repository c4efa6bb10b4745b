"""The commands about forwards: what is, what would change, what a person may change."""

from __future__ import annotations

import re
from typing import Annotated, Any

import typer

from cachegate_cli.asking import Asking, fail, older, refuse
from cachegate_cli.narrowing import narrowed, unknown
from cachegate_cli.options import asks
from cachegate_cli.plain import plain
from cachegate_cli.show_changes import planned, synced
from cachegate_cli.show_port import detached, explained, released
from cachegate_cli.show_proposals import proposed
from cachegate_cli.show_status import status as drawn_status
from cachegate_cli.terminal import sure

Force = Annotated[
    bool,
    typer.Option(
        "--force",
        help="Let a mass change go ahead; without a ledger, do without what cannot be asked.",
    ),
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask whether to do it.")]


def _port(word: str) -> int:
    if word.isascii() and word.isdigit() and len(word) <= 5 and 1 <= int(word) <= 65535:
        return int(word)
    raise typer.BadParameter(
        f"{plain(word)} is no listen port, such as 6380: cachegate status shows them"
    )


def _instance(word: str) -> str:
    if re.fullmatch("i-[0-9a-f]+", word):
        return word
    raise typer.BadParameter(
        f"{plain(word)} is no instance id, such as i-0123456789abcdef0: cachegate status shows them"
    )


Port = Annotated[int, typer.Argument(parser=_port, help="A listen port.", metavar="PORT")]
Cache = Annotated[
    str | None, typer.Argument(metavar="CACHE", help="Show what concerns this cache alone.")
]
Vpc = Annotated[
    str | None, typer.Option("--vpc", metavar="VPC_ID", help="Where several VPCs use that port.")
]
Instance = Annotated[
    str,
    typer.Argument(
        parser=_instance,
        help="Of a NAT instance in the address's VPC, such as i-0123456789abcdef0.",
        metavar="INSTANCE_ID",
    ),
]
Proposals = Annotated[
    bool,
    typer.Option(
        "--proposals",
        help="Show instead, as lines for a shell, how caches get security groups of their own.",
    ),
]


@asks
def status(asking: Asking, cache: Cache = None) -> None:
    """Show every cache with its listen ports, and first what is wrong.

    Of each port it shows the node, its role, where it leads and the state. More
    columns come with a wider terminal: from 96 columns on since when, from 130
    on why.
    """
    answer = asking.asked({"action": "describe"}, doing="looking")
    if not asking.as_json:
        known(answer, cache)
    asking.show(answer, lambda it: drawn_status(narrowed(it, cache)))


@asks
def describe(asking: Asking) -> None:
    """Print all that is known, as JSON.

    docs/invocation.md has every field. What `--json` prints for `status` is the
    same.
    """
    asking.show(asking.asked({"action": "describe"}, doing="looking"))


@asks
def plan(asking: Asking, *, force: Force = False, proposals: Proposals = False) -> None:
    """Show what a pass would change, and why; changes nothing.

    + comes, - goes, ~ changes, = is held, or waits for a person.
    """
    answer = asking.asked({"action": "plan", "force": force}, doing="planning")
    asking.show(answer, proposed if proposals else planned)


@asks
def sync(asking: Asking, *, force: Force = False) -> None:
    """Run a pass now and wait for its proof; ends a detachment.

    The proof is that the kernels of the NAT instances, read back, hold the rule
    set. Exit code 1: it is not verified. It is tried again by itself; the error
    says what to look at.
    """
    asking.show(asking.asked({"action": "sync", "force": force}, doing="running a pass"), synced)


@asks
def explain(asking: Asking, port: Port, *, vpc: Vpc = None) -> None:
    """Say where a listen port leads, since when, and why."""
    asking.show(asking.asked(_of_port("explain", port, vpc), doing="looking"), explained)


@asks
def release(asking: Asking, port: Port, *, vpc: Vpc = None, yes: Yes = False) -> None:
    """Let another cache have a listen port that is at rest.

    This ends its quarantine, in which it refuses connections. A client that
    still has the port in its settings may reach another cache afterwards, so a
    person at a terminal is asked first.
    """
    _unless_sure(f"May another cache get the listen port {port}?", yes=yes)
    asking.show(asking.asked(_of_port("release", port, vpc), doing="releasing"), released)


@asks
def move(asking: Asking, instance: Instance, *, yes: Yes = False) -> None:
    """Move the Elastic IP to another NAT instance.

    It moves once that has proved the rule set. A failover does this by itself,
    and never goes back by itself: that is what this is for. It also takes the
    address from something that is no NAT instance of the stack. Clients connect
    anew, so a person at a terminal is asked first. Exit code 1 and `not_moved`
    mean that the address stayed; `cachegate status` says who has it.
    """
    _unless_sure(f"All connections will end. Move the address to {instance}?", yes=yes)
    asking.show(asking.asked({"action": "move", "instance": instance}, doing="moving"), synced)


@asks
def detach(asking: Asking, *, yes: Yes = False) -> None:
    """Take everything off the NAT instances, until the next `sync`.

    The agent goes with its rules. All forwards end, so a person at a terminal
    is asked first. Exit code 1: something is still there; run it again.
    """
    _unless_sure(f"All forwards of {asking.name} will end. Detach?", yes=yes)
    asking.show(asking.asked({"action": "detach"}, doing="detaching"), detached)


def known(answer: dict[str, Any], cache: str | None) -> None:
    """End with one line and exit code 1 where a whole answer has no such cache."""
    if cache is None or not answer.get("ok"):
        return
    try:
        why = unknown(answer, cache)
    except KeyError as missing:
        older(missing)
    if why:
        refuse(why)


def _of_port(action: str, port: int, vpc: str | None) -> dict[str, Any]:
    return {"action": action, "listen": port} | ({"vpc": vpc} if vpc else {})


def _unless_sure(question: str, *, yes: bool) -> None:
    if not sure(question, yes=yes):
        fail("nothing was done (--yes does it unasked)")
