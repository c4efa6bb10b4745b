"""Decide the targets of every lease: owners first, then the roles that follow them."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from cachegate.domain.forward import ForwardKind
from cachegate.planning.claims import Claims
from cachegate.planning.damping import Settled, settle
from cachegate.planning.keys import OWNERS
from cachegate.planning.roles import Member, Roles
from cachegate.planning.text import moment

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from cachegate.domain.ledger import Lease
    from cachegate.domain.policy import Policy
    from cachegate.planning.sighting import Sighting
    from cachegate.planning.wish import Wish


@dataclass(slots=True, kw_only=True)
class Decision:
    """Settles the leases of one pass.

    `gone` keys go to rest. `frozen` keys are held by the brake: they neither rest nor move,
    except where a target is not safe to keep.
    """

    sighting: Sighting
    policy: Policy
    leases: Mapping[str, Lease]
    gone: Collection[str] = ()
    frozen: Collection[str] = ()
    force: bool = False
    settled: dict[str, Settled] = field(default_factory=dict, init=False)

    def settle(self) -> dict[str, Settled]:
        """Return every lease as this pass leaves it, by key."""
        living: list[Lease] = []
        for lease in self.leases.values():
            if lease.resting_since is not None:
                self.settled[lease.key] = Settled(lease=lease)
            elif lease.key in self.gone and lease.key not in self.frozen:
                self.settled[lease.key] = Settled(lease=_rested(lease, self.sighting.at))
            else:
                living.append(lease)
        self._owners([lease for lease in living if lease.kind in OWNERS])
        self._roles([lease for lease in living if lease.kind not in OWNERS])
        return self.settled

    def _owners(self, leases: list[Lease]) -> None:
        claims = Claims.gather(self.sighting, leases)
        for lease in leases:
            self._settle(lease, claims.wish(lease))

    def _roles(self, leases: list[Lease]) -> None:
        with_roles = {lease.cache for lease in leases}
        members: dict[str, list[Member]] = defaultdict(list)
        for key in sorted(self.settled):
            lease = self.leases[key]
            if lease.kind is ForwardKind.NODE and lease.cache in with_roles:
                members[lease.cache].append(self._member(lease))
        primaries = {}
        for lease in sorted(leases, key=_primary_first):
            roles = Roles(self.sighting, members[lease.cache])
            if lease.kind is ForwardKind.PRIMARY:
                self._settle(lease, roles.primary(lease))
                primaries[lease.cache] = self.settled[lease.key].lease.targets
            else:
                self._settle(lease, roles.readers(lease, primaries.get(lease.cache, ())))

    def _member(self, lease: Lease) -> Member:
        return Member(
            key=lease.key,
            before=lease.targets,
            now=self.settled[lease.key].lease.targets,
            want=self.sighting.wants.get(lease.key),
        )

    def _settle(self, lease: Lease, wish: Wish) -> None:
        if lease.key in self.frozen:
            wish = wish._replace(wanted=None, hold="")
        self.settled[lease.key] = settle(
            lease, wish, self.sighting.at, self.policy, force=self.force
        )


def _primary_first(lease: Lease) -> tuple[bool, str]:
    return lease.kind is not ForwardKind.PRIMARY, lease.key


def _rested(lease: Lease, at: float) -> Lease:
    since = moment(at if lease.missing_since is None else lease.missing_since)
    return replace(
        lease,
        targets=(),
        changed_at=at,
        reason=f"its key is gone, seen missing since {since}: the port rests",
        resting_since=at,
        candidate=None,
        candidate_since=None,
        left=(),
        lost=(),
    )
