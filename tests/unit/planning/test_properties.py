"""What no sequence of events, lost answers and old DNS may ever do."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from ipaddress import IPv4Network
from random import Random
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from cachegate.domain.cache import CacheKind, Evidence, Observation
from cachegate.domain.forward import ForwardKind
from cachegate.domain.ledger import Ledger
from cachegate.domain.plan import ChangeKind, Plan
from cachegate.planning.plan import make_plan
from tests.unit.planning.builders import POLICY
from tests.unit.planning.world import World

NAMES = ["a", "b", "c", "d"]
SHORT = replace(POLICY, first_port=6379, last_port=6402, quarantine=1000.0, brake_forwards=4)
WIDE = (IPv4Network("203.0.112.0/20"),)
PLACES = st.integers(0, 7)
STEPS = st.sampled_from([0.0, 1.0, 30.0, 60.0, 61.0, 301.0, 601.0, 1100.0, -5.0])


class Life(RuleBasedStateMachine):
    """Passes over a world that changes, while DNS and AWS's answers are late, old or lost."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World()
        self.ledger = Ledger(vpc_id="vpc-1")
        self.policy = SHORT
        self.plain: dict[str, bool] = {}  # caches with living ports: without TLS when last told

    @initialize(sizes=st.lists(st.integers(1, 4), min_size=1, max_size=3))
    def begin(self, sizes: list[int]) -> None:
        for name, size in zip(NAMES, sizes, strict=False):
            kind = CacheKind.REPLICATION_GROUP if name != "b" else CacheKind.CLUSTER
            self.world.add(name, kind, size)
        self.world.catch_up()

    def _existing(self, place: int) -> str | None:
        names = sorted(self.world.caches)
        return names[place % len(names)] if names else None

    @rule(name=st.sampled_from(NAMES), size=st.integers(1, 5), group=st.booleans())
    def add(self, name: str, size: int, group: bool) -> None:  # noqa: FBT001
        self.world.add(name, CacheKind.REPLICATION_GROUP if group else CacheKind.CLUSTER, size)
        self.world.meet()

    @rule(cache=PLACES, delete=st.booleans(), node=PLACES)
    def remove(self, cache: int, delete: bool, node: int) -> None:  # noqa: FBT001
        if name := self._existing(cache):
            if delete:
                del self.world.caches[name]
            else:
                self.world.scale_in(name, node)

    @rule(cache=PLACES)
    def scale_out(self, cache: int) -> None:
        if name := self._existing(cache):
            self.world.scale_out(name)
            self.world.meet()

    @rule(cache=PLACES, node=PLACES, choice=PLACES, late=st.booleans())
    def replace_node(self, cache: int, node: int, choice: int, late: bool) -> None:  # noqa: FBT001
        if name := self._existing(cache):
            self.world.replace(name, node, choice)
            self._tell(late=late)

    @rule(cache=PLACES, node=PLACES, late=st.booleans())
    def fail_over(self, cache: int, node: int, late: bool) -> None:  # noqa: FBT001
        if name := self._existing(cache):
            self.world.fail_over(name, node)
            self._tell(late=late)

    @rule(cache=PLACES)
    def turn_tls_on(self, cache: int) -> None:
        if name := self._existing(cache):
            self.world.caches[name].tls = True
            self.world.meet()

    @rule(wide=st.booleans())
    def deploy(self, wide: bool) -> None:  # noqa: FBT001
        """The trusted sources become too wide for caches without TLS, or narrow again."""
        self.policy = replace(SHORT, sources=WIDE if wide else SHORT.sources)

    def _tell(self, *, late: bool) -> None:
        if not late:
            self.world.catch_up()

    @rule()
    def dns_catches_up(self) -> None:
        self.world.catch_up()

    @rule(data=st.data())
    def dns_doubles_an_answer(self, data: st.DataObject) -> None:
        if len(self.world.dns) > 1:
            one, other = data.draw(
                st.lists(st.sampled_from(sorted(self.world.dns)), min_size=2, max_size=2)
            )
            self.world.dns[one] = self.world.dns[one] | self.world.dns[other]

    @rule(one=PLACES, other=PLACES, node=PLACES, shuffle=st.randoms(use_true_random=False))
    def an_address_changes_hands(self, one: int, other: int, node: int, shuffle: Random) -> None:
        """A node moves, and another takes its old address before DNS tells of the first."""
        giver, taker = self._existing(one), self._existing(other)
        if giver and taker:
            self._pass(1.0, shuffle)
            address = self.world.move_away(giver, node)
            if address is not None:
                self.world.take(taker, node, address)
            self._pass(1.0, shuffle)

    @rule(names=st.sets(st.sampled_from(NAMES), min_size=1), listed=st.booleans())
    def a_long_silence(self, names: set[str], listed: bool) -> None:  # noqa: FBT001
        for step in (1.0, 61.0, 601.0):
            self._pass(step, Random(0), silent=names, listed=listed)  # noqa: S311

    @rule(step=STEPS, shuffle=st.randoms(use_true_random=False), force=st.booleans())
    def good_pass(self, step: float, shuffle: Random, force: bool) -> None:  # noqa: FBT001
        self._pass(step, shuffle, force=force)

    @rule(step=STEPS, shuffle=st.randoms(use_true_random=False), data=st.data())
    def poor_pass(self, step: float, shuffle: Random, data: st.DataObject) -> None:
        hosts = st.sets(st.sampled_from(sorted(self.world.dns) or ["none"]))
        self._pass(
            step,
            shuffle,
            silent=data.draw(st.sets(st.sampled_from(NAMES))),
            unresolved=data.draw(hosts),
            unnamed=data.draw(hosts),
            listed=data.draw(st.booleans()),
            evidence=data.draw(st.sampled_from(Evidence)),
            narrow=data.draw(st.booleans()),
        )

    def _pass(self, step: float, shuffle: Random, *, force: bool = False, **lost: Any) -> None:
        self.world.now += step
        seen = self.world.observe(**lost)
        before = self.ledger
        plan = make_plan(before, seen, self.policy, force=force)
        self._order_decides_nothing(plan, seen, shuffle, force=force)
        self._a_second_look_changes_nothing(plan, seen, force=force)
        self._the_generation_counts_changes(plan)
        self._ports_are_nobody_elses(plan)
        self._living_nodes_keep_their_ports(plan)
        self._targets_are_allowed(plan, seen)
        self._nobody_sees_another_cache(plan, seen)
        self._wide_sources_reach_no_cache_without_tls(plan, seen)
        self._withholding_changes_nothing_else(plan, seen, force=force)
        self.ledger = plan.ledger

    def _order_decides_nothing(
        self, plan: Plan, seen: Observation, shuffle: Random, *, force: bool
    ) -> None:
        caches = [
            replace(cache, nodes=tuple(shuffle.sample(cache.nodes, len(cache.nodes))))
            for cache in seen.caches
        ]
        shuffle.shuffle(caches)
        leases = list(self.ledger.leases.items())
        shuffle.shuffle(leases)
        ledger = replace(self.ledger, leases=dict(leases))
        assert (
            make_plan(ledger, replace(seen, caches=tuple(caches)), self.policy, force=force) == plan
        )

    def _a_second_look_changes_nothing(self, plan: Plan, seen: Observation, *, force: bool) -> None:
        again = make_plan(plan.ledger, seen, self.policy, force=force)
        assert again.ledger == plan.ledger
        assert {change.kind for change in again.changes} <= {ChangeKind.HOLD}

    def _the_generation_counts_changes(self, plan: Plan) -> None:
        same = (
            plan.ledger.rule_set == self.ledger.rule_set
            and plan.ledger.targets_within == self.ledger.targets_within
        )
        assert plan.ledger.generation == self.ledger.generation + (0 if same else 1)

    def _ports_are_nobody_elses(self, plan: Plan) -> None:
        """No two keys share a port; none is handed on before its quarantine is over."""
        now = {lease.listen: key for key, lease in plan.ledger.leases.items()}
        assert len(now) == len(plan.ledger.leases)
        assert all(SHORT.first_port <= port <= SHORT.last_port for port in now)
        for key, lease in self.ledger.leases.items():
            if now.get(lease.listen) != key:
                assert lease.resting_since is not None
                assert self.world.now - lease.resting_since >= SHORT.quarantine

    def _living_nodes_keep_their_ports(self, plan: Plan) -> None:
        living = self.world.keys()
        for key, lease in self.ledger.leases.items():
            after = plan.ledger.leases.get(key)
            assert after is None or after.listen == lease.listen
            if key in living and lease.resting_since is None:
                assert after is not None
                assert after.resting_since is None

    def _targets_are_allowed(self, plan: Plan, seen: Observation) -> None:
        for lease in plan.ledger.leases.values():
            for target in lease.targets:
                assert any(target.address in network for network in seen.vpc.networks)
            if lease.resting_since is not None:
                assert not lease.targets

    def _nobody_sees_another_cache(self, plan: Plan, seen: Observation) -> None:
        """No target belongs to two nodes, to another cache's node that was seen, or to nobody."""
        leases = plan.ledger.leases.values()
        nodes = [lease for lease in leases if lease.kind is ForwardKind.NODE]
        held = Counter(target for lease in nodes for target in lease.targets)
        assert all(count == 1 for count in held.values())
        owners = self._truly_seen(seen)
        for lease in leases:
            own = {t for node in nodes if node.cache == lease.cache for t in node.targets}
            assert set(lease.targets) <= own
            assert all(owners.get(t.address, lease.cache) == lease.cache for t in lease.targets)

    def _wide_sources_reach_no_cache_without_tls(self, plan: Plan, seen: Observation) -> None:
        """A cache is known as it was last told, until all its ports rest."""
        leases = plan.ledger.leases
        living = {lease.cache for lease in leases.values() if lease.resting_since is None}
        told = {cache.name: not cache.tls for cache in seen.caches if cache.described}
        self.plain = {n: told.get(n, self.plain.get(n, False)) for n in living}
        wide = self.policy.sources == WIDE
        for forward in plan.ledger.rule_set.forwards:
            lease = leases[forward.key]
            closed = wide and self.plain.get(lease.cache, False)
            assert forward.targets == (() if closed else lease.targets)

    def _withholding_changes_nothing_else(
        self, plan: Plan, seen: Observation, *, force: bool
    ) -> None:
        """But for what is withheld, the plan is that of a stack that does not mind plaintext."""
        before = replace(self.ledger, withheld={})
        free = make_plan(before, seen, replace(self.policy, widest_plaintext=0), force=force)
        assert _whereabouts(plan) == _whereabouts(free)
        assert _frame(plan) == _frame(free)
        spared = {*self.ledger.withheld, *plan.ledger.withheld}
        others = [c for c in plan.changes if (c.key or "").partition("/")[0] not in spared]
        assert others == [c for c in free.changes if (c.key or "").partition("/")[0] not in spared]

    def _truly_seen(self, seen: Observation) -> dict[Any, str]:
        """The true addresses of nodes that this pass saw there, and the caches they are of."""
        owners = {}
        for cache in seen.caches:
            true = self.world.caches[cache.name]
            for node in cache.nodes:
                address = true.nodes[node.id]
                answer = seen.addresses.get(node.endpoint.host, ()) if node.endpoint else ()
                absent = seen.evidence.get(address) is Evidence.ABSENT
                if address in answer and not absent:
                    owners[address] = cache.name
        return owners

    def teardown(self) -> None:
        """Once the world stands still and answers come, every forward leads to the truth."""
        self.world.catch_up()
        for _ in range(4):
            self.world.now += max(SHORT.brake_agreement, SHORT.revisit) + 10.0
            plan = make_plan(self.ledger, self.world.observe(), self.policy)
            self.ledger = plan.ledger
        assert plan.recheck_after is None
        truth = self.world.keys()
        for key, lease in self.ledger.leases.items():
            shown = {target.address for target in lease.targets}
            if lease.kind is ForwardKind.NODE:
                assert shown == ({truth[key]} if key in truth else set())
            elif lease.cache in self.world.caches:
                assert shown == self._true_role(lease.kind, lease.cache)

    def _true_role(self, kind: ForwardKind, name: str) -> set[Any]:
        cache = self.world.caches[name]
        if cache.primary is None:
            return set()
        primary = {cache.nodes[cache.primary]}
        if kind is ForwardKind.PRIMARY:
            return primary
        # A node that found no free listen port is no reader either.
        leased = {a for n, a in cache.nodes.items() if f"{name}/{n}" in self.ledger.leases}
        return (leased - primary) or primary


def _whereabouts(plan: Plan) -> list[object]:
    """All leases; a port that is opened again leads somewhere only since then."""
    return [replace(lease, changed_at=0.0) for lease in plan.ledger.leases.values()]


def _frame(plan: Plan) -> list[object]:
    """What else a plan decides."""
    after = plan.ledger
    problems = [each for each in plan.problems if not each.code.startswith("plaintext")]
    brake = after.braked_since, after.braked_digest
    return [after.sources, after.targets_within, *brake, plan.recheck_after, problems]


TestLife = Life.TestCase
TestLife.settings = settings(
    max_examples=200,
    stateful_step_count=25,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
