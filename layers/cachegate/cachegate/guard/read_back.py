"""Read back: wait until EC2 shows what it said that it did.

A success of a call proves nothing: in a default VPC a mismatch is no error, and what EC2 shows may
lag behind
(https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_RevokeSecurityGroupIngress.html).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from cachegate.errors import NotVerifiedError

if TYPE_CHECKING:
    from collections.abc import Callable

    from cachegate.guard.protocols import GuardAdapters

T = TypeVar("T")
POLL = 0.5  # seconds between two looks


def await_seen(
    adapters: GuardAdapters, look: Callable[[], T | None], within: float, otherwise: str
) -> T:
    """Look until there is something to see, and return it; raise NotVerifiedError in the end."""
    ends = adapters.clock() + within
    while not (seen := look()):
        if adapters.clock() >= ends:
            raise NotVerifiedError(otherwise)
        adapters.sleep(POLL)
    return seen


def await_gone(adapters: GuardAdapters, rule_id: str, within: float) -> None:
    """Wait until EC2 does not show a rule any more; raise NotVerifiedError where it goes on."""
    await_seen(
        adapters,
        lambda: not adapters.groups.present([rule_id]),
        within,
        f"EC2 still shows the rule {rule_id} that was revoked",
    )


def await_shown(adapters: GuardAdapters, rule_id: str, within: float) -> None:
    """Wait until EC2 shows a rule that was opened; raise NotVerifiedError where it does not."""
    await_seen(
        adapters,
        lambda: adapters.groups.present([rule_id]),
        within,
        f"EC2 does not show the rule {rule_id} that was opened",
    )
