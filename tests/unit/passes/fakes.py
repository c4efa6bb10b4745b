"""Small fakes that hold state, as the world does.

Address plan: nodes 10.0.0.0/16, NAT instance 10.0.255.10, clients 203.0.113.0/24.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address, IPv4Network
from typing import TYPE_CHECKING, Any, TypeVar

from cachegate.domain.agent import Reply, decode
from cachegate.domain.cache import (
    Cache,
    CacheKind,
    CacheNode,
    Endpoint,
    Evidence,
    NatInstance,
    NodeId,
)
from cachegate.domain.check import Unanswered
from cachegate.domain.enrolment import Existence
from cachegate.domain.group_rules import GroupRule
from cachegate.domain.groups import GuardedCache, SecurityGroup
from cachegate.domain.machine import Card, Machine
from cachegate.domain.policy import Policy
from cachegate.errors import CachegateError, LedgerConflictError
from cachegate.protocols import Adapters, Heartbeat, Listing, Record
from cachegate.settings import SyncSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from cachegate.domain.address import ElasticIp
    from cachegate.domain.group_rules import Wanted
    from cachegate.domain.groups import Interface
    from cachegate.domain.ledger import Ledger
    from cachegate.domain.routes import Peering, RouteTable, Subnet
    from cachegate.happenings import Happening

T = TypeVar("T")

VPC = "vpc-1"
NAT = "i-nat"
STACK = "gate"
TOPIC = "arn:aws:sns:eu-west-1:123456789012:ours"
OWNER = "arn:aws:cloudformation:eu-west-1:123456789012:stack/gate/1"


@dataclass
class FakeInventory:
    caches: dict[str, Cache] = field(default_factory=dict)
    whole: bool = True
    missing: CachegateError | None = None  # why not every cache of the Region is known

    def guarded(self) -> tuple[GuardedCache, ...]:
        """Every cache here is one cluster, or serverless; there are no others."""
        if self.missing is not None:
            raise self.missing
        return tuple(map(_guarded, self.caches.values()))

    def listing(self) -> Listing:
        return Listing(caches=tuple(self.caches.values()), whole=self.whole)


def _guarded(cache: Cache) -> GuardedCache:
    ends = [end for end in (cache.endpoint, *(n.endpoint for n in cache.nodes)) if end]
    return GuardedCache(
        name=cache.name,
        groups=cache.groups,
        ports=frozenset(end.port for end in ends),
        hosts=frozenset(end.host for end in ends),
        vpc_id=cache.vpc_id,
        exposed=True,
    )


@dataclass
class FakeNetwork:
    instances: dict[str, NatInstance] = field(default_factory=dict)
    runs: set[str] = field(default_factory=set)
    vpcs: dict[str, tuple[IPv4Network, ...]] = field(default_factory=dict)

    def nat_instances(self) -> tuple[NatInstance, ...]:
        return tuple(self.instances.values())

    def running(self, instance_ids: Iterable[str]) -> frozenset[str]:
        return frozenset(self.runs) & frozenset(instance_ids)

    def networks(self, vpc_ids: Iterable[str]) -> Mapping[str, tuple[IPv4Network, ...]]:
        return {vpc_id: self.vpcs[vpc_id] for vpc_id in vpc_ids if vpc_id in self.vpcs}

    def evidence(
        self, vpc_ids: Iterable[str], addresses: Iterable[IPv4Address]
    ) -> Mapping[IPv4Address, Evidence]:
        return dict.fromkeys(addresses, Evidence.PRESENT)


@dataclass
class FakeDns:
    addresses: dict[str, IPv4Address] = field(default_factory=dict)

    def resolve(self, names: Iterable[str]) -> Mapping[str, frozenset[IPv4Address]]:
        return {n: frozenset({self.addresses[n]}) for n in names if n in self.addresses}


@dataclass
class FakeLedgers:
    records: dict[str, Record] = field(default_factory=dict)
    heartbeats: dict[str, Heartbeat] = field(default_factory=dict)
    writes: int = 0
    conflicts: int = 0  # how many of the next writes meet another writer

    def vpc_ids(self) -> frozenset[str]:
        return frozenset(self.records)

    def load(self, vpc_id: str) -> Record | None:
        return self.records.get(vpc_id)

    def save(self, ledger: Ledger, replacing: int | None) -> Record:
        former = self.records.get(ledger.vpc_id)
        if self.conflicts or (former.version if former else None) != replacing:
            self.conflicts = max(0, self.conflicts - 1)
            raise LedgerConflictError(ledger.vpc_id)
        self.writes += 1
        record = Record(ledger, (replacing or 0) + 1)
        self.records[ledger.vpc_id] = record
        return record

    def heartbeat(self, vpc_id: str) -> Heartbeat:
        if not 1 <= len(vpc_id.encode()) <= 1024:
            raise ValueError("ValidationException: no such key of an item")
        return self.heartbeats.get(vpc_id, Heartbeat())

    def beat(self, vpc_id: str, heartbeat: Heartbeat, replacing: str | None = None) -> None:
        if replacing is not None and self.heartbeat(vpc_id).token != replacing:
            raise LedgerConflictError(vpc_id)
        self.heartbeats[vpc_id] = heartbeat


@dataclass
class FakeGateways:
    """Agents as they are: each holds one rule set and refuses an older generation."""

    held: dict[str, dict[str, Any]] = field(default_factory=dict)
    failing: dict[str, Reply] = field(default_factory=dict)  # instances that answer only this
    report: dict[str, Any] = field(default_factory=dict)  # what every report says besides
    calls: list[tuple[str, str]] = field(default_factory=list)

    def run(
        self,
        instance_ids: Iterable[str],
        action: str,
        payload: str | None = None,
        start: int | None = None,
    ) -> Mapping[str, Reply]:
        asked = list(instance_ids)
        self.calls += [(instance_id, action) for instance_id in asked]
        return {i: self.failing.get(i) or self._one(i, action, payload, start) for i in asked}

    def _one(self, instance_id: str, action: str, payload: str | None, start: int | None) -> Reply:
        if action == "apply" and payload is not None:
            wanted = decode(payload)
            held = self.held.get(instance_id)
            if held and _refuses(held, wanted):
                refusal = {"error": {"code": "stale_generation", "message": "another is in force"}}
                return Reply(instance_id=instance_id, report=refusal, failure="stale_generation")
            self.held[instance_id] = wanted
        if action == "remove":
            self.held.pop(instance_id, None)
        empty = {"generation": 0, "digest": "", "owner": "", "forwards": []}
        held = self.held.get(instance_id, empty)
        report = {key: held[key] for key in empty}
        if action == "inspect":
            page = [f for f in report["forwards"] if f["listen"] >= (start or 0)]
            report |= {"forwards": page[:2], "next": page[2]["listen"] if page[2:] else None}
        return Reply(instance_id=instance_id, report=report | self.report)


def _refuses(held: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    if held["generation"] == wanted["generation"]:
        return bool(held["digest"] != wanted["digest"])
    return bool(held["generation"] > wanted["generation"])


@dataclass
class FakeRechecks:
    sent: list[tuple[str, str, float]] = field(default_factory=list)
    retried: list[tuple[str, float]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def send(self, vpc_id: str, token: str, delay: float) -> None:
        self.sent.append((vpc_id, token, delay))

    def ask(self, reason: str) -> None:
        self.asked.append(reason)

    def retry(self, receipt: str, delay: float) -> None:
        self.retried.append((receipt, delay))


@dataclass
class FakeBus:
    published: list[Happening] = field(default_factory=list)
    refusals: tuple[str, ...] = ()

    def publish(self, happenings: Iterable[Happening]) -> tuple[str, ...]:
        self.published += happenings
        return self.refusals


@dataclass
class FakeNotifications:
    """Topics that exist, and requests as AWS got them; a test says what AWS makes of them."""

    existence: dict[str, Existence] = field(default_factory=dict)
    refusal: str | None = None
    meanwhile: Callable[[], None] = lambda: None  # what happens when a request arrives
    looks: list[frozenset[str]] = field(default_factory=list)
    asked: list[tuple[CacheKind, str]] = field(default_factory=list)

    def existing(self, topics: Iterable[str]) -> Mapping[str, Existence]:
        self.looks.append(frozenset(topics))
        return {topic: self.existence.get(topic, Existence(Evidence.ABSENT)) for topic in topics}

    def enrol(self, kind: CacheKind, name: str) -> str | None:
        self.meanwhile()
        self.asked.append((kind, name))
        return self.refusal


@dataclass
class FakeAddresses:
    """Elastic IPs; `meanwhile` happens when a move arrives, `deaf` ones do not move."""

    addresses: dict[str, ElasticIp] = field(default_factory=dict)
    moves: list[tuple[str, str]] = field(default_factory=list)
    refusal: CachegateError | None = None
    deaf: bool = False
    meanwhile: Callable[[], None] = lambda: None

    def find(self, allocation_id: str) -> ElasticIp | None:
        return self.addresses.get(allocation_id)

    def associate(
        self, allocation_id: str, instance_id: str, interface_id: str | None = None
    ) -> None:
        self.meanwhile()
        if self.refusal is not None:
            raise self.refusal
        self.moves.append((allocation_id, instance_id))
        if not self.deaf:
            former = self.addresses[allocation_id]
            self.addresses[allocation_id] = replace(
                former, instance_id=instance_id, interface_id=interface_id
            )

    def release(self, allocation_id: str) -> None:
        self.addresses.pop(allocation_id, None)


@dataclass
class FakeGroupRules:
    """Security groups and their rules, as EC2 keeps them: no two of a group with one opening."""

    known: dict[str, SecurityGroup] = field(default_factory=dict)
    held: dict[str, GroupRule] = field(default_factory=dict)
    has: tuple[Interface, ...] = ()
    refused: dict[str, CachegateError] = field(default_factory=dict)  # by group
    touched: list[GroupRule] = field(default_factory=list)  # rules that were removed
    count: int = 0

    def managed(self, stack: str) -> tuple[GroupRule, ...]:
        return tuple(rule for rule in self.held.values() if rule.managed_by(stack))

    def rules(self, group_ids: Iterable[str]) -> tuple[GroupRule, ...]:
        wanted = set(group_ids)
        return tuple(rule for rule in self.held.values() if rule.opening.group_id in wanted)

    def groups(self, group_ids: Iterable[str]) -> Mapping[str, SecurityGroup]:
        return {each: self.known[each] for each in group_ids if each in self.known}

    def interfaces(self, group_ids: Iterable[str]) -> tuple[Interface, ...]:
        wanted = set(group_ids)
        return tuple(each for each in self.has if each.groups & wanted)

    def open(self, wanted: Wanted, tags: Mapping[str, str]) -> bool:
        self._refuse(wanted.opening.group_id)
        if any(rule.opening == wanted.opening for rule in self.held.values()):
            return False
        self.count += 1
        rule = GroupRule(
            rule_id=f"sgr-{self.count}",
            opening=wanted.opening,
            tags=dict(tags),
            description=wanted.why,
        )
        self.held[rule.rule_id] = rule
        return True

    def close(self, rule: GroupRule) -> None:
        self._refuse(rule.opening.group_id)
        if (held := self.held.pop(rule.rule_id, None)) is not None:
            self.touched.append(held)

    def _refuse(self, group_id: str) -> None:
        if group_id in self.refused:
            raise self.refused[group_id]


@dataclass
class FakeSubnets:
    """Subnets with what is in them and where they lead; `asked` counts the looks."""

    known: dict[str, Subnet] = field(default_factory=dict)
    route_tables: dict[str, RouteTable] = field(default_factory=dict)
    connections: dict[str, Peering] = field(default_factory=dict)
    holding: dict[str, tuple[Interface, ...]] = field(default_factory=dict)  # by subnet
    refusal: CachegateError | None = None
    asked: int = 0

    def named(self, subnet_ids: Iterable[str]) -> tuple[Subnet, ...]:
        self._ask()
        return tuple(self.known[each] for each in subnet_ids if each in self.known)

    def of(self, vpc_ids: Iterable[str]) -> tuple[Subnet, ...]:
        self._ask()
        wanted = set(vpc_ids)
        return tuple(each for each in self.known.values() if each.vpc_id in wanted)

    def tables(self, vpc_ids: Iterable[str]) -> tuple[RouteTable, ...]:
        self._ask()
        wanted = set(vpc_ids)
        return tuple(each for each in self.route_tables.values() if each.vpc_id in wanted)

    def interfaces(self, subnet_id: str) -> tuple[Interface, ...]:
        self._ask()
        return self.holding.get(subnet_id, ())

    def peerings(self, vpc_id: str) -> tuple[Peering, ...]:
        self._ask()
        return tuple(each for each in self.connections.values() if vpc_id in each.vpc_ids)

    def _ask(self) -> None:
        self.asked += 1
        if self.refusal is not None:
            raise self.refusal


@dataclass
class FakeMachines:
    """Machines as EC2 shows them: of those that nothing is said of, one interface in one subnet."""

    network: FakeNetwork
    said: dict[str, Machine] = field(default_factory=dict)
    refusal: CachegateError | None = None

    def machines(self, instance_ids: Iterable[str]) -> Mapping[str, Machine]:
        if self.refusal is not None:
            raise self.refusal
        known = [each for each in instance_ids if each in self.network.instances]
        return {each: self.said.get(each) or self._usual(each) for each in known}

    def _usual(self, instance_id: str) -> Machine:
        instance = self.network.instances[instance_id]
        card = Card(
            interface_id=f"eni-{instance_id}",
            index=0,
            subnet_id="subnet-public",
            groups=instance.groups,
            addresses=frozenset({instance.private_address}),
            public_address=instance.public_address,
            elastic=True,
        )
        return Machine(instance_id=instance_id, kind="t4g.nano", cards=(card,))


def ask(question: Callable[[], T]) -> T | Unanswered:
    """Take an error of ours for no answer."""
    try:
        return question()
    except CachegateError as error:
        return Unanswered(str(error))


@dataclass
class FakeWorld:
    """One VPC with one running NAT instance, and what a pass needs of it."""

    inventory: FakeInventory = field(default_factory=FakeInventory)
    network: FakeNetwork = field(default_factory=FakeNetwork)
    dns: FakeDns = field(default_factory=FakeDns)
    ledgers: FakeLedgers = field(default_factory=FakeLedgers)
    gateways: FakeGateways = field(default_factory=FakeGateways)
    rechecks: FakeRechecks = field(default_factory=FakeRechecks)
    bus: FakeBus = field(default_factory=FakeBus)
    notifications: FakeNotifications = field(default_factory=FakeNotifications)
    addresses: FakeAddresses = field(default_factory=FakeAddresses)
    group_rules: FakeGroupRules = field(default_factory=FakeGroupRules)
    subnets: FakeSubnets = field(default_factory=FakeSubnets)
    now: float = 1_000_000.0

    def __post_init__(self) -> None:
        self.machines = FakeMachines(self.network)
        self.add_vpc(VPC, "10.0.0.0/16")
        self.add_instance(NAT, VPC)
        tokens = itertools.count(1)
        self.adapters = Adapters(
            inventory=self.inventory,
            caches=self.inventory,
            network=self.network,
            resolver=lambda _instances: self.dns,
            ledgers=self.ledgers,
            gateways=self.gateways,
            rechecks=self.rechecks,
            bus=self.bus,
            notifications=self.notifications,
            addresses=self.addresses,
            group_rules=self.group_rules,
            subnets=self.subnets,
            machines=self.machines.machines,
            ask=ask,
            clock=lambda: self.now,
            new_token=lambda: f"token-{next(tokens)}",
        )
        self.settings = SyncSettings(
            stack=STACK,
            owner=OWNER,
            table="table",
            document="document",
            queue_url="queue",
            topic=TOPIC,
            policy=Policy(stack=STACK, sources=(IPv4Network("203.0.113.0/24"),)),
            peered={},
        )

    def add_vpc(self, vpc_id: str, network: str) -> None:
        self.network.vpcs[vpc_id] = (IPv4Network(network),)

    def add_instance(
        self, instance_id: str, vpc_id: str, state: str = "running", stack: str = STACK
    ) -> None:
        self.network.instances[instance_id] = NatInstance(
            instance_id=instance_id,
            vpc_id=vpc_id,
            state=state,
            private_address=IPv4Address("10.0.255.10"),
            public_address=IPv4Address("203.0.113.73"),
            stack=stack,
        )
        if state == "running":
            self.network.runs.add(instance_id)

    def manage_groups(self, nat_group: str = "sg-nat") -> None:
        """Have the stack keep security-group rules; the NAT instances get a group of their own."""
        self.settings = replace(self.settings, manage_groups=True)
        self.add_group(nat_group)
        for name, instance in self.network.instances.items():
            self.network.instances[name] = replace(instance, groups=(nat_group,))

    def add_group(self, group_id: str, name: str = "ours", owner: str = "123456789012") -> None:
        self.group_rules.known[group_id] = SecurityGroup(
            group_id=group_id, name=name, vpc_id=VPC, owner=owner
        )

    def give_groups(self, cache: str, *group_ids: str) -> None:
        """Give a cache security groups of this account."""
        for group_id in group_ids:
            self.add_group(group_id)
        known = self.inventory.caches[cache]
        self.inventory.caches[cache] = replace(known, groups=frozenset(group_ids))

    def add_cluster(self, name: str, address: str, vpc_id: str = VPC, port: int = 6379) -> None:
        """Add a standalone cluster of one node."""
        host = f"{name}.cache"
        self.dns.addresses[host] = IPv4Address(address)
        node = CacheNode(id=NodeId(name, "0001"), endpoint=Endpoint(host, port), shard=None)
        self.inventory.caches[name] = Cache(
            name=name,
            kind=CacheKind.CLUSTER,
            engine="redis",
            status="available",
            vpc_id=vpc_id,
            expose="true",
            nodes=(node,),
            tls=True,
            plaintext_accepted=True,
        )

    def move(self, name: str, address: str) -> None:
        """Replace the cluster's node: same name, new address."""
        self.dns.addresses[f"{name}.cache"] = IPv4Address(address)

    def former(self, ledgers: FakeLedgers, owner: str) -> None:
        """Take over from a stack that left its table behind."""
        self.adapters = replace(self.adapters, former_ledgers=ledgers)
        self.settings = replace(self.settings, adopt_owner=owner, adopt_table="old")
