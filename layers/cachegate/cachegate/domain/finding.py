"""A finding: an ingress rule that the policy does not allow, and what becomes of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from cachegate.domain.ingress import GroupReference, ipv4_network

if TYPE_CHECKING:
    from ipaddress import IPv4Network

    from cachegate.domain.groups import Interface, SecurityGroup
    from cachegate.domain.ingress import IngressRule
    from cachegate.domain.judgement import Judgement
    from cachegate.domain.traffic import Traffic

# Tags on a security-group rule.
EXEMPT = "cachegate:exempt"  # <owner>|<expiry date>|<reason>
CARVED = "cachegate:carved"  # id of the revoked rule whose ports beside the caches' it keeps open


class Use(StrEnum):
    """Who has a cache's security group."""

    SHARED = "shared"  # something that is no cache, or it is a VPC's default group
    EXCLUSIVE = "exclusive"  # caches only
    DOUBTFUL = "doubtful"  # something that cannot be told from a cache's own interface


@dataclass(frozen=True, slots=True, kw_only=True)
class Sharing:
    """Who has a group, with the evidence."""

    use: Use
    reason: str
    others: tuple[Interface, ...] = ()  # that are no cache's, sorted by id
    unknown: tuple[Interface, ...] = ()  # that may be a cache's, sorted by id

    @property
    def public(self) -> tuple[Interface, ...]:
        """Return the others that have public addresses."""
        return tuple(interface for interface in self.others if interface.public_addresses)


class Severity(StrEnum):
    """How much a finding matters."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


class Step(StrEnum):
    """What the guard does about a finding in the mode `enforce`."""

    REPORT = "report"  # it is for a person to judge
    EXEMPT = "exempt"  # a recorded excuse holds
    REFUSE = "refuse"  # it should go, and something has to be done by a person first
    WAIT = "wait"  # it goes in a later pass: this one has reached its cap
    REVOKE = "revoke"
    CARVE = "carve"  # revoked, and the ports beside the caches' are opened again first

    @property
    def acts(self) -> bool:
        """Tell whether a pass changes something."""
        return self in {Step.REVOKE, Step.CARVE}


@dataclass(frozen=True, slots=True, kw_only=True)
class Exemption:
    """A recorded excuse: who answers for it, through which day (UTC), and why."""

    owner: str
    until: date
    reason: str

    def holds(self, at: float) -> bool:
        """Tell whether it holds at a time, in seconds since the epoch: the last day counts."""
        return datetime.fromtimestamp(int(at), UTC).date() <= self.until

    def __str__(self) -> str:
        return f"{self.owner}|{self.until.isoformat()}|{self.reason}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Path:
    """A rule that keeps the NAT instance's way to a cache: added before another one goes."""

    group_id: str
    traffic: Traffic
    source: str  # id of the NAT instance's group, or its address as a network
    vpc_id: str  # of the NAT instance

    @property
    def admitted(self) -> GroupReference | IPv4Network:
        """Return the source as a rule has it."""
        to_group = self.source.startswith("sg-")
        return GroupReference(self.source) if to_group else ipv4_network(self.source)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One rule that the policy does not allow, on a group that caches have."""

    judgement: Judgement
    group: SecurityGroup
    caches: tuple[str, ...]  # that have the group, sorted
    sharing: Sharing
    severity: Severity
    step: Step
    reason: str  # of the step; the judgement has its own
    advice: str = ""  # what a person can do, where something is left to do
    exemption: Exemption | None = None
    carved: tuple[Traffic, ...] = ()  # what is opened again where the step is CARVE
    paths: tuple[Path, ...] = ()  # what is added first

    @property
    def rule(self) -> IngressRule:
        """Return the rule."""
        return self.judgement.rule
