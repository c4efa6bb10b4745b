"""The world of the guard in memory: it holds state, and each call can fail, lag, crash or lie.

Address plan: caches and instances 10.0.0.0/16, NAT instance 10.0.255.10, an office 203.0.113.7.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address, IPv4Network
from typing import TYPE_CHECKING, Any, TypeVar

from cachegate.domain.cache import NatInstance
from cachegate.domain.groups import GuardedCache, Interface, SecurityGroup
from cachegate.domain.guard_policy import GuardPolicy
from cachegate.domain.ingress import (
    GroupReference,
    IngressRule,
    Opened,
    PrefixList,
    ipv4_network,
    ipv6_network,
)
from cachegate.domain.revocation import Revocation, RevocationState
from cachegate.domain.traffic import Traffic
from cachegate.errors import RuleRefusedError
from cachegate.guard.protocols import Book, GuardAdapters, Sweep, Trail
from cachegate.guard.settings import GuardSettings, Mode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from cachegate.domain.ingress import Permission, Source
    from cachegate.happenings import Happening

T = TypeVar("T")

VPC, STACK, ACCOUNT, GROUP, NAT = "vpc-1", "gate", "123456789012", "sg-cache", "i-nat"
WRITES = frozenset({"groups.revoke", "groups.open", "groups.tag"})


class Crash(Exception):  # noqa: N818  # it is no error of ours, as a throttled call or a timeout
    """The function ends here."""


@dataclass
class Wire:
    """What lies between the guard and its world: every call is told here before and after."""

    calls: list[tuple[str, tuple[Any, ...]]] = field(default_factory=list)
    before: Callable[[int, str, tuple[Any, ...]], None] = lambda *_: None
    after: Callable[[int, str, tuple[Any, ...]], None] = lambda *_: None
    lies: set[str] = field(default_factory=set)  # calls that answer success and do nothing

    def call(self, name: str, run: Callable[[], T], *args: Any) -> T:
        number = len(self.calls)
        self.calls.append((name, args))
        self.before(number, name, args)
        result = run()
        self.after(number, name, args)
        return result

    def names(self) -> list[str]:
        return [name for name, _ in self.calls]

    def calm(self) -> None:
        self.before = self.after = lambda *_: None
        self.lies.clear()

    def fail(self, wanted: str, error: Exception, *, after: bool = False, times: int = 1) -> None:
        """Let the next calls of a name raise, before or after they had their effect."""
        left = [times]

        def trouble(_number: int, name: str, _args: tuple[Any, ...]) -> None:
            if name == wanted and left[0]:
                left[0] -= 1
                raise error

        if after:
            self.after = trouble
        else:
            self.before = trouble

    def crash(self, at: int, when: str) -> None:
        """End the function "before" or "after" one call, counted from now."""
        stop = at + len(self.calls)

        def trouble(number: int, name: str, args: tuple[Any, ...]) -> None:
            if number == stop:
                raise Crash(f"{when} {name}{args}")

        if when == "after":
            self.after = trouble
        else:
            self.before = trouble


@dataclass
class Ec2:
    """Security groups as EC2 keeps them, apart from what it shows at a moment."""

    wire: Wire
    clock: Callable[[], float]
    known: dict[str, SecurityGroup] = field(default_factory=dict)
    held: dict[str, IngressRule] = field(default_factory=dict)
    lists: dict[str, PrefixList] = field(default_factory=dict)
    having: dict[str, Interface] = field(default_factory=dict)
    quota: int = 60
    lag: float = 0.0  # seconds for which EC2 goes on showing what was, from each change on
    opened: list[IngressRule] = field(default_factory=list)  # by the guard
    removed: list[IngressRule] = field(default_factory=list)  # by the guard
    _last: int = 0
    _former: dict[str, tuple[float, IngressRule | None]] = field(default_factory=dict)

    # What the guard may ask.

    def groups(self, group_ids: Iterable[str]) -> Mapping[str, SecurityGroup]:
        ids = tuple(group_ids)
        return self.wire.call(
            "groups.groups", lambda: {i: self.known[i] for i in ids if i in self.known}, ids
        )

    def rules(self, group_ids: Iterable[str]) -> tuple[IngressRule, ...]:
        ids = tuple(group_ids)
        return self.wire.call(
            "groups.rules",
            lambda: tuple(each for each in self.shown().values() if each.group_id in ids),
            ids,
        )

    def prefix_lists(self, list_ids: Iterable[str]) -> Mapping[str, PrefixList]:
        ids = tuple(list_ids)
        return self.wire.call(
            "groups.prefix_lists", lambda: {i: self.lists[i] for i in ids if i in self.lists}, ids
        )

    def interfaces(self, group_ids: Iterable[str]) -> tuple[Interface, ...]:
        ids = frozenset(group_ids)
        return self.wire.call(
            "groups.interfaces",
            lambda: tuple(each for each in self.having.values() if each.groups & ids),
            ids,
        )

    def present(self, rule_ids: Iterable[str]) -> frozenset[str]:
        ids = frozenset(rule_ids)
        if not all(each.startswith("sgr-") for each in ids):
            raise ValueError(f"InvalidSecurityGroupRuleId.Malformed: {ids}")
        return self.wire.call("groups.present", lambda: ids & self.shown().keys(), ids)

    def revoke(self, group_id: str, rule_id: str) -> None:
        def run() -> None:
            if "groups.revoke" in self.wire.lies:
                return
            rule = self.held.get(rule_id)
            if rule is not None and rule.group_id == group_id:
                self.take(rule_id)
                self.removed.append(rule)

        self.wire.call("groups.revoke", run, group_id, rule_id)

    def open(self, group_id: str, permission: Permission) -> Opened:
        return self.wire.call(
            "groups.open", lambda: self._open(group_id, permission), group_id, permission
        )

    def tag(self, rule_id: str, key: str, value: str) -> None:
        def run() -> None:
            if rule_id not in self.held:
                raise RuleRefusedError(f"{rule_id} does not get the tag {key}: it is gone")
            if "groups.tag" not in self.wire.lies:
                rule = self.held[rule_id]
                self.put(replace(rule, tags={**rule.tags, key: value}))

        self.wire.call("groups.tag", run, rule_id, key, value)

    # What people and AWS do, without asking the guard.

    def put(self, rule: IngressRule) -> IngressRule:
        self._remember(rule.rule_id)
        self.held[rule.rule_id] = rule
        return rule

    def take(self, rule_id: str) -> IngressRule:
        self._remember(rule_id)
        return self.held.pop(rule_id)

    def new_id(self) -> str:
        self._last += 1
        return f"sgr-{self._last:03}"

    def same(self, rule: IngressRule) -> IngressRule | None:
        return next((each for each in self.held.values() if key(each) == key(rule)), None)

    def shown(self) -> dict[str, IngressRule]:
        shown = dict(self.held)
        for rule_id, (until, former) in self._former.items():
            if self.clock() < until:
                shown.pop(rule_id, None)
                if former is not None:
                    shown[rule_id] = former
        return shown

    def settle(self) -> None:
        """Let EC2 show everything as it is."""
        self._former.clear()

    def _remember(self, rule_id: str) -> None:
        if self.lag:
            self._former[rule_id] = (self.clock() + self.lag, self.shown().get(rule_id))

    def _open(self, group_id: str, permission: Permission) -> Opened:
        if group_id not in self.known:
            raise RuleRefusedError(f"{group_id} is gone")
        source = permission.source
        if isinstance(source, PrefixList):
            source = PrefixList(list_id=source.list_id)  # a request names it, no more
        rule = IngressRule(
            rule_id=self.new_id(),
            group_id=group_id,
            traffic=permission.traffic,
            source=source,
            description=permission.description,
            tags={k: v for k, v in permission.tags.items() if not k.startswith("aws:")},
        )
        if self.same(rule) is not None:
            return Opened(rule_id=None, existed=True)
        if sum(each.group_id == group_id for each in self.held.values()) >= self.quota:
            raise RuleRefusedError(f"{group_id} is full")
        if "groups.open" not in self.wire.lies:
            self.opened.append(self.put(rule))
        return Opened(rule_id=rule.rule_id)


@dataclass
class Store:
    """The table, with its conditional writes."""

    wire: Wire
    revocations: dict[str, Revocation] = field(default_factory=dict)
    findings: dict[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)
    sweep: Sweep | None = None

    def load(self) -> Book:
        return self.wire.call(
            "records.load",
            lambda: Book(
                revocations=tuple(self.revocations.values()),
                findings=dict(self.findings),
                sweep=self.sweep,
            ),
        )

    def record(self, revocation: Revocation) -> None:
        def run() -> None:
            kept = self.revocations.get(revocation.rule.rule_id)
            if kept is None or kept.state is RevocationState.PENDING:
                self.revocations[revocation.rule.rule_id] = revocation

        self.wire.call("records.record", run, revocation)

    def settle(self, revocation: Revocation) -> None:
        def run() -> None:
            kept = self.revocations.get(revocation.rule.rule_id)
            restored = kept is not None and kept.state is RevocationState.RESTORED
            if not (restored and revocation.state is RevocationState.REVOKED):
                self.revocations[revocation.rule.rule_id] = revocation

        self.wire.call("records.settle", run, revocation)

    def keep_findings(self, group_id: str, findings: Sequence[Mapping[str, Any]]) -> None:
        def run() -> None:
            if findings:
                self.findings[group_id] = findings
            else:
                self.findings.pop(group_id, None)

        self.wire.call("records.keep_findings", run, group_id, findings)

    def keep_sweep(self, sweep: Sweep) -> None:
        def run() -> None:
            self.sweep = sweep

        self.wire.call("records.keep_sweep", run, sweep)


@dataclass
class Rest:
    """All that the guard only asks or tells: caches, NAT instances, DNS, trails, mail, bus."""

    wire: Wire
    caches: dict[str, GuardedCache] = field(default_factory=dict)
    instances: list[NatInstance] = field(default_factory=list)
    names: dict[str, IPv4Address] = field(default_factory=dict)
    trail: Trail = Trail.LOGS
    mails: list[tuple[str, str]] = field(default_factory=list)
    events: list[Happening] = field(default_factory=list)
    retries: list[tuple[str, float]] = field(default_factory=list)

    def guarded(self) -> tuple[GuardedCache, ...]:
        return self.wire.call("caches.guarded", lambda: tuple(self.caches.values()))

    def nat_instances(self) -> tuple[NatInstance, ...]:
        return self.wire.call("network.nat_instances", lambda: tuple(self.instances))

    def resolve(self, names: Iterable[str]) -> Mapping[str, frozenset[IPv4Address]]:
        asked = tuple(names)
        return self.wire.call(
            "resolver.resolve",
            lambda: {each: frozenset({self.names[each]}) for each in asked if each in self.names},
            asked,
        )

    def state(self) -> Trail:
        return self.wire.call("trails.state", lambda: self.trail)

    def send(self, subject: str, text: str) -> str | None:
        self.wire.call("alerts.send", lambda: self.mails.append((subject, text)), subject)
        return None

    def publish(self, happenings: Iterable[Happening]) -> tuple[str, ...]:
        told = tuple(happenings)
        self.wire.call("bus.publish", lambda: self.events.extend(told), told)
        return ()

    def retry(self, receipt: str, delay: float) -> None:
        self.wire.call("queue.retry", lambda: self.retries.append((receipt, delay)), receipt)


class World:
    """One cache on one group that an instance with a public address has too."""

    def __init__(self, **policy: Any) -> None:
        self.now = 1_800_000_000.0
        self.wire = Wire()
        self.ec2 = Ec2(self.wire, lambda: self.now)
        self.store = Store(self.wire)
        self.rest = Rest(self.wire)
        self.settings = GuardSettings(
            stack=STACK,
            table="guard-table",
            queue_url="https://sqs/queue",
            alert_topic="arn:topic",
            role="arn:role",
            policy=GuardPolicy(stack=STACK, account=ACCOUNT, **policy),
            mode=Mode.ENFORCE,
            may_restore=True,
        )
        self.add_group(GROUP)
        self.add_cache("cart", GROUP)
        self.add_instance("i-web", GROUP, public="198.51.100.9")

    @property
    def adapters(self) -> GuardAdapters:
        return GuardAdapters(
            caches=self.rest,
            groups=self.ec2,
            network=self.rest,
            resolver=self.rest,
            records=self.store,
            trails=self.rest,
            alerts=self.rest,
            bus=self.rest,
            queue=self.rest,
            clock=lambda: self.now,
            sleep=self.wait,
        )

    def wait(self, seconds: float) -> None:
        self.now += seconds

    def set(self, **changes: Any) -> None:
        self.settings = replace(self.settings, **changes)

    def set_policy(self, **changes: Any) -> None:
        self.set(policy=replace(self.settings.policy, **changes))

    def add_group(self, group_id: str, name: str = "", owner: str = ACCOUNT) -> None:
        self.ec2.known[group_id] = SecurityGroup(
            group_id=group_id, name=name or f"{group_id} name", vpc_id=VPC, owner=owner
        )

    def add_cache(
        self, name: str, *groups: str, ports: Iterable[int] = (6379,), exposed: bool = False
    ) -> GuardedCache:
        address = IPv4Address(f"10.0.1.{len(self.rest.caches) + 1}")
        host = f"{name}.cache.example"
        cache = GuardedCache(
            name=name,
            groups=frozenset(groups),
            ports=frozenset(ports),
            hosts=frozenset({host}),
            vpc_id=VPC,
            exposed=exposed,
        )
        self.rest.caches[name] = cache
        self.rest.names[host] = address
        self.add_interface(f"eni-{name}", *groups, address=str(address))
        return cache

    def add_instance(
        self, instance_id: str, *groups: str, public: str | None = None, address: str = ""
    ) -> Interface:
        return self.add_interface(
            f"eni-{instance_id}",
            *groups,
            address=address or f"10.0.2.{len(self.ec2.having) + 1}",
            public_addresses=frozenset({IPv4Address(public)}) if public else frozenset(),
            attached_to=instance_id,
        )

    def add_interface(
        self, interface_id: str, *groups: str, address: str, **details: Any
    ) -> Interface:
        interface = Interface(
            interface_id=interface_id,
            groups=frozenset(groups),
            addresses=frozenset({IPv4Address(address)}),
            **details,
        )
        self.ec2.having[interface_id] = interface
        return interface

    def add_nat(self, instance_id: str = NAT, address: str = "10.0.255.10") -> NatInstance:
        instance = NatInstance(
            instance_id=instance_id,
            vpc_id=VPC,
            state="running",
            private_address=IPv4Address(address),
            public_address=IPv4Address("192.0.2.1"),
            stack=STACK,
            groups=("sg-nat",),
        )
        self.rest.instances.append(instance)
        return instance

    def add_rule(
        self, traffic: str, source: str, group: str = GROUP, description: str = "", **tags: str
    ) -> IngressRule:
        """Add a rule as a person does: "tcp 6379", "203.0.113.7/32"."""
        return self.ec2.put(
            IngressRule(
                rule_id=self.ec2.new_id(),
                group_id=group,
                traffic=read_traffic(traffic),
                source=read_source(source),
                description=description,
                tags=tags,
            )
        )

    def add_list(self, list_id: str, *entries: str, aws_name: str | None = None) -> None:
        networks = tuple(IPv4Network(entry) for entry in entries)
        self.ec2.lists[list_id] = PrefixList(list_id=list_id, entries=networks, aws_name=aws_name)


def read_traffic(text: str) -> Traffic:
    protocol, *rest = text.split()
    first, _, last = rest[0].partition("-") if rest else ("", "", "")
    return Traffic.of(protocol, *((int(first), int(last or first)) if first else (None, None)))


def read_source(text: str) -> Source:
    if text.startswith("sg-"):
        return GroupReference(text)
    if text.startswith("pl-"):
        return PrefixList(list_id=text)
    return ipv6_network(text) if ":" in text else ipv4_network(text)


def key(rule: IngressRule) -> tuple[object, ...]:
    """What EC2 takes for the same rule."""
    return rule.group_id, rule.traffic, str(rule.source)
