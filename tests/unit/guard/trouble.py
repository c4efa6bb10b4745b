"""One random life of the guard: a world, faults at random calls, people who meddle, and its end.

What may go is told here by labels, not by the planner: each source of the catalogue is known to be
too wide, too wide together with another, or harmless.
"""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from cachegate.domain.finding import CARVED, EXEMPT, Step
from cachegate.domain.groups import DEFAULT
from cachegate.domain.ingress import GroupReference
from cachegate.domain.revocation import RevocationState
from cachegate.errors import CachegateError, TransientError
from cachegate.guard.actions import GuardActions
from cachegate.guard.look import look
from cachegate.guard.revoke import Asked
from cachegate.guard.sweep import sweep
from cachegate.planning.findings import find
from tests.unit.guard.fakes import ACCOUNT, Crash, World, key, read_source, read_traffic

if TYPE_CHECKING:
    from collections.abc import Callable

    from cachegate.domain.ingress import IngressRule
    from cachegate.guard.results import SweepResult

WIDE = frozenset({"0.0.0.0/0", "::/0", "0.0.0.0/1", "128.0.0.0/1", "13.0.0.0/8", "pl-open"})
HALVES = frozenset({"14.0.0.0/9", "15.0.0.0/9"})  # together as wide as a /8
HARMLESS = frozenset(
    {"10.0.0.0/8", "172.31.0.0/16", "203.0.113.7/32", "sg-nat", "sg-clients", "pl-shut", "pl-none"}
)
REACHING = ("tcp 6379", "tcp 6000-7000", "tcp 0-65535", "-1")
BESIDE = ("tcp 22", "tcp 443-500", "udp 6379", "icmp")
GROUPS = ("sg-1", "sg-2", "sg-default", "sg-foreign")
# Where a person may change a rule during a pass: later only EC2 itself could still compare.
LOOKING = frozenset(
    {"caches.guarded", "groups.groups", "groups.interfaces", "network.nat_instances"}
)
EXCUSED = {"owner": "me", "expires": "2999-01-01", "reason": "why"}


@dataclass(frozen=True)
class Around:
    """What decides about a rule beside itself."""

    shared: frozenset[str]  # groups whose rules the guard may change
    halves: Counter[tuple[str | None, str]]


