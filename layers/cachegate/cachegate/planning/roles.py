"""Where `primary` and `readers` lead: only to targets that the cache's own node keys hold.

So a role can never show another cache, and it loses at once what its node lost.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cachegate.domain.cache import Evidence, Role
from cachegate.planning.text import listing
from cachegate.planning.wish import Wish

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from cachegate.domain.forward import Target
    from cachegate.domain.ledger import Lease
    from cachegate.planning.keys import Want
    from cachegate.planning.sighting import Sighting


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A node key of the cache: where it led before this plan and where it leads now."""

    key: str
    before: tuple[Target, ...]
    now: tuple[Target, ...]
    want: Want | None  # None: its key is missing, or its cache is silent

    @property
    def role(self) -> Role | None:
        """Return the role that AWS tells now, if any."""
        return self.want.role if self.want else None


@dataclass(frozen=True, slots=True)
class Roles:
    """The members of one cache with roles, as one pass decided them."""

    sighting: Sighting
    members: Sequence[Member]

    def primary(self, lease: Lease) -> Wish:
        """Return where `primary` should lead: by PrimaryEndpoint, else by CurrentRole."""
        kept, loss = self._kept(lease)
        want = self.sighting.wants.get(lease.key)
        if want is None:
            return Wish(kept=kept, loss=loss)
        resolved = self.sighting.resolved(want)
        named = self._usable(kept, (m for m in self._seen() if m.now[0].address in resolved))
        told = self._usable(kept, (m for m in self._seen() if m.role is Role.PRIMARY))
        found = named or told
        if not found:
            hold = "neither PrimaryEndpoint nor a role leads to a node of the cache"
            return Wish(kept=kept, loss=loss, hold=hold)
        chosen = kept if kept and kept[0] in found else (min(found),)
        agree = bool(named) and chosen[0] in told
        return Wish(
            kept=kept,
            loss=loss,
            wanted=chosen,
            reason=_why_primary(chosen[0], named=bool(named), told=told),
            sure=agree,
            disagreement=not agree and bool(told) and bool(resolved),
        )

    def readers(self, lease: Lease, primary: tuple[Target, ...]) -> Wish:
        """Return where `readers` should lead: every replica, else the primary."""
        kept, loss = self._kept(lease)
        if lease.key not in self.sighting.wants:
            return Wish(kept=kept, loss=loss)
        replicas = [m for m in self.members if self._reads(m, kept, primary)]
        if replicas:
            targets = tuple(sorted({m.now[0] for m in replicas}))
            reason = f"replicas: {listing(m.key for m in replicas)}"
            return Wish(kept=kept, loss=loss, wanted=targets, reason=reason)
        if primary:
            reason = "there is no replica with an address: the primary answers"
            return Wish(kept=kept, loss=loss, wanted=primary, reason=reason)
        return Wish(kept=kept, loss=loss, hold="neither a replica nor the primary is known")

    def _seen(self) -> Iterable[Member]:
        return (member for member in self.members if member.want and member.now)

    def _usable(self, kept: tuple[Target, ...], members: Iterable[Member]) -> set[Target]:
        """Return the members' targets, but none that is absent, unless it is the current one."""
        return {
            member.now[0]
            for member in members
            if member.now == kept
            or self.sighting.evidence(member.now[0].address) is not Evidence.ABSENT
        }

    def _reads(self, member: Member, kept: tuple[Target, ...], primary: tuple[Target, ...]) -> bool:
        """Say whether a member serves reads: where its role is not known, what was so stays."""
        if not member.now or member.now == primary:
            return False
        if member.now[0] in kept:
            return True
        if member.want is None or self.sighting.evidence(member.now[0].address) is Evidence.ABSENT:
            return False
        return bool(primary) or member.role is Role.REPLICA

    def _kept(self, lease: Lease) -> tuple[tuple[Target, ...], str]:
        """Follow the nodes that the role led to, to where they are now."""
        moved = {m.before[0]: m.now for m in self.members if m.before}
        kept = tuple(sorted({now for old in lease.targets for now in moved.get(old, ())}))
        if kept == lease.targets:
            return kept, ""
        lost = [old for old in lease.targets if old not in kept]
        return kept, f"no node of the cache is at {listing(lost)} any more"


def _why_primary(chosen: Target, *, named: bool, told: set[Target]) -> str:
    if not named:
        return f"the role says {chosen}; PrimaryEndpoint leads to no node of the cache"
    if chosen in told:
        return f"PrimaryEndpoint and the role agree on {chosen}"
    if told:
        return f"PrimaryEndpoint leads to {chosen}; the role says {listing(sorted(told))}"
    return f"PrimaryEndpoint leads to {chosen}"
