"""Read back: wait until EC2 shows what it said that it did.

A success of a call proves nothing: in a default VPC a mismatch is no error, and what EC2 shows may
lag behind
(https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_RevokeSecurityGroupIngress.html).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cachegate.errors import NotVerifiedError

if TYPE_CHECKING:
    from cachegate.guard.protocols import GuardAdapters

POLL = 0.5  # seconds between two looks


def await_gone(adapters: GuardAdapters, rule_id: str, within: float) -> None:
    """Wait until EC2 does not show a rule any more; raise NotVerifiedError where it goes on."""
    ends = adapters.clock() + within
    while adapters.groups.present([rule_id]):
        if adapters.clock() >= ends:
            raise NotVerifiedError(f"EC2 still shows the rule {rule_id} that was revoked")
        adapters.sleep(POLL)


def await_shown(adapters: GuardAdapters, rule_id: str, within: float) -> None:
    """Wait until EC2 shows a rule that was opened; raise NotVerifiedError where it does not."""
    ends = adapters.clock() + within
    while not adapters.groups.present([rule_id]):
        if adapters.clock() >= ends:
            raise NotVerifiedError(f"EC2 does not show the rule {rule_id} that was opened")
        adapters.sleep(POLL)
