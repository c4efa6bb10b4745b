"""The commands of the guard: which ingress is too wide, and what was done about it."""

from __future__ import annotations

from typing import Annotated

import typer

from cachegate_cli.asking import Asking
from cachegate_cli.functions import GUARD
from cachegate_cli.help_pages import Command, Group
from cachegate_cli.options import asks
from cachegate_cli.show_guard import exempted, found, looked, restored
from cachegate_cli.teaching import epilog

Rule = Annotated[str, typer.Argument(help="Id of a security-group rule.", metavar="RULE_ID")]
Gone = Annotated[str, typer.Argument(help="The id that the rule had.", metavar="RULE_ID")]
OWNER, EXPIRES, REASON = "Who answers for it.", "Last day, as 2027-01-31 (UTC).", "Why it stays."

guard = typer.Typer(
    cls=Group, help="Look now, or run a pass of the guard now.", no_args_is_help=True
)


@guard.command(cls=Command, epilog=epilog("guard plan"))
@asks
def plan(asking: Asking) -> None:
    """Show which rules are too wide, and what the mode enforce does about each; changes nothing."""
    asking.show(asking.asked({"action": "plan"}, GUARD, doing="looking"), looked)


@guard.command(cls=Command, epilog=epilog("guard sweep"))
@asks
def sweep(asking: Asking) -> None:
    """Run a pass of the guard now: in the mode enforce it revokes, in observe it only looks."""
    asking.show(asking.asked({"action": "sweep"}, GUARD, doing="running a pass"), looked)


@asks
def findings(
    asking: Asking,
    *,
    group: Annotated[
        str | None, typer.Option(metavar="GROUP_ID", help="Of the group with this id only.")
    ] = None,
) -> None:
    """Show what the guard's last pass found, and all it revoked."""
    event = {"action": "findings"} | ({"group": group} if group else {})
    asking.show(asking.asked(event, GUARD), found)


@asks
def restore(
    asking: Asking,
    rule: Gone,
    *,
    owner: Annotated[str | None, typer.Option(help=f"Exempt it. {OWNER}")] = None,
    expires: Annotated[str | None, typer.Option(help=f"Exempt it. {EXPIRES}")] = None,
    reason: Annotated[str | None, typer.Option(help=f"Exempt it. {REASON}")] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Although the next pass revokes it again.")
    ] = False,
) -> None:
    """Give back a rule that the guard revoked.

    It comes with its description and tags, under a new id. Refused where the
    next pass would revoke it again: exempt it with it, or force it.
    """
    given = {"owner": owner, "expires": expires, "reason": reason}
    excuse = {name: value for name, value in given.items() if value is not None}
    more = {"exempt": excuse} if excuse else {}
    event = {"action": "restore", "rule": rule, "force": force} | more
    asking.show(asking.asked(event, GUARD), restored)


@asks
def exempt(
    asking: Asking,
    rule: Rule,
    *,
    owner: Annotated[str, typer.Option(help=OWNER)],
    expires: Annotated[str, typer.Option(help=EXPIRES)],
    reason: Annotated[str, typer.Option(help=REASON)],
) -> None:
    """Let the guard leave a rule as it is, through a day.

    That is recorded as a tag of the rule, with who answers for it and why.
    """
    excuse = {"owner": owner, "expires": expires, "reason": reason}
    asking.show(asking.asked({"action": "exempt", "rule": rule} | excuse, GUARD), exempted)
