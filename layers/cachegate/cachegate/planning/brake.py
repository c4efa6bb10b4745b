"""The mass-change brake: a sudden loss of most of a VPC is more often a bad answer than true.

Counted are removals, and moves to an address without a network interface to prove it. Never
counted or held are additions (a key's first address among them), sources, networks, and what
is taken away for safety: a target outside the VPC, or one that belongs to another key now.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from cachegate.domain.cache import Evidence
from cachegate.planning.agreement import agreed, first_seen
from cachegate.planning.keys import OWNERS
from cachegate.planning.text import moment

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from cachegate.domain.ledger import Lease, Ledger
    from cachegate.planning.damping import Settled
    from cachegate.planning.sighting import Sighting
    from cachegate.planning.targets import Decision


@dataclass(frozen=True, slots=True, kw_only=True)
class Brake:
    """The leases as the brake lets them be; what it holds, since when, why, how long at least."""

    settled: Mapping[str, Settled]
    keys: frozenset[str] = frozenset()
    since: float | None = None
    digest: str | None = None
    reason: str = ""
    wait: float | None = None


def brake(ledger: Ledger, decision: Decision) -> Brake:
    """Settle the leases of a pass; the same mass change again, late enough, is let through."""
    free = decision.settle()
    before = {k: lease for k, lease in ledger.leases.items() if lease.resting_since is None}
    doubtful = {k for k, lease in before.items() if _doubtful(lease, free[k], decision.sighting)}
    if decision.force or not doubtful:
        return Brake(settled=free)
    frozen = replace(decision, frozen=doubtful).settle()
    # A role whose node had to leave its address follows it in any case: nothing to hold there.
    held = frozenset(k for k in doubtful if _outcome(frozen[k]) != _outcome(free[k]))
    # What is held stays held: forwards that were added since do not make it a smaller change.
    digest = _digest((k for k in held if _must_agree(before[k], free[k])), free)
    policy, at = decision.policy, decision.sighting.at
    same = ledger.braked_digest == digest
    mass = len(before) >= policy.brake_forwards and len(held) * 2 > len(before)
    since = first_seen(ledger.braked_since if same else None, at)
    if not (mass or same) or agreed(since, at, policy.brake_agreement):
        return Brake(settled=free)
    return Brake(
        settled=frozen,
        keys=held,
        since=since,
        digest=digest,
        reason=(
            f"mass change: {len(held)} of {len(before)} forwards since {moment(since)}; held "
            f"until a pass at least {policy.brake_agreement:g} s later agrees, or a sync with force"
        ),
        wait=since + policy.brake_agreement - at,
    )


def _doubtful(before: Lease, settled: Settled, sighting: Sighting) -> bool:
    """Say whether a lease rests or leaves a target that it might keep for an unproven one."""
    after = settled.lease
    if after.resting_since is not None:
        return True
    if not settled.kept or after.targets == before.targets:
        return False
    added = set(after.targets).difference(before.targets)
    return any(sighting.evidence(t.address) is not Evidence.PRESENT for t in added)


def _outcome(settled: Settled) -> tuple[object, ...]:
    return settled.lease.targets, settled.lease.resting_since


def _must_agree(before: Lease, settled: Settled) -> bool:
    """Say whether a further pass must see the same of a held lease.

    Where a role leads follows from the nodes, and the hold itself may move it: one whose node had
    to leave takes another node where the brake holds that, and would move on with it.
    """
    return before.kind in OWNERS or settled.lease.resting_since is not None


def _digest(keys: Iterable[str], free: Mapping[str, Settled]) -> str:
    lines = [f"{key} {' '.join(map(str, free[key].lease.targets))}" for key in sorted(keys)]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
