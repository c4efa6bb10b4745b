"""Both functions on the same security groups: their passes by turns, and what each one changed."""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address, IPv4Network, collapse_addresses
from typing import TYPE_CHECKING, Any, TypeVar

from cachegate.domain.group_rules import MANAGED_TAG, VPC_TAG, Direction, GroupRule, Opening
from cachegate.domain.ingress import IngressRule
from cachegate.errors import RuleRefusedError
from cachegate.guard.revoke import Asked
from cachegate.guard.sweep import sweep
from cachegate.sync import sync
from tests.unit.guard.fakes import STACK, VPC, World, key
from tests.unit.passes.fakes import FakeWorld

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from cachegate.domain.group_rules import Wanted
    from cachegate.domain.groups import Interface, SecurityGroup
    from cachegate.guard.protocols import GuardAdapters
    from tests.unit.guard.fakes import Ec2

T = TypeVar("T", bound="Turns")
OURS = {MANAGED_TAG: STACK, VPC_TAG: VPC}
GROUPS = ["sg-cache", "sg-both", "sg-nat", "sg-default"]
TRAFFIC = ["tcp 6379", "tcp 6379", "tcp 6000-7000", "tcp 0-65535", "-1", "tcp 22", "tcp 6380"]
NETWORKS = ["12.0.0.0/8", "12.0.0.0/9", "12.128.0.0/9", "203.0.113.0/24", "203.0.113.7/32"]
SOURCES = [*NETWORKS, "0.0.0.0/0", "10.0.0.0/8", "10.0.255.10/32", "sg-nat", "sg-both", "sg-cache"]


@dataclass
class SharedRules:
    """The groups of the guard's world as sync_forwards meets them; egress is kept apart."""

    ec2: Ec2
    egress: dict[str, GroupRule] = field(default_factory=dict)
    opened: list[str] = field(default_factory=list)  # ids of rules that sync_forwards added
    removed: list[IngressRule] = field(default_factory=list)

    def managed(self, stack: str) -> tuple[GroupRule, ...]:
        return tuple(each for each in self._all() if each.managed_by(stack))

    def rules(self, group_ids: Iterable[str]) -> tuple[GroupRule, ...]:
        ids = set(group_ids)
        return tuple(each for each in self._all() if each.opening.group_id in ids)

    def groups(self, group_ids: Iterable[str]) -> Mapping[str, SecurityGroup]:
        return self.ec2.groups(group_ids)

    def interfaces(self, group_ids: Iterable[str]) -> tuple[Interface, ...]:
        return self.ec2.interfaces(group_ids)

    def open(self, wanted: Wanted, tags: Mapping[str, str]) -> bool:
        opening = wanted.opening
        if any(each.opening.key == opening.key for each in self._all()):
            return False
        rule_id = self.ec2.new_id()
        if opening.direction is Direction.EGRESS:
            self.egress[rule_id] = GroupRule(rule_id=rule_id, opening=opening, tags=dict(tags))
            return True
        held = [each for each in self.ec2.held.values() if each.group_id == opening.group_id]
        if len(held) >= self.ec2.quota:
            raise RuleRefusedError(f"{opening.group_id} is full")
        self.ec2.put(
            IngressRule(
                rule_id=rule_id,
                group_id=opening.group_id,
                traffic=opening.traffic,
                source=opening.peer,
                description=wanted.why,
                tags=dict(tags),
            )
        )
        self.opened.append(rule_id)
        return True

    def close(self, rule: GroupRule) -> None:
        if self.egress.pop(rule.rule_id, None) is None and rule.rule_id in self.ec2.held:
            self.removed.append(self.ec2.take(rule.rule_id))

    def _all(self) -> list[GroupRule]:
        held = [
            GroupRule(
                rule_id=each.rule_id,
                opening=Opening(
                    group_id=each.group_id or "",
                    direction=Direction.INGRESS,
                    traffic=each.traffic,
                    peer=each.source,
                ),
                tags=each.tags,
            )
            for each in self.ec2.held.values()
        ]
        return [*held, *self.egress.values()]


