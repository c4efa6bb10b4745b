"""The mass-change brake: a sudden loss of most of a VPC is more often a bad answer than true.

Counted are removals, and moves to an address without a network interface to prove it. Never
counted or held are additions (a key's first address among them), sources, networks, and what
is taken away for safety: a target outside the VPC, or one that belongs to another key now.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cachegate.domain.cache import Evidence
from cachegate.planning.agreement import agreed, first_seen
from cachegate.planning.text import moment

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cachegate.domain.ledger import Lease, Ledger
    from cachegate.domain.policy import Policy
    from cachegate.planning.damping import Settled
    from cachegate.planning.sighting import Sighting


@dataclass(frozen=True, slots=True, kw_only=True)
class Brake:
    """What the brake holds, since when, why and how long at least; nothing where it is open."""

    keys: frozenset[str] = frozenset()
    since: float | None = None
    digest: str | None = None
    reason: str = ""
    wait: float | None = None


def brake(
    ledger: Ledger,
    settled: Mapping[str, Settled],
    sighting: Sighting,
    policy: Policy,
) -> Brake:
    """Judge the changes of a pass; the same ones again, late enough, are let through."""
    before = {k: lease for k, lease in ledger.leases.items() if lease.resting_since is None}
    held = {
        key: settled[key].lease
        for key, lease in before.items()
        if _doubtful(lease, settled[key].lease, sighting)
    }
    # What is held stays held: forwards that were added since do not make it a smaller change.
    digest = _digest(held)
    same = ledger.braked_digest == digest
    mass = len(before) >= policy.brake_forwards and len(held) * 2 > len(before)
    if not held or not (mass or same):
        return Brake()
    since = first_seen(ledger.braked_since if same else None, sighting.at)
    if agreed(since, sighting.at, policy.brake_agreement):
        return Brake()
    reason = (
        f"mass change: {len(held)} of {len(before)} forwards since {moment(since)}; held until a "
        f"pass at least {policy.brake_agreement:g} s later agrees, or a sync with force"
    )
    return Brake(
        keys=frozenset(held),
        since=since,
        digest=digest,
        reason=reason,
        wait=since + policy.brake_agreement - sighting.at,
    )


def _doubtful(before: Lease, after: Lease, sighting: Sighting) -> bool:
    if after.resting_since is not None:
        return True
    if not before.targets or after.targets == before.targets:
        return False
    added = set(after.targets).difference(before.targets)
    return any(sighting.evidence(t.address) is not Evidence.PRESENT for t in added)


def _digest(held: Mapping[str, Lease]) -> str:
    lines = [f"{key} {' '.join(map(str, held[key].targets))}" for key in sorted(held)]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
