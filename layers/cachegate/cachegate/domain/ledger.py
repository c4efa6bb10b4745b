"""The durable record of one VPC: who owns which listen port, and what was decided when."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cachegate.domain.forward import Forward, ForwardKind, RuleSet, Target

if TYPE_CHECKING:
    from collections.abc import Mapping
    from ipaddress import IPv4Address, IPv4Network

    from cachegate.domain.address import Holding


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """A listen port in the hands of one key. All times are seconds since the epoch.

    The port is at rest from `resting_since` on (quarantine); until then its key lives, also
    where it has no target yet.
    """

    key: str
    cache: str
    kind: ForwardKind
    listen: int
    targets: tuple[Target, ...] = ()  # the last good ones; see Ledger.leads_to
    leased_at: float
    changed_at: float  # when the targets last changed
    reason: str  # why they are what they are
    missing_since: float | None = None  # first pass of those that agree that the key is gone
    resting_since: float | None = None
    candidate: tuple[Target, ...] | None = None  # an address change that waits for agreement
    candidate_since: float | None = None
    left: tuple[tuple[IPv4Address, float], ...] = ()  # addresses left lately, and when
    lost: tuple[Target, ...] = ()  # what it led to before it led nowhere


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrolling:
    """What was done so far to bring one cache's notifications to our topic.

    Gone once the topic has been read back. Times are seconds since the epoch.
    """

    topic: str  # ours when this was noted: for another one all begins anew
    attempts: int = 0  # requests that were not read back
    asked_at: float = 0.0  # when the last of them was made
    absent: tuple[str, ...] = ()  # the cache's own topics, seen not to exist any more
    absent_since: float | None = None
    error: str | None = None  # why AWS refused the last request


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheGroups:
    """Where a cache's nodes are, and the security groups that it was last seen to have."""

    vpc_id: str
    groups: tuple[str, ...]  # ids, sorted


@dataclass(frozen=True, slots=True, kw_only=True)
class NatSide:
    """Where a NAT instance sends from, as security groups know it."""

    address: IPv4Address  # its private one
    group: str | None = None  # the one that we open; None where none is for us to open
    gone_since: float | None = None  # first pass of those that agree that the instance is gone


@dataclass(frozen=True, slots=True, kw_only=True)
class Withheld:
    """Why the listen ports of a cache lead nowhere, though it is there, and since when."""

    since: float  # seconds since the epoch
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """All leases of one VPC and the generation of the rule set that follows from them."""

    vpc_id: str
    generation: int = 0
    leases: Mapping[str, Lease] = field(default_factory=dict)  # by key
    sources: tuple[IPv4Network, ...] = ()
    targets_within: tuple[IPv4Network, ...] = ()
    braked_since: float | None = None  # the mass-change brake holds since then
    braked_digest: str | None = None  # what it holds: a further pass must agree on this
    detached: bool = False  # a person took the agents off: plan, but push nothing
    nat_instances: tuple[str, ...] = ()  # ids that were given a rule set and not yet taken off
    enrolling: Mapping[str, Enrolling] = field(default_factory=dict)  # by kind/name of the cache
    holding: Holding | None = None  # of the address; None before it was first looked at
    cache_groups: Mapping[str, CacheGroups] = field(default_factory=dict)  # by cache
    nat_sides: Mapping[str, NatSide] = field(default_factory=dict)  # by NAT instance
    openings: tuple[str, ...] = ()  # keys of the security-group rules that were in place
    unprotected: tuple[str, ...] = ()  # caches last seen without TLS and AUTH, and not accepted
    withheld: Mapping[str, Withheld] = field(default_factory=dict)  # those by cache, if so

    @property
    def known_instances(self) -> frozenset[str]:
        """Return the ids that were given a rule set, and the one that is to have the address."""
        holder = self.holding.instance_id if self.holding else None
        return frozenset({*self.nat_instances, *([holder] if holder else [])})

    @property
    def rule_set(self) -> RuleSet:
        """Return what is pushed: exactly what the ledger holds."""
        leases = sorted(self.leases.values(), key=lambda lease: lease.listen)
        return RuleSet(tuple(map(self._forward, leases)), self.sources)

    def leads_to(self, lease: Lease) -> tuple[Target, ...]:
        """Return where its listen port leads: nowhere while its cache is withheld."""
        return () if lease.cache in self.withheld else lease.targets

    def _forward(self, lease: Lease) -> Forward:
        targets = self.leads_to(lease)
        return Forward(listen=lease.listen, kind=lease.kind, key=lease.key, targets=targets)
