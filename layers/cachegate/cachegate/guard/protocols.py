"""What the guard needs of the world: the adapters in aws/ satisfy these protocols."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from cachegate.domain.cache import NatInstance
    from cachegate.domain.groups import GuardedCache, Interface, SecurityGroup
    from cachegate.domain.ingress import IngressRule, Opened, Permission, PrefixList
    from cachegate.domain.revocation import Revocation
    from cachegate.happenings import Happening
    from cachegate.protocols import Resolver

ALL_GROUPS = "*"


class Trail(StrEnum):
    """Whether CloudTrail tells EventBridge of calls: without, only the schedule notices them."""

    LOGS = "logs"
    NONE = "none"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweep:
    """What the last pass over everything saw. Seconds since the epoch."""

    at: float
    mode: str
    trail: str
    groups: int  # that caches have


@dataclass(frozen=True, slots=True, kw_only=True)
class Book:
    """All that the guard keeps: undo records, the findings of the last pass, and its time.

    A finding is kept as it is described (guard/describe.py), with `since` of its first pass.
    """

    revocations: tuple[Revocation, ...] = ()
    findings: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)  # by group
    left_out: Mapping[str, int] = field(default_factory=dict)  # findings that were too many to keep
    sweep: Sweep | None = None


class Caches(Protocol):
    """The caches of this account and Region, with their security groups."""

    def guarded(self) -> tuple[GuardedCache, ...]:
        """Return every one that has a security group; raise TransientError where some may lack."""
        ...


class Groups(Protocol):
    """Security groups, their ingress rules, and who has them."""

    def groups(self, group_ids: Iterable[str]) -> Mapping[str, SecurityGroup]:
        """Return groups by id; one that we cannot see is left out."""
        ...

    def rules(self, group_ids: Iterable[str]) -> tuple[IngressRule, ...]:
        """Return their ingress rules; the entries of prefix lists are not known yet.

        One that cannot be read has an UnknownSource, so that it is reported and hides no other.
        """
        ...

    def prefix_lists(self, list_ids: Iterable[str]) -> Mapping[str, PrefixList]:
        """Open prefix lists; one that we cannot read has no entries (None), or is left out."""
        ...

    def interfaces(self, group_ids: Iterable[str]) -> tuple[Interface, ...]:
        """Return the network interfaces that have any of these groups."""
        ...

    def present(self, rule_ids: Iterable[str]) -> frozenset[str]:
        """Return which of these rules EC2 shows now."""
        ...

    def revoke(self, group_id: str, rule_id: str) -> None:
        """Ask to remove one ingress rule by its id; one that is gone already is no error.

        Raise RuleRefusedError where AWS does not do it.
        """
        ...

    def open(self, group_id: str, permission: Permission) -> Opened:
        """Ask for one ingress rule; raise RuleRefusedError where AWS does not take it."""
        ...

    def tag(self, rule_id: str, key: str, value: str) -> None:
        """Put a tag on a rule; raise RuleRefusedError where there is no such rule."""
        ...


class NatInstances(Protocol):
    """Who forwards to caches."""

    def nat_instances(self) -> tuple[NatInstance, ...]:
        """Return every instance with the tag cachegate:nat, of any stack, not terminated."""
        ...


class Records(Protocol):
    """The durable records of the guard."""

    def load(self) -> Book:
        """Return all that is kept."""
        ...

    def record(self, revocation: Revocation) -> None:
        """Write an undo record before its rule goes; one that is REVOKED or RESTORED stays."""
        ...

    def settle(self, revocation: Revocation) -> None:
        """Write how a revocation ended, over its record.

        A proof that it is REVOKED comes too late for one that is RESTORED, which stays.
        """
        ...

    def keep_findings(self, group_id: str, findings: Sequence[Mapping[str, Any]]) -> None:
        """Replace the findings of a group; none deletes them."""
        ...

    def keep_sweep(self, sweep: Sweep) -> None:
        """Replace what the last pass saw."""
        ...


class Trails(Protocol):
    """CloudTrail."""

    def state(self) -> Trail:
        """Tell whether a trail that logs sends management events of this Region."""
        ...


class Alerts(Protocol):
    """The people who have to hear."""

    def send(self, subject: str, text: str) -> str | None:
        """Send a message; return why it was not taken, or None."""
        ...


class Bus(Protocol):
    """Where other programs hear of what happened."""

    def publish(self, happenings: Iterable[Happening]) -> tuple[str, ...]:
        """Publish events; return why some were not taken."""
        ...


class Queue(Protocol):
    """The queue of triggers."""

    def retry(self, receipt: str, delay: float) -> None:
        """Let a message that failed come back after some seconds."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardAdapters:
    """The world as the guard meets it."""

    caches: Caches
    groups: Groups
    network: NatInstances
    resolver: Resolver
    records: Records
    trails: Trails
    alerts: Alerts
    bus: Bus
    queue: Queue
    clock: Callable[[], float]  # seconds since the epoch
    sleep: Callable[[float], None]
