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
from typing import TYPE_CHECKING

from cachegate.planning.keys import OWNERS
from cachegate.planning.wish import Wish

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from cachegate.domain.forward import Target
    from cachegate.domain.ledger import Lease
    from cachegate.planning.keys import Want
    from cachegate.planning.sighting import Claim, Sighting


@dataclass(frozen=True, slots=True)
class Claims:
    """What the names of all owning keys lead to, and who holds what."""

    sighting: Sighting
    of: Mapping[str, Claim]  # by key
    claimants: Mapping[Target, tuple[Want, ...]]
    holders: Mapping[Target, int]

    @classmethod
    def gather(cls, sighting: Sighting, leases: Iterable[Lease]) -> Claims:
        """Collect the claims of one pass."""
        of: dict[str, Claim] = {}
        claimants: dict[Target, tuple[Want, ...]] = {}
        for want in sighting.wants.values():
            if want.kind in OWNERS:
                of[want.key] = sighting.claim(want)
                for target in of[want.key].targets:
                    claimants[target] = (*claimants.get(target, ()), want)
        holders = Counter(
            target for lease in leases if lease.kind in OWNERS for target in lease.targets
        )
        return cls(sighting, of, claimants, holders)

    def wish(self, lease: Lease) -> Wish:
        """Return what a node or endpoint key keeps in safety, and what it should have."""
        loss = self._loss(lease, lease.targets[0]) if lease.targets else ""
        kept = () if loss else lease.targets
        claim = self.of.get(lease.key)
        if claim is None:  # its key is missing or unknown: said where that was found
            return Wish(kept=kept, loss=loss)
        if kept and kept[0] in claim.targets:
            return Wish(kept=kept, wanted=kept, reason=claim.why)
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

    def _loss(self, lease: Lease, target: Target) -> str:
        """Say why a key must leave its last good target; empty where it may stay."""
        if not self.sighting.within(target.address):
            return f"{target.address} is outside the VPC's networks"
        rivals = self._rivals(lease.key, target)
        fresh = lease.key in self.of and target in self.of[lease.key].targets
        alone = self.holders[target] == 1
        if not rivals:
            both = f"another key holds {target} as well, and neither was seen there"
            return "" if fresh or alone else both
        if fresh and alone and all(rival.cache == lease.cache for rival in rivals):
            return ""
        others = f"the name of {min(rival.key for rival in rivals)} leads to {target} now"
        return f"{others}, and so does its own: one answer is old" if fresh else others
