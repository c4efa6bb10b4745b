"""Which keys live, which are gone, and which only failed to answer. Absent is not empty."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from cachegate.domain.plan import Change, ChangeKind
from cachegate.planning.agreement import agreed, first_seen
from cachegate.planning.text import moment

if TYPE_CHECKING:
    from cachegate.domain.ledger import Lease, Ledger
    from cachegate.domain.policy import Policy
    from cachegate.planning.sighting import Sighting


@dataclass(slots=True)
class Attendance:
    """The leases of `ledger` that go on, the keys that two passes found gone, and what was decided.

    `waits` holds how many seconds from now each thing in motion can be decided.
    """

    ledger: Ledger
    leases: dict[str, Lease] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)
    changes: list[Change] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)


def attend(ledger: Ledger, sighting: Sighting, policy: Policy) -> Attendance:
    """Compare every lease with what was observed."""
    attendance = Attendance(ledger)
    for key in sorted(ledger.leases):
        lease = ledger.leases[key]
        if key in sighting.wants:
            attendance.leases[key] = _back(lease)
        elif lease.resting_since is not None:
            _rest(lease, sighting, policy, attendance)
        else:
            _miss(lease, sighting, policy, attendance)
    return attendance


def _back(lease: Lease) -> Lease:
    if lease.resting_since is not None:
        return replace(lease, missing_since=None, resting_since=None, reason="")
    return lease if lease.missing_since is None else replace(lease, missing_since=None)


def _rest(lease: Lease, sighting: Sighting, policy: Policy, attendance: Attendance) -> None:
    """End the quarantine only in a pass that saw that the key is still gone."""
    rested = sighting.at - (lease.resting_since or 0.0)
    if rested < policy.quarantine or sighting.unknown(lease.cache):
        attendance.leases[lease.key] = lease
        return
    reason = f"at rest since {moment(lease.resting_since or 0.0)}: the quarantine is over"
    attendance.changes.append(
        Change(kind=ChangeKind.FREE, reason=reason, key=lease.key, listen=lease.listen)
    )


def _miss(lease: Lease, sighting: Sighting, policy: Policy, attendance: Attendance) -> None:
    """Count a missing key. An unknown answer neither agrees nor disagrees."""
    unknown = sighting.unknown(lease.cache)
    if unknown is not None:
        attendance.leases[lease.key] = lease
        _hold(lease, f"{unknown}: the last good targets stay", policy.recheck, attendance)
        return
    since = first_seen(lease.missing_since, sighting.at)
    if since != lease.missing_since:
        lease = replace(lease, missing_since=since)
    attendance.leases[lease.key] = lease
    if agreed(since, sighting.at, policy.agreement):
        attendance.gone.add(lease.key)
        return
    reason = (
        f"gone since {moment(since)}: counts when a pass at least "
        f"{policy.agreement:g} s later agrees"
    )
    _hold(lease, reason, since + policy.agreement - sighting.at, attendance)


def _hold(lease: Lease, reason: str, wait: float, attendance: Attendance) -> None:
    leads = attendance.ledger.leads_to(lease)
    attendance.changes.append(
        Change(
            kind=ChangeKind.HOLD,
            reason=reason,
            key=lease.key,
            listen=lease.listen,
            before=leads,
            after=leads,
        )
    )
    attendance.waits.append(wait)
