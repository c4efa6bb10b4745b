"""An address that was left a moment ago is taken back only after two agreeing passes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from cachegate.planning.agreement import agreed, first_seen
from cachegate.planning.text import listing

if TYPE_CHECKING:
    from collections.abc import Iterable
    from ipaddress import IPv4Address

    from cachegate.domain.forward import Target
    from cachegate.domain.ledger import Lease
    from cachegate.domain.policy import Policy
    from cachegate.planning.wish import Wish


class Settled(NamedTuple):
    """The lease after this pass; what is not done yet, and in how many seconds it may be.

    `kept` is what it might have kept in safety.
    """

    lease: Lease
    kept: tuple[Target, ...] = ()
    hold: str = ""
    wait: float | None = None


def settle(lease: Lease, wish: Wish, at: float, policy: Policy, *, force: bool = False) -> Settled:
    """Give a lease its targets. `force` takes an address back without a second pass."""
    if wish.wanted is None:
        moved = _moved(lease, wish.kept, wish.loss or wish.hold, at, policy)
        wait = policy.recheck if wish.hold else None
        return Settled(lease=moved, kept=wish.kept, hold=wish.hold, wait=wait)
    soon = policy.disagreement_recheck if wish.disagreement else None
    damped = _too_soon(lease, wish.wanted, wish.kept, at, policy) if lease.left else ()
    since = first_seen(lease.candidate_since if lease.candidate == damped else None, at)
    # A slow pass may have looked before the last move was seen: what it is sure of is old.
    sure = wish.sure and at >= lease.changed_at
    if not damped or sure or force or agreed(since, at, policy.agreement):
        moved = _moved(_calm(lease), wish.wanted, wish.reason, at, policy)
        return Settled(lease=moved, kept=wish.kept, wait=soon)
    waiting = replace(lease, candidate=damped, candidate_since=since)
    # Readers take what is not in doubt; a key with one target stays where it is.
    clear = tuple(target for target in wish.wanted if target not in damped)
    hold = (
        f"{listing(damped)} was left less than {policy.revisit:g} s ago: taken back when a pass "
        f"at least {policy.agreement:g} s later agrees"
    )
    return Settled(
        lease=_moved(
            waiting, clear or wish.kept, wish.reason if clear else wish.loss or hold, at, policy
        ),
        kept=wish.kept,
        hold=hold,
        wait=min(since + policy.agreement - at, policy.agreement if soon is None else soon),
    )


def _too_soon(
    lease: Lease,
    wanted: Iterable[Target],
    kept: tuple[Target, ...],
    at: float,
    policy: Policy,
) -> tuple[Target, ...]:
    """Return the targets whose addresses the lease left a moment ago."""
    lately = {address for address, when in lease.left if at - when < policy.revisit}
    return tuple(t for t in wanted if t not in kept and t.address in lately)


def _calm(lease: Lease) -> Lease:
    if lease.candidate is None:
        return lease
    return replace(lease, candidate=None, candidate_since=None)


def _moved(
    lease: Lease, targets: tuple[Target, ...], reason: str, at: float, policy: Policy
) -> Lease:
    """Return the lease with its targets and why; unchanged where they are the same."""
    if targets == lease.targets and lease.reason:
        return lease
    return replace(
        lease,
        targets=targets,
        reason=reason if targets else f"no target: {reason}",
        # What a slow pass moves does not make the next look at the same old answer sure.
        changed_at=max(lease.changed_at, at),
        left=_left(lease, targets, at, policy),
        lost=() if targets else lease.targets or lease.lost,
    )


def _left(
    lease: Lease, targets: tuple[Target, ...], at: float, policy: Policy
) -> tuple[tuple[IPv4Address, float], ...]:
    """Remember addresses that others took the place of; one that was only lost was not left."""
    if not (lease.left or lease.targets):
        return ()
    now = {target.address for target in targets}
    recent = {a: when for a, when in lease.left if at - when < policy.revisit and a not in now}
    if targets:
        recent |= {t.address: at for t in lease.targets if t.address not in now}
    return tuple(sorted(recent.items()))
