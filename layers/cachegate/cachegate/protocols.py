"""What a sync pass needs of the world: the adapters in aws/ satisfy these protocols."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from ipaddress import IPv4Address, IPv4Network

    from cachegate.domain.address import ElasticIp
    from cachegate.domain.agent import Reply
    from cachegate.domain.cache import Cache, CacheKind, Evidence, NatInstance
    from cachegate.domain.capacity import Capacity
    from cachegate.domain.check import Unanswered
    from cachegate.domain.enrolment import Existence
    from cachegate.domain.group_rules import GroupRule, Wanted
    from cachegate.domain.groups import GuardedCache, Interface, SecurityGroup
    from cachegate.domain.ledger import Ledger
    from cachegate.domain.machine import Machine
    from cachegate.domain.plan import Problem
    from cachegate.domain.routes import Peering, RouteTable, Subnet
    from cachegate.happenings import Happening

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """The caches of the Region that carry the expose tag.

    `whole` is False where the list itself may be missing some; a cache whose own answer was
    missing says so itself.
    """

    caches: tuple[Cache, ...]
    whole: bool = True
    problems: tuple[Problem, ...] = ()  # which describe call failed, and what that leaves unknown


@dataclass(frozen=True, slots=True)
class Record:
    """A ledger as it was read, with the version that the next write must replace."""

    ledger: Ledger
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Heartbeat:
    """What changes with every pass, kept beside the ledger of a VPC. Seconds since the epoch."""

    began_at: float = 0.0  # when the last verified pass began to observe
    verified_at: float = 0.0
    token: str = ""  # of the one live chain of re-checks
    rechecks: int = 0  # how many it has made
    quiet: int = 0  # how many of the last ones found nothing in motion
    generation: int = 0  # that the last verified pass proved
    proved: tuple[str, ...] = ()  # the NAT instances that proved it
    unreachable: tuple[int, ...] = ()  # listen ports whose targets did not answer then
    offline: tuple[str, ...] = ()  # the NAT instances that SSM could not reach then
    stranded: bool = False  # no verified NAT instance had the address then, nor could get it
    capacity: Mapping[str, Capacity] = field(default_factory=dict)  # what each instance last told

    def proves(self, generation: int, instance_ids: Iterable[str]) -> bool:
        """Tell whether these NAT instances had all proved this generation."""
        return self.generation == generation and set(instance_ids) <= set(self.proved)


class Inventory(Protocol):
    """The caches of this account and Region."""

    def listing(self) -> Listing:
        """Return every cache with the expose tag, its nodes, roles and endpoints."""
        ...


class AllCaches(Protocol):
    """Every cache of this account and Region as security groups meet it, forwarded or not."""

    def guarded(self) -> tuple[GuardedCache, ...]:
        """Return every one that has a security group; raise TransientError where some may lack."""
        ...


class Network(Protocol):
    """The VPCs of this account and Region."""

    def nat_instances(self) -> tuple[NatInstance, ...]:
        """Return every instance with the tag cachegate:nat, of any stack, not terminated."""
        ...

    def running(self, instance_ids: Iterable[str]) -> frozenset[str]:
        """Return which of these instances run, whatever tags they carry."""
        ...

    def networks(self, vpc_ids: Iterable[str]) -> Mapping[str, tuple[IPv4Network, ...]]:
        """Return the associated IPv4 CIDRs of VPCs; one that does not exist is left out."""
        ...

    def evidence(
        self, vpc_ids: Iterable[str], addresses: Iterable[IPv4Address]
    ) -> Mapping[IPv4Address, Evidence]:
        """Say of each address whether a network interface of the VPCs holds it."""
        ...


class Resolver(Protocol):
    """Where names become addresses."""

    def resolve(self, names: Iterable[str]) -> Mapping[str, frozenset[IPv4Address]]:
        """Return the A records of each name; a name that failed is left out."""
        ...


class Ledgers(Protocol):
    """The durable records."""

    def vpc_ids(self) -> frozenset[str]:
        """Return the VPCs that have a ledger."""
        ...

    def load(self, vpc_id: str) -> Record | None:
        """Return the ledger, or None where there is none: a new VPC, or it was lost."""
        ...

    def save(self, ledger: Ledger, replacing: int | None) -> Record:
        """Write where the version is still `replacing` (None: where there is none).

        Raise LedgerConflictError where it is not, RuleSetTooLargeError above 350 KB.
        """
        ...

    def heartbeat(self, vpc_id: str) -> Heartbeat:
        """Return the heartbeat of a VPC, all zero where there is none."""
        ...

    def beat(self, vpc_id: str, heartbeat: Heartbeat, replacing: str | None = None) -> None:
        """Write it where the token is still `replacing` (None: in any case).

        Raise LedgerConflictError where it is not: another pass goes on with the chain.
        """
        ...


class Gateways(Protocol):
    """The agents on the NAT instances."""

    def run(
        self,
        instance_ids: Iterable[str],
        action: str,
        payload: str | None = None,
        start: int | None = None,
    ) -> Mapping[str, Reply]:
        """Run one action on each instance in parallel; every instance has a reply, good or bad.

        `start` is where a page of `inspect` begins (`--from`).
        """
        ...


class Addresses(Protocol):
    """Elastic IPs."""

    def find(self, allocation_id: str) -> ElasticIp | None:
        """Return the address, or None where EC2 shows none; raise TransientError without answer."""
        ...

    def associate(
        self, allocation_id: str, instance_id: str, interface_id: str | None = None
    ) -> None:
        """Ask once, never again by itself, for the address to be moved to an instance.

        `interface_id` says to which of its interfaces, where it has several.

        Raise AddressRefusedError where EC2 does not do it, TransientError without an answer: then
        it may have been done.
        """
        ...

    def release(self, allocation_id: str) -> None:
        """Give the address back to AWS, from whoever has it; one that is gone is no error."""
        ...


class GroupRules(Protocol):
    """Security groups of both sides, and their rules of both directions."""

    def managed(self, stack: str) -> tuple[GroupRule, ...]:
        """Return every rule that carries the tag cachegate:managed of this stack."""
        ...

    def rules(self, group_ids: Iterable[str]) -> tuple[GroupRule, ...]:
        """Return all rules of these groups, whoever added them."""
        ...

    def groups(self, group_ids: Iterable[str]) -> Mapping[str, SecurityGroup]:
        """Return groups by id; one that we cannot see is left out."""
        ...

    def interfaces(self, group_ids: Iterable[str]) -> tuple[Interface, ...]:
        """Return the network interfaces that have any of these groups."""
        ...

    def open(self, wanted: Wanted, tags: Mapping[str, str]) -> bool:
        """Add a rule with these tags; return False where there is one with the same opening.

        Raise RuleRefusedError where AWS does not take it.
        """
        ...

    def close(self, rule: GroupRule) -> None:
        """Remove a rule by its id; one that is gone is no error. Raise RuleRefusedError."""
        ...


class Subnets(Protocol):
    """Subnets of VPCs and where they lead. Each call raises NotShownError without an answer."""

    def named(self, subnet_ids: Iterable[str]) -> tuple[Subnet, ...]:
        """Return these subnets; one that does not exist is left out."""
        ...

    def of(self, vpc_ids: Iterable[str]) -> tuple[Subnet, ...]:
        """Return all subnets of VPCs."""
        ...

    def tables(self, vpc_ids: Iterable[str]) -> tuple[RouteTable, ...]:
        """Return all route tables of VPCs; a VPC that does not exist has none."""
        ...

    def interfaces(self, subnet_id: str) -> tuple[Interface, ...]:
        """Return the network interfaces in a subnet."""
        ...

    def peerings(self, vpc_id: str) -> tuple[Peering, ...]:
        """Return the peering connections of a VPC, in any state that EC2 still shows."""
        ...


class Bus(Protocol):
    """Where others hear of what happened."""

    def publish(self, happenings: Iterable[Happening]) -> tuple[str, ...]:
        """Publish events; return why some were not taken."""
        ...


class Rechecks(Protocol):
    """The queue of triggers."""

    def send(self, vpc_id: str, token: str, delay: float) -> None:
        """Ask for another look at a VPC after some seconds (whole ones, at most 900)."""
        ...

    def ask(self, reason: str) -> None:
        """Ask for a whole pass now."""
        ...

    def retry(self, receipt: str, delay: float) -> None:
        """Let a message that failed come back after some seconds."""
        ...


class Notifications(Protocol):
    """The topics to which AWS announces what happens to caches."""

    def existing(self, topics: Iterable[str]) -> Mapping[str, Existence]:
        """Return of each topic (ARN) whether it exists, with the reason where that is unknown."""
        ...

    def enrol(self, kind: CacheKind, name: str) -> str | None:
        """Ask AWS to announce at our topic what happens to a cache, and nothing else.

        Return why AWS refused, or None. What it does is seen by later observations only.
        """
        ...


class Ask(Protocol):
    """Where no answer is an answer too."""

    def __call__(self, question: Callable[[], T]) -> T | Unanswered:
        """Return the answer, or why AWS gave none."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Adapters:
    """The world as one pass meets it."""

    inventory: Inventory
    caches: AllCaches
    network: Network
    resolver: Callable[[tuple[str, ...]], Resolver]  # given the running NAT instances of a VPC
    ledgers: Ledgers
    gateways: Gateways
    rechecks: Rechecks
    bus: Bus
    notifications: Notifications
    addresses: Addresses
    group_rules: GroupRules
    subnets: Subnets
    # What EC2 says of instances by id; one that does not exist is left out.
    machines: Callable[[Iterable[str]], Mapping[str, Machine]]
    ask: Ask
    clock: Callable[[], float]  # seconds since the epoch
    new_token: Callable[[], str]
    former_ledgers: Ledgers | None = None  # the retained table of a stack that is taken over
