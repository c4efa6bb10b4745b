"""The chain of re-checks: one for each VPC while anything moves there, bounded. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cachegate.domain.policy import Policy
    from cachegate.protocols import Heartbeat

QUIET_PASSES = 2  # in a row end a chain: AWS and DNS may show a change late
DOUBLINGS = 30  # far beyond any cap, and no float overflows


@dataclass(frozen=True, slots=True)
class Link:
    """The next re-check of a chain, or (delay None) its end."""

    delay: float | None  # seconds
    rechecks: int = 0
    quiet: int = 0


def next_link(
    former: Heartbeat, motion: float | None, policy: Policy, most: int, due: float | None = None
) -> Link:
    """Decide what follows a pass.

    `motion` is in how many seconds what moves can be decided, None where nothing moves. A chain
    begins with that pause, and doubles from the policy's re-check to its cap. After `most`
    re-checks the schedule takes over, until a pass finds nothing in motion. What can be decided in
    `due` seconds does not wait for a longer pause.
    """
    quiet = 0 if motion is not None else former.quiet + 1
    running = bool(former.token)
    if motion is None and (not running or quiet >= QUIET_PASSES):
        return Link(None)
    if former.rechecks >= most:
        return Link(None, former.rechecks, quiet)
    doubled = policy.recheck * 2.0 ** min(former.rechecks, DOUBLINGS) if former.rechecks else 0.0
    delay = max(policy.recheck if motion is None else motion, min(doubled, policy.recheck_cap))
    return Link(delay if due is None else min(delay, due), former.rechecks + 1, quiet)
