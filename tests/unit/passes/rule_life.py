"""Security groups in use: people at work beside two VPCs' passes, and AWS as it is on a bad day.

What should be open is worked out here from what people asked for, port by port, and shares nothing
with the planner.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address, IPv4Network
from typing import TYPE_CHECKING, Any

from cachegate.admit import admit
from cachegate.detach import detach
from cachegate.domain.cache import Cache, CacheKind, NatInstance, Observation, Vpc
from cachegate.domain.forward import ForwardKind, Target
from cachegate.domain.group_rules import MANAGED_TAG, VPC_TAG, GroupRule, Opening
from cachegate.domain.ledger import Lease, Ledger
from cachegate.errors import LedgerConflictError, RuleRefusedError, TransientError
from tests.unit.passes.fakes import FakeGroupRules, FakeWorld
from tests.unit.planning.rules import opening, short

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from random import Random

    from cachegate.domain.group_rules import Wanted
    from cachegate.domain.groups import Interface, SecurityGroup

STACK = "gate"
# A group of NAT instances for each VPC, and caches: name -> VPC of its NAT instances, its own VPC.
VPCS = {"vpc-1": "sg-nat1", "vpc-2": "sg-nat2"}
CACHES = {
    "a": ("vpc-1", "vpc-1"),
    "b": ("vpc-1", "vpc-1"),
    "far": ("vpc-1", "vpc-9"),
    "c": ("vpc-2", "vpc-2"),
    "d": ("vpc-2", "vpc-9"),
}
CACHE_GROUPS = ("sg-a", "sg-b", "sg-c")
SOURCES = ("203.0.113.0/28", "198.51.100.0/24", "192.0.2.7/32")
QUOTA = 14


class Crashed(BaseException):
    """The function died between two calls."""


@dataclass
class Ec2(FakeGroupRules):
    """Security groups that fail on request; like the role, it closes no rule without our tag."""

    random: Random | None = None
    trouble: float = 0.0  # how likely each call is to go wrong
    meanwhile: list[Any] = field(default_factory=list)  # what happens at the next calls
    violations: list[str] = field(default_factory=list)
    writes: int = 0

    def _call(self) -> bool:
        """Let this call fail; return whether it is answered."""
        if self.random is None or self.random.random() >= self.trouble:
            return True
        kind = self.random.choice(["silent", "deaf", "crash", "refused"])
        if kind == "crash":
            raise Crashed
        if kind == "silent":
            raise TransientError("EC2 did not answer")
        if kind == "refused":
            raise RuleRefusedError("denied for now")
        return False

    def managed(self, stack: str) -> tuple[GroupRule, ...]:
        self._look()
        return super().managed(stack)

    def rules(self, group_ids: Any) -> tuple[GroupRule, ...]:
        self._look()
        return super().rules(group_ids)

    def groups(self, group_ids: Any) -> Mapping[str, SecurityGroup]:
        self._look()
        return super().groups(group_ids)

    def interfaces(self, group_ids: Any) -> tuple[Interface, ...]:
        self._look()
        return super().interfaces(group_ids)

    def _other(self) -> None:
        """Let other things happen before this call: never before a removal, which no tag stops."""
        if self.meanwhile:
            self.meanwhile.pop()()

    def _look(self) -> None:
        self._other()
        try:
            self._call()
        except RuleRefusedError as error:  # a look is not refused, it is throttled
            raise TransientError(str(error)) from error

    def open(self, wanted: Wanted, tags: Mapping[str, str]) -> bool:
        self._other()
        answered = self._call()
        self.writes += 1
        place = wanted.opening.group_id, wanted.opening.direction
        held = [
            each
            for each in self.held.values()
            if (each.opening.group_id, each.opening.direction) == place
        ]
        if len(held) >= QUOTA and wanted.opening not in {each.opening for each in held}:
            raise RuleRefusedError("RulesPerSecurityGroupLimitExceeded")
        done = super().open(wanted, tags)
        if not answered:
            raise TransientError("EC2 did it, and did not answer")
        return done

    def close(self, rule: GroupRule) -> None:
        answered = self._call()
        self.writes += 1
        now = self.held.get(rule.rule_id)
        if now is not None and now.tags.get(MANAGED_TAG) != STACK:
            self.violations.append(f"{rule.rule_id} is not ours: {short(now.opening)}")
        super().close(rule)
        if not answered:
            raise TransientError("EC2 did it, and did not answer")


class Life:
    """Two VPCs of one stack, their caches and groups, people, and time."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.world = FakeWorld()
        self.ec2 = Ec2(random=random)
        self.world.group_rules = self.ec2
        self.world.adapters = replace(self.world.adapters, group_rules=self.ec2)
        self.world.manage_groups("sg-nat1")
        policy = replace(self.world.settings.policy, rules_per_group=QUOTA)
        self.world.settings = replace(self.world.settings, policy=policy)
        self.world.network.instances.clear()
        self.world.add_vpc("vpc-2", "10.1.0.0/16")
        for group_id in ("sg-nat2", *CACHE_GROUPS):
            self.world.add_group(group_id)
        self.sources = {SOURCES[0]}
        self.groups: dict[str, set[str]] = {}  # of exposed caches
        self.nodes: dict[str, dict[int, str]] = {}  # of exposed caches: listen -> address:port
        self.resting: dict[str, set[int]] = {vpc_id: set() for vpc_id in VPCS}
        self.count = 0
        for vpc_id in VPCS:
            self.world.ledgers.save(Ledger(vpc_id=vpc_id), None)
            self.new_instance(vpc_id)

    # -- what people and AWS do ------------------------------------------------------------------

    def new_instance(self, vpc_id: str) -> None:
        self.count += 1
        name = f"i-{self.count}"
        self.world.network.instances[name] = NatInstance(
            instance_id=name,
            vpc_id=vpc_id,
            state="running",
            private_address=IPv4Address("10.0.255.0") + self.count,
            public_address=None,
            stack=STACK,
            groups=(VPCS[vpc_id],),
        )
        self.world.network.runs.add(name)

    def end_instance(self) -> None:
        names = sorted(self.world.network.instances)
        if names:
            gone = self.random.choice(names)
            del self.world.network.instances[gone]
            self.world.network.runs.discard(gone)

    def expose(self) -> None:
        name = self.random.choice(sorted(CACHES))
        self.groups[name] = set(self.random.sample(CACHE_GROUPS, self.random.randint(1, 2)))
        vpc_id = CACHES[name][0]
        used = {n for c, nodes in self.nodes.items() if CACHES[c][0] == vpc_id for n in nodes}
        free = sorted(set(range(6379, 6389)) - used - self.resting[vpc_id])
        listens = free[: self.random.randint(1, 3)]
        known = self.nodes.setdefault(name, {})
        known |= {listen: self._node() for listen in listens}
        self.record(vpc_id)

    def _node(self) -> str:
        return f"10.0.1.{self.random.randint(1, 9)}:{self.random.choice([6379, 6380])}"

    def hide(self) -> None:
        if self.nodes:
            name = self.random.choice(sorted(self.nodes))
            self.resting[CACHES[name][0]] |= set(self.nodes.pop(name))
            self.groups.pop(name)
            self.record(CACHES[name][0])

    def replace_node(self) -> None:
        if self.nodes:
            name = self.random.choice(sorted(self.nodes))
            for listen in self.nodes[name]:
                self.nodes[name][listen] = self._node()
            self.record(CACHES[name][0])

    def free_port(self) -> None:
        vpc_id = self.random.choice(sorted(VPCS))
        if self.resting[vpc_id]:
            self.resting[vpc_id].discard(self.random.choice(sorted(self.resting[vpc_id])))
            self.record(vpc_id)

    def change_sources(self) -> None:
        self.sources = set(self.random.sample(SOURCES, self.random.randint(0, 2)))
        for vpc_id in VPCS:
            self.record(vpc_id)

    def record(self, vpc_id: str) -> None:
        """Write what the planner would: the leases and sources of a VPC."""
        record = self.world.ledgers.records[vpc_id]
        leases: dict[str, Lease] = {}
        for name, nodes in self.nodes.items():
            if CACHES[name][0] == vpc_id:
                leases |= {f"{name}/{n}": _lease(name, n, to) for n, to in nodes.items()}
        leases |= {f"gone/{n}": _lease("gone", n, None) for n in self.resting[vpc_id]}
        sources = tuple(sorted(map(IPv4Network, self.sources)))
        ledger = replace(record.ledger, leases=leases, sources=sources)
        self.world.ledgers.save(ledger, record.version)

    def add_by_hand(self) -> None:
        wanted = sorted(self.expected())
        text = self.random.choice([*wanted[:3], self._any_opening()])
        if text not in {short(each.opening) for each in self.ec2.held.values()}:
            self.count += 1
            rule = GroupRule(rule_id=f"sgr-p{self.count}", opening=opening(text))
            self.ec2.held[rule.rule_id] = rule

    def _any_opening(self) -> str:
        group_id = self.random.choice([*CACHE_GROUPS, *VPCS.values()])
        first = self.random.randint(6379, 6390)
        peer = self.random.choice([*SOURCES, "0.0.0.0/0", "sg-nat1", "10.0.1.5/32"])
        way = self.random.choice(["in", "out"])
        return f"{group_id} {way} {first}-{first + self.random.randint(0, 3)} {peer}"

    def fill(self) -> None:
        group_id = self.random.choice([*CACHE_GROUPS, *VPCS.values()])
        for number in range(self.random.randint(5, QUOTA)):
            rule_id = f"sgr-fill-{group_id}-{number}"
            text = f"{group_id} in {number + 1} 192.0.2.128/25"
            self.ec2.held[rule_id] = GroupRule(rule_id=rule_id, opening=opening(text))

    def edit(self) -> None:
        if rule := self._some():
            others = {each.opening for each in self.ec2.held.values()}
            group_id = rule.opening.group_id
            text = f"{group_id} {' '.join(self._any_opening().split()[1:])}"
            new = replace(opening(text), direction=rule.opening.direction)
            if new not in others:
                self.ec2.held[rule.rule_id] = replace(rule, opening=new)

    def delete(self) -> None:
        if rule := self._some():
            del self.ec2.held[rule.rule_id]

    def untag(self) -> None:
        if rule := self._some():
            self.ec2.held[rule.rule_id] = replace(rule, tags={})

    def tag(self) -> None:
        if rule := self._some():
            vpc_id = self.random.choice(sorted(VPCS))
            tags = {MANAGED_TAG: STACK, VPC_TAG: vpc_id}
            self.ec2.held[rule.rule_id] = replace(rule, tags=tags)

    def _some(self) -> GroupRule | None:
        ids = sorted(self.ec2.held)
        return self.ec2.held[self.random.choice(ids)] if ids else None

    # -- passes ----------------------------------------------------------------------------------

    def bad_pass(self) -> None:
        """Run a pass on a day when anything may go wrong, or a younger one comes between."""
        self.ec2.trouble = 0.15
        if self.random.random() < 0.4:
            other = self.random.choice([self.younger, self.untag, self.tag, self.edit])
            self.ec2.meanwhile = [other, *[_nothing] * self.random.randint(0, 6)]
        self.one_pass(self.random.choice(sorted(VPCS)))
        self.ec2.trouble, self.ec2.meanwhile = 0.0, []

    def younger(self) -> None:
        trouble, self.ec2.trouble = self.ec2.trouble, 0.0
        self.ec2.meanwhile = []
        self.random.choice([self.expose, self.hide, self.change_sources])()
        self.one_pass(self.random.choice(sorted(VPCS)))
        self.ec2.trouble = trouble

    def one_pass(self, vpc_id: str, *, blind: bool | None = None) -> None:
        self.world.now += self.random.choice([1.0, 30.0, 61.0, 300.0])
        record = self.world.ledgers.records[vpc_id]
        instances = tuple(
            each for each in self.world.network.instances.values() if each.vpc_id == vpc_id
        )
        hidden = self.random.random() < 0.2 if blind is None else blind
        seen = Observation(
            at=self.world.now,
            vpc=Vpc(vpc_id=vpc_id, networks=()),
            caches=() if hidden else tuple(self._shown(vpc_id)),
            addresses={},
        )
        try:
            admit(self.world.adapters, self.world.settings, record, instances, seen)
        except (LedgerConflictError, Crashed):
            return

    def _shown(self, vpc_id: str) -> Iterator[Cache]:
        for name, groups in self.groups.items():
            if CACHES[name][0] == vpc_id:
                yield Cache(
                    name=name,
                    kind=CacheKind.CLUSTER,
                    engine="redis",
                    status="available",
                    vpc_id=CACHES[name][1],
                    expose="true",
                    groups=frozenset(groups),
                )

    def quiet_times(self) -> None:
        """Let all be well for some passes: each VPC has an instance, and groups have room."""
        for vpc_id in VPCS:
            if not any(i.vpc_id == vpc_id for i in self.world.network.instances.values()):
                self.new_instance(vpc_id)
        theirs = [e.rule_id for e in self.ec2.held.values() if not e.tags]
        for rule_id in theirs:
            if rule_id.startswith("sgr-fill"):
                del self.ec2.held[rule_id]
        for _ in range(4):
            for vpc_id in sorted(VPCS):
                self.world.now += 61
                self.one_pass(vpc_id, blind=False)

    def detach(self) -> None:
        detach(self.world.adapters, self.world.settings)

    # -- what should be --------------------------------------------------------------------------

    def expected(self) -> set[str]:
        """Return the openings that are needed, worked out from what people asked for."""
        found = set()
        for vpc_id, nat_group in VPCS.items():
            found |= self._of_clients(vpc_id, nat_group)
            found.add(f"{nat_group} out 443 0.0.0.0/0")
        for name, nodes in self.nodes.items():
            nat_vpc, own_vpc = CACHES[name]
            nat_group = VPCS[nat_vpc]
            hosts = [
                f"{each.private_address}/32"
                for each in self.world.network.instances.values()
                if each.vpc_id == nat_vpc
            ]
            for node in nodes.values():
                address, port = node.split(":")
                for group_id in self.groups[name]:
                    if own_vpc == nat_vpc:
                        found.add(f"{group_id} in {port} {nat_group}")
                        found.add(f"{nat_group} out {port} {group_id}")
                    else:
                        found |= {f"{group_id} in {port} {host}" for host in hosts}
                        found.add(f"{nat_group} out {port} {address}/32")
        return found

    def _of_clients(self, vpc_id: str, nat_group: str) -> set[str]:
        ports = set(self.resting[vpc_id])
        for name, nodes in self.nodes.items():
            if CACHES[name][0] == vpc_id:
                ports |= set(nodes)
        found = set()
        for port in ports:
            if port - 1 in ports:
                continue
            last = port
            while last + 1 in ports:
                last += 1
            run = str(port) if port == last else f"{port}-{last}"
            found |= {f"{nat_group} in {run} {source}" for source in self.sources}
        return found

    @property
    def ours(self) -> dict[str, Opening]:
        return {
            rule.rule_id: rule.opening
            for rule in self.ec2.held.values()
            if rule.tags.get(MANAGED_TAG) == STACK
        }

    @property
    def too_many(self) -> bool:
        """Tell whether what is needed, or there by hand, does not fit into some group."""
        texts = {short(each.opening) for each in self.ec2.held.values()} | self.expected()
        sizes: dict[tuple[str, ...], int] = {}
        for text in texts:
            place = tuple(text.split()[:2])
            sizes[place] = sizes.get(place, 0) + 1
        return any(size > QUOTA for size in sizes.values())


def _nothing() -> None:
    """Let a call pass before something happens."""


def _lease(cache: str, listen: int, to: str | None) -> Lease:
    targets: tuple[Target, ...] = ()
    if to is not None:
        address, port = to.split(":")
        targets = (Target(IPv4Address(address), int(port)),)
    return Lease(
        key=f"{cache}/{listen}",
        cache=cache,
        kind=ForwardKind.NODE,
        listen=listen,
        targets=targets,
        leased_at=0.0,
        changed_at=0.0,
        reason="",
        resting_since=None if to else 1.0,
    )
