"""Whose address is it? A wrong forward shows someone another cache's data.

A target belongs to at most one node or endpoint key. Where the names of several keys lead to one
target, an answer of DNS is old; usually it is the one of the key that has held the target for
long, since an old answer tells where a node was. So between two caches it leads nowhere until
the answers differ again; within one cache, where no foreign data can show, the holder keeps it.
A key that holds a target only because it was its last good one loses it to any key whose name
leads there now, also while that key does not take it yet.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from cachegate.planning.keys import OWNERS
from cachegate.planning.wish import Wish

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cachegate.domain.forward import Target
    from cachegate.domain.ledger import Lease
    from cachegate.planning.keys import Want
    from cachegate.planning.sighting import Claim, Sighting


@dataclass(frozen=True)
class Claims:
    """What the names of all owning keys lead to, and who holds what."""

    sighting: Sighting
    leases: Sequence[Lease]  # of owning keys
    of: Mapping[str, Claim]  # by key
    claimants: Mapping[Target, Sequence[Want]]

    @classmethod
    def gather(cls, sighting: Sighting, leases: Sequence[Lease]) -> Claims:
        """Collect the claims of one pass."""
        of: dict[str, Claim] = {}
        claimants: dict[Target, list[Want]] = {}
        for want in sighting.wants.values():
            if want.kind in OWNERS:
                of[want.key] = claim = sighting.claim(want)
                for target in claim.targets:
                    claimants.setdefault(target, []).append(want)
        return cls(sighting, leases, of, claimants)

    @cached_property
    def holders(self) -> Mapping[Target, int]:
        """Count who holds each target: of use only where a name does not lead to its own."""
        return Counter(target for lease in self.leases for target in lease.targets)

    def wish(self, lease: Lease) -> Wish:
        """Return what a node or endpoint key keeps in safety, and what it should have."""
        claim = self.of.get(lease.key)
        fresh = bool(claim and lease.targets and lease.targets[0] in claim.targets)
        loss = self._loss(lease, lease.targets[0], fresh=fresh) if lease.targets else ""
        kept = () if loss else lease.targets
        if claim is None:  # its key is missing or unknown: said where that was found
            return Wish(kept=kept, loss=loss)
        if kept and fresh:
            return Wish(kept=kept, wanted=kept, reason=lease.reason or claim.why)
        allowed = [t for t in claim.targets if not self._rivals(lease.key, t)]
        if allowed:
            return Wish(kept=kept, loss=loss, wanted=(min(allowed),), reason=claim.why)
        if not claim.targets:
            return Wish(kept=kept, loss=loss, hold=claim.why)
        rivals = sorted(w.key for t in claim.targets for w in self._rivals(lease.key, t))
        hold = f"{claim.why}, and so does the name of {rivals[0]}: one of the answers is old"
        return Wish(kept=kept, loss=loss, hold=hold)

    def _rivals(self, key: str, target: Target) -> list[Want]:
        return [want for want in self.claimants.get(target, ()) if want.key != key]

    def _alone(self, target: Target) -> bool:
        return self.holders[target] == 1

    def _loss(self, lease: Lease, target: Target, *, fresh: bool) -> str:
        """Say why a key must leave its last good target; empty where it may stay.

        `fresh` tells that its name leads there now, so that the VPC has the address.
        """
        if not fresh and not self.sighting.within(target.address):
            return f"{target.address} is outside the VPC's networks"
        rivals = self._rivals(lease.key, target)
        if not rivals:
            if fresh or self._alone(target):
                return ""
            return f"another key holds {target} as well, and neither was seen there"
        if fresh and self._alone(target) and all(r.cache == lease.cache for r in rivals):
            return ""
        others = f"the name of {min(rival.key for rival in rivals)} leads to {target} now"
        return f"{others}, and so does its own: one answer is old" if fresh else others