class Life:
    """Plays one seed; an assertion fails where a promise is broken."""

    def __init__(self, seed: int) -> None:
        self.draw = random.Random(seed)  # noqa: S311  # no secret
        self.tally: Counter[str] = Counter()
        self.told: set[str] = set()
        self.meddled = False
        self.restoring = False
        self.world = self._make()
        self.before = self._around()
        self._watch()

    # The world as it begins.

    def _make(self) -> World:
        chance = self._chance
        world = World(
            carve_ranges=chance(0.5),
            add_own_path=chance(0.5),
            revoke_exclusive=chance(0.3),
            most_revocations=self.draw.choice([1, 3, 20]),
        )
        world.ec2.having.clear()
        world.rest.caches.clear()
        world.ec2.known.clear()
        for group_id in GROUPS:
            name = DEFAULT if group_id == "sg-default" else ""
            foreign = group_id == "sg-foreign"
            world.add_group(group_id, name, "999999999999" if foreign else ACCOUNT)
        for name in ("cart", "users", "pages")[: self.draw.randint(1, 3)]:
            groups = self.draw.sample(GROUPS, self.draw.randint(1, 2))
            world.add_cache(name, *groups, exposed=chance(0.5))
        for number in range(self.draw.randint(0, 3)):
            groups = self.draw.sample(GROUPS, self.draw.randint(1, 2))
            world.add_instance(f"i-{number}", *groups, public="198.51.100.9")
        if chance(0.2):
            world.add_interface("eni-odd", "sg-2", address="10.0.9.9", requester_managed=True)
        for number, address in enumerate(("10.0.255.10", "172.31.255.10", "172.31.255.11")):
            if chance(0.6):
                world.add_nat(f"i-nat-{number}", address)
        world.add_list("pl-open", "0.0.0.0/0")
        world.add_list("pl-shut", "203.0.113.0/24")
        for _ in range(self.draw.randint(2, 14)):
            self._add_rule(world)
        return world

    def _add_rule(self, world: World) -> None:
        catalogue = self.draw.choice([WIDE, WIDE, HALVES, HARMLESS])
        traffic = self.draw.choice([*REACHING, *REACHING, *BESIDE])
        source, group = self.draw.choice(sorted(catalogue)), self.draw.choice(GROUPS)
        tags = {EXEMPT: "me|2999-01-01|why"} if self._chance(0.1) else {}
        rule = (group, read_traffic(traffic), str(read_source(source)))
        if all(key(each) != rule for each in world.ec2.held.values()):
            world.add_rule(traffic, source, group, self.draw.choice(["", "ours"]), **tags)

    def _chance(self, share: float) -> bool:
        return self.draw.random() < share

    # What happens.

    def play(self, steps: int) -> None:
        for _ in range(steps):
            what = self.draw.choice([self.a_pass, self.a_pass, self.a_person, self.a_request])
            what()
            self.world.now += self.draw.choice([0, 30, 900])
        self.come_right()

    def a_pass(self) -> None:
        trouble = self.draw.choice(
            [self._none, self._crash, self._error, self._lie, self._lag, self._meddle, self._twice]
        )
        self.tally[trouble.__name__.strip("_")] += 1
        trouble()
        self.before, self.meddled = self._around(), trouble == self._meddle
        try:
            self._sweep()
        except Crash:
            self.tally["broken off"] += 1
        except CachegateError:
            self.tally["failed"] += 1
        self._calm()
        self.check()

    def _sweep(self) -> SweepResult:
        return sweep(self.world.adapters, self.world.settings, Asked(), self._tell)

    def _tell(self, result: SweepResult) -> SweepResult:
        self.world.rest.send("a pass", "")
        self.told |= {each.rule.rule_id for each in result.revoked}
        return result

    def _at(self) -> int:
        return len(self.world.wire.calls) + self.draw.randint(0, 40)

    def _none(self) -> None:
        """Let nothing go wrong."""

    def _crash(self) -> None:
        self.world.wire.crash(self.draw.randint(0, 40), self.draw.choice(["before", "after"]))

    def _error(self) -> None:
        stop = self._at()

        def trouble(number: int, _name: str, _args: object) -> None:
            if number == stop:
                raise TransientError("no answer")

        self.world.wire.before = trouble

    def _lie(self) -> None:
        self.world.wire.lies = {self.draw.choice(["groups.revoke", "groups.open"])}

    def _lag(self) -> None:
        self.world.ec2.lag = self.draw.choice([1.0, 5.0, 60.0])

    def _meddle(self) -> None:
        self._once(self.a_person, lambda name: name in LOOKING)

    def _twice(self) -> None:
        self._once(self._sweep, lambda _name: self._chance(0.1))

    def _once(self, what: Callable[[], object], when: Callable[[str], bool]) -> None:
        def trouble(_number: int, name: str, _args: object) -> None:
            if when(name):
                self.world.wire.before = lambda *_: None
                what()

        self.world.wire.before = trouble

    def _calm(self) -> None:
        self.world.wire.calm()
        self.world.ec2.lag = 0.0
        self.world.ec2.settle()

    def a_person(self) -> None:
        ec2 = self.world.ec2
        rule = ec2.held[self.draw.choice(sorted(ec2.held))] if ec2.held else None
        what = self.draw.choice(["add", "add", "take", "narrow", "widen", "excuse", "list", "full"])
        self.tally[f"a person: {what}"] += 1
        if what == "add":
            self._add_rule(self.world)
        elif what == "full":
            ec2.quota = self.draw.choice([0, 5, 60])
        elif what == "list":
            self.world.add_list("pl-shut", self.draw.choice(["203.0.113.0/24", "198.51.100.0/24"]))
        elif rule is not None:
            self._change(rule, what)

    def _change(self, rule: IngressRule, what: str) -> None:
        ec2 = self.world.ec2
        source = {"narrow": "203.0.113.7/32", "widen": "0.0.0.0/0"}.get(what)
        changed = replace(rule, source=read_source(source)) if source else rule
        if what == "take":
            ec2.take(rule.rule_id)
        elif what == "excuse":
            ec2.put(replace(rule, tags={**rule.tags, EXEMPT: "me|2999-01-01|why"}))
        elif ec2.same(changed) is None:
            ec2.put(changed)

    def a_request(self) -> None:
        """Ask for a rule back, or for an exemption, with faults as they come."""
        self.draw.choice([self._none, self._crash, self._error, self._lie])()
        kept = sorted(self.world.store.revocations)
        event: dict[str, Any] = {"action": "exempt", **EXCUSED}
        event["rule"] = self.draw.choice([*sorted(self.world.ec2.held), "sgr-none"])
        if kept and self._chance(0.8):
            event = {"action": "restore", "rule": self.draw.choice(kept)}
            event |= self.draw.choice([{}, {"force": True}, {"exempt": EXCUSED}])
        self.restoring = event["action"] == "restore"
        try:
            answer = GuardActions(
                self.world.adapters, self.world.settings, self._tell, lambda _: None
            ).answer(event)
            self.tally[f"{event['action']} {'done' if answer['ok'] else 'refused'}"] += 1
        except Crash:
            self.tally[f"{event['action']} broken off"] += 1
        self.restoring = False
        self._calm()
        self.check()

    # What must be so.

    def _watch(self) -> None:
        """Look at each removal of the guard at the moment when it has happened."""
        ec2 = self.world.ec2
        revoke = ec2.revoke

        def watched(group_id: str, rule_id: str) -> None:
            rule, ways, around = ec2.held.get(rule_id), self._ways(), self._around()
            many = len(ec2.removed)
            try:
                revoke(group_id, rule_id)
            finally:
                if rule is not None and len(ec2.removed) > many:
                    self._removed(rule, ways, around)

        ec2.revoke = watched  # type: ignore[method-assign]

    def _removed(self, rule: IngressRule, ways: frozenset[tuple[str, str]], here: Around) -> None:
        self.tally["removed"] += 1
        lost = ways - self._ways()
        assert self.meddled or not lost, f"{rule} was the way {lost}"
        if self.restoring:
            assert CARVED in rule.tags
            assert any(self._within(rule, each) for each in self.world.ec2.held.values())
            return
        record = self.world.store.revocations[rule.rule_id]
        assert _bare(record.rule) == _bare(rule), "the record is not of the rule that went"
        assert self._may_go(rule, self.before) or self._may_go(rule, here), f"nobody named {rule}"

    @staticmethod
    def _within(rule: IngressRule, other: IngressRule) -> bool:
        if str(rule.source) != str(other.source) or rule.group_id != other.group_id:
            return False
        inner, outer = rule.traffic, other.traffic
        if inner.first is None or outer.first is None or inner.last is None or outer.last is None:
            return False
        return outer.first <= inner.first and inner.last <= outer.last

    def _around(self) -> Around:
        world = self.world
        of_caches = {group for cache in world.rest.caches.values() for group in cache.groups}
        having = list(world.ec2.having.values())
        instances = {g for each in having if each.attached_to for g in each.groups}
        doubtful = {g for each in having if each.requester_managed for g in each.groups}
        shared = instances | {"sg-default"}
        if world.settings.policy.revoke_exclusive:
            shared |= of_caches - doubtful
        return Around(
            shared=frozenset((shared & of_caches) - {"sg-foreign"}),
            halves=Counter(
                {
                    (each.group_id, str(each.source)): 1
                    for each in world.ec2.held.values()
                    if str(each.source) in HALVES
                }
            ),
        )

    @staticmethod
    def _may_go(rule: IngressRule, around: Around) -> bool:
        if rule.group_id not in around.shared or EXEMPT in rule.tags:
            return False
        if rule.traffic not in map(read_traffic, REACHING):
            return False
        both = all(around.halves[rule.group_id, half] for half in HALVES)
        return str(rule.source) in WIDE or (str(rule.source) in HALVES and both)

    def _ways(self) -> frozenset[tuple[str, str]]:
        """Tell which NAT instances reach which exposed caches by the rules that are held."""
        world = self.world
        return frozenset(
            (instance.instance_id, cache.name)
            for instance in world.rest.instances
            for cache in world.rest.caches.values()
            if cache.exposed
            and any(
                rule.group_id in cache.groups
                and rule.traffic in map(read_traffic, REACHING)
                and _admits(rule, str(instance.private_address))
                for rule in world.ec2.held.values()
            )
        )

    def check(self) -> None:
        held = [key(rule) for rule in self.world.ec2.held.values()]
        assert len(held) == len(set(held))

    def come_right(self) -> None:
        """Let all trouble end: then what stands is what the policy wants."""
        world = self.world
        world.ec2.quota = 1000
        for _ in range(len(world.ec2.held) + 3):
            self.before, self.meddled = self._around(), False
            result = self._sweep()
            assert not result.failures
            if not result.revoked:
                break
        assert not result.revoked, "the passes do not come to an end"
        findings = find(look(world.adapters).view, world.settings.policy)
        assert not [each for each in findings if each.step.acts or each.step is Step.WAIT]
        refused = {each.rule.rule_id for each in findings if each.step is Step.REFUSE}
        around = self._around()
        left = [rule for rule in world.ec2.held.values() if self._may_go(rule, around)]
        both = [rule for rule in left if str(rule.source) in WIDE]
        assert {rule.rule_id for rule in both} <= refused, "what should go stands"
        for record in world.store.revocations.values():
            gone = record.rule.rule_id not in world.ec2.held
            assert record.state is not RevocationState.PENDING or not gone
        restored = {
            rule_id
            for rule_id, each in world.store.revocations.items()
            if each.state is RevocationState.RESTORED
        }
        removed = {rule.rule_id for rule in world.ec2.removed}
        named = removed & world.store.revocations.keys()
        assert named <= self.told | restored, "a removal was not told"
        assert all(CARVED in rule.tags for rule in world.ec2.removed if rule.rule_id not in named)


def _bare(rule: IngressRule) -> tuple[object, ...]:
    return key(rule), rule.description, dict(rule.tags)


def _admits(rule: IngressRule, address: str) -> bool:
    if isinstance(rule.source, GroupReference):
        return rule.source.group_id == "sg-nat"
    low = address.startswith("10.")
    private = {"10.0.0.0/8": low, "172.31.0.0/16": not low, f"{address}/32": True}
    return {**private, "0.0.0.0/0": True, "pl-open": True, "0.0.0.0/1": low}.get(
        str(rule.source), str(rule.source) == "128.0.0.0/1" and not low
    )