class Turns:
    """One stack with its two functions."""

    def __init__(self, trusted: Iterable[str], ssh: Iterable[str] = (), **policy: Any) -> None:
        sources, ssh_sources = (tuple(map(IPv4Network, each)) for each in (trusted, ssh))
        self.guard = World(trusted=sources, trusted_ssh=ssh_sources, **policy)
        self.forwards = FakeWorld()
        self.rules = SharedRules(self.guard.ec2)
        self.forwards.adapters = replace(self.forwards.adapters, group_rules=self.rules)
        settings = self.forwards.settings
        self.forwards.settings = replace(
            settings,
            policy=replace(settings.policy, sources=sources),
            manage_groups=True,
            ssh_sources=ssh_sources,
        )
        for former in (self.guard.ec2.having, self.guard.rest.caches, self.guard.ec2.known):
            former.clear()
        self.forwards.network.instances.clear()
        self.forwards.network.runs.clear()

    def add_group(self, group_id: str) -> None:
        self.guard.add_group(group_id, name="default" if group_id == "sg-default" else "")

    def add_nat(self, instance_id: str, *groups: str) -> None:
        address = f"10.0.255.{10 + len(self.forwards.network.instances)}"
        self.forwards.add_instance(instance_id, VPC)
        instance = replace(
            self.forwards.network.instances[instance_id],
            private_address=IPv4Address(address),
            groups=groups,
        )
        self.forwards.network.instances[instance_id] = instance
        self.guard.rest.instances = list(self.forwards.network.instances.values())
        self.guard.add_instance(instance_id, *groups, public="192.0.2.1", address=address)

    def add_cache(self, name: str, *groups: str) -> None:
        self.guard.add_cache(name, *groups, exposed=True)
        address = self.guard.rest.names[f"{name}.cache.example"]
        self.forwards.add_cluster(name, str(address))
        caches = self.forwards.inventory.caches
        caches[name] = replace(caches[name], groups=frozenset(groups))

    def add_server(self, group_id: str) -> None:
        """Let something that is no cache have a group too."""
        self.guard.add_instance("i-web", group_id, public="198.51.100.9")

    def add_rule(self, traffic: str, source: str, group_id: str, tags: Mapping[str, str]) -> None:
        """Add a rule as a person does; EC2 has each once."""
        rule = self.guard.add_rule(traffic, source, group_id, "", **tags)
        if sum(key(each) == key(rule) for each in self.guard.ec2.held.values()) > 1:
            self.guard.ec2.take(rule.rule_id)

    @property
    def guard_adapters(self) -> GuardAdapters:
        return self.guard.adapters

    def lose_nat(self, instance_id: str) -> None:
        """Terminate one: its group stays, and a successor may come."""
        del self.forwards.network.instances[instance_id]
        self.forwards.network.runs.discard(instance_id)
        self.guard.rest.instances = list(self.forwards.network.instances.values())
        del self.guard.ec2.having[f"eni-{instance_id}"]

    def unexpose(self, name: str) -> None:
        del self.forwards.inventory.caches[name]
        cache = self.guard.rest.caches[name]
        self.guard.rest.caches[name] = replace(cache, exposed=False)

    def pass_of(self, function: str) -> None:
        for world in (self.guard, self.forwards):
            world.now += 700.0  # nothing waits for time: two passes agree at once
        if function == "sync":
            sync(self.forwards.adapters, self.forwards.settings)
        else:
            sweep(self.guard_adapters, self.guard.settings, Asked(), lambda result: result)

    def settle(self, first: str = "sync", most: int = 16) -> None:
        """Run passes by turns until neither changes anything twice: removals want a second look."""
        order = ["sync", "guard"] if first == "sync" else ["guard", "sync"]
        quiet = 0
        for _ in range(most):
            before = self.state()
            for function in order:
                self.pass_of(function)
            quiet = quiet + 1 if self.state() == before else 0
            if quiet == 2:
                return
        raise AssertionError(f"they fight: {before} became {self.state()}")

    def state(self) -> tuple[list[str], list[str]]:
        return sorted(self.guard.ec2.held), sorted(self.rules.egress)

    def admitted(self, group_id: str) -> set[str]:
        """What a group admits, in words."""
        held = self.guard.ec2.held.values()
        return {f"{each.traffic} {each.source}" for each in held if each.group_id == group_id}


def anything(seed: int, make: Callable[..., T]) -> T:
    """Caches and NAT instances on groups that they share or not, and rules of people there."""
    draw = random.Random(seed)  # noqa: S311  # no secret
    trusted = map(IPv4Network, draw.sample(["0.0.0.0/0", *NETWORKS], draw.randint(1, 3)))
    turns = make(
        map(str, collapse_addresses(trusted)),  # as settings read them
        draw.sample(NETWORKS[3:], draw.randint(0, 1)),
        revoke_exclusive=draw.random() < 0.5,
        carve_ranges=draw.random() < 0.5,
        add_own_path=draw.random() < 0.5,
        most_revocations=draw.choice([1, 20]),
    )
    turns.guard.ec2.quota = draw.choice([6, 60])
    for group_id in GROUPS:
        turns.add_group(group_id)
    for number in range(draw.randint(1, 2)):
        turns.add_nat(f"i-nat-{number}", *draw.sample(GROUPS[1:], draw.randint(1, 2)))
    for name in ("cart", "users")[: draw.randint(1, 2)]:
        turns.add_cache(name, *draw.sample(GROUPS, draw.randint(1, 2)))
    if draw.random() < 0.5:
        turns.add_server(draw.choice(GROUPS))
    for _ in range(draw.randint(0, 6)):
        tags = draw.choice([{}, {}, {MANAGED_TAG: STACK}, OURS])
        turns.add_rule(draw.choice(TRAFFIC), draw.choice(SOURCES), draw.choice(GROUPS), tags)
    return turns
