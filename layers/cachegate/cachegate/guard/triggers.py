"""What of the guard's queue asks for a pass, and what the pass learns from it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cachegate.guard.revoke import Asked
from cachegate.heed import Heeded

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cachegate.domain.call import Call
    from cachegate.domain.revocation import Author
    from cachegate.triggers import Trigger


def heed(triggers: Sequence[Trigger], role: str) -> Heeded:
    """Tell the triggers apart; `role` is the ARN of the role under which the guard calls AWS.

    Nothing but calls that failed and the guard's own is needless: whoever else made a call, and
    whatever is not understood, asks for a look.
    """
    return Heeded.by(lambda trigger: _why_not(trigger.cause.call, role), triggers)


def asked(triggers: Sequence[Trigger]) -> Asked:
    """Return what a pass learns of those that asked for it: later calls on a rule count."""
    authors: dict[str, Author] = {}
    for trigger in sorted(triggers, key=lambda each: each.happened_at):
        if trigger.cause.call is not None:
            authors.update(trigger.cause.call.authors)
    return Asked(triggers=tuple(trigger.correlation_id for trigger in triggers), authors=authors)


def _why_not(call: Call | None, role: str) -> str | None:
    """Return why a trigger may be ignored, or None."""
    if call is None:
        return None
    if call.error:
        return f"the call failed: {call.error}"
    if role in {call.role, call.who} or call.who.startswith(_sessions_of(role)):
        return "the guard itself made the call"
    return None


def _sessions_of(role: str) -> str:
    """Return how the ARNs of a role's sessions begin: they leave the role's path out.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-arns
    """
    _, partition, _, _, account, resource = role.split(":", 5)
    return f"arn:{partition}:sts::{account}:assumed-role/{resource.rsplit('/', 1)[-1]}/"
