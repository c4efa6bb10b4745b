"""Security-group rules of both sides, as passes keep them."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Network
from typing import TYPE_CHECKING, Any

import pytest

from cachegate.actions import Actions
from cachegate.admit import consider
from cachegate.beat import in_motion
from cachegate.domain.agent import Reply
from cachegate.domain.group_rules import MANAGED_TAG, VPC_TAG, GroupRule, Wanted
from cachegate.domain.ledger import Ledger
from cachegate.errors import NotVerifiedError, RuleRefusedError, TransientError
from cachegate.observe import survey
from cachegate.sync import sync
from tests.unit.passes.fakes import NAT, VPC, FakeWorld
from tests.unit.planning.rules import interface, opening, short

if TYPE_CHECKING:
    from cachegate.domain.group_rules import RuleResult
    from cachegate.protocols import Record
    from cachegate.results import VpcResult

CLIENTS = "sg-nat in 6379 203.0.113.0/24"
HTTPS = "sg-nat out 443 0.0.0.0/0"
IN, OUT = "sg-a in 6379 sg-nat", "sg-nat out 6379 sg-a"
ALL = {CLIENTS, HTTPS, IN, OUT}


@pytest.fixture
def gate(world: FakeWorld) -> FakeWorld:
    """One cache with a group of its own, and a NAT instance with another."""
    world.add_cluster("cart", "10.0.1.5")
    world.give_groups("cart", "sg-a")
    world.manage_groups()
    return world


def run(world: FakeWorld, vpc_id: str = VPC) -> VpcResult:
    world.now += 300
    return {vpc.vpc_id: vpc for vpc in sync(world.adapters, world.settings).vpcs}[vpc_id]


def rules_of(world: FakeWorld, vpc_id: str = VPC) -> RuleResult:
    found = run(world, vpc_id).rules
    assert found is not None
    return found


def held(world: FakeWorld) -> set[str]:
    return {short(each.opening) for each in world.group_rules.held.values()}


def named(world: FakeWorld, text: str) -> GroupRule:
    return next(e for e in world.group_rules.held.values() if short(e.opening) == text)


def by_hand(world: FakeWorld, text: str, rule_id: str = "sgr-theirs") -> None:
    world.group_rules.held[rule_id] = GroupRule(rule_id=rule_id, opening=opening(text))


def ledger(world: FakeWorld) -> Ledger:
    return world.ledgers.records[VPC].ledger


def detach(world: FakeWorld) -> dict[str, Any]:
    return Actions(world.adapters, world.settings, lambda _result: None).answer(
        {"action": "detach"}
    )


# -- what is opened ------------------------------------------------------------------------------


def test_a_pass_opens_both_sides_with_tags_and_reasons(gate: FakeWorld) -> None:
    result = rules_of(gate)

    assert held(gate) == ALL
    assert {short(each.opening) for each in result.added} == ALL
    assert (result.vanished, result.removed, result.problems, result.errors) == ((), (), (), ())
    for each in gate.group_rules.held.values():
        assert each.tags == {MANAGED_TAG: "gate", VPC_TAG: VPC}
        assert each.description.startswith("cachegate: ")


def test_where_groups_are_not_managed_nothing_is_asked_and_nothing_opened(
    gate: FakeWorld,
) -> None:
    gate.settings = replace(gate.settings, manage_groups=False)
    gate.group_rules.managed = None  # type: ignore[assignment, method-assign]
    gate.gateways.failing[NAT] = Reply(instance_id=NAT, failure="no agent", unreached=True)
    assert run(gate).rules is None
    gate.gateways.failing.clear()

    assert run(gate).rules is None
    assert detach(gate)["ok"]


def test_a_quiet_pass_writes_nothing_and_asks_ec2_four_times(gate: FakeWorld) -> None:
    run(gate)
    run(gate)
    writes, calls = gate.ledgers.writes, list[str]()
    for name in ("managed", "rules", "groups", "interfaces", "open", "close"):
        setattr(gate.group_rules, name, counted(getattr(gate.group_rules, name), calls))

    run(gate)

    assert sorted(calls) == ["groups", "interfaces", "managed", "rules"]
    assert gate.ledgers.writes == writes


def counted(call: Any, calls: list[str]) -> Any:
    def doing(*arguments: Any) -> Any:
        calls.append(call.__name__)
        return call(*arguments)

    return doing


def test_a_cache_that_is_no_longer_exposed_loses_its_way_and_its_port_rests_open(
    gate: FakeWorld,
) -> None:
    run(gate)
    del gate.inventory.caches["cart"]

    run(gate)
    assert held(gate) == ALL  # a second pass must agree
    run(gate)

    assert held(gate) == {CLIENTS, HTTPS}


def test_narrowing_who_is_trusted_takes_the_old_network_away(gate: FakeWorld) -> None:
    run(gate)
    policy = replace(gate.settings.policy, sources=(IPv4Network("203.0.113.0/28"),))
    gate.settings = replace(gate.settings, policy=policy)

    run(gate)

    assert held(gate) == {*ALL - {CLIENTS}, "sg-nat in 6379 203.0.113.0/28"}


def test_a_cache_that_gets_another_group_is_opened_there_before_the_old_way_goes(
    gate: FakeWorld,
) -> None:
    run(gate)
    gate.give_groups("cart", "sg-b")
    log: list[str] = []
    record_calls(gate, log)

    run(gate)

    assert held(gate) == {CLIENTS, HTTPS, "sg-b in 6379 sg-nat", "sg-nat out 6379 sg-b"}
    assert [each[:4] for each in log] == ["open", "open", "shut", "shut"]


def record_calls(world: FakeWorld, log: list[str]) -> None:
    opened, closed = world.group_rules.open, world.group_rules.close

    def do_open(wanted: Wanted, tags: Any) -> bool:
        log.append(f"open {short(wanted.opening)}")
        return opened(wanted, tags)

    def do_close(rule: GroupRule) -> None:
        log.append(f"shut {short(rule.opening)}")
        closed(rule)

    world.group_rules.open = do_open  # type: ignore[method-assign]
    world.group_rules.close = do_close  # type: ignore[method-assign]


# -- absent is not empty -------------------------------------------------------------------------


def test_a_cache_whose_describe_failed_keeps_its_rules(gate: FakeWorld) -> None:
    run(gate)
    cart = gate.inventory.caches["cart"]
    gate.inventory.caches["cart"] = replace(
        cart, vpc_id=None, nodes=(), groups=frozenset(), whole=False
    )
    for _ in range(3):
        run(gate)

    assert held(gate) == ALL


def test_a_listing_that_is_not_whole_takes_nothing_away(gate: FakeWorld) -> None:
    run(gate)
    gate.inventory.caches.clear()
    gate.inventory.whole = False
    for _ in range(3):
        run(gate)

    assert held(gate) == ALL


def test_rules_stay_while_no_nat_instance_is_seen_and_what_is_not_needed_goes_all_the_same(
    gate: FakeWorld,
) -> None:
    run(gate)
    instance = gate.network.instances.pop(NAT)
    gate.network.runs.clear()
    for _ in range(3):
        run(gate)
    assert held(gate) == ALL

    policy = replace(gate.settings.policy, sources=())
    gate.settings = replace(gate.settings, policy=policy)
    run(gate)
    assert held(gate) == ALL - {CLIENTS}

    gate.network.instances[NAT] = instance
    gate.network.runs.add(NAT)
    assert rules_of(gate).added == ()


def test_a_lost_ledger_takes_away_nothing_that_it_may_have_needed(gate: FakeWorld) -> None:
    run(gate)
    gate.ledgers.records.clear()
    cart = gate.inventory.caches["cart"]
    gate.inventory.caches["cart"] = replace(
        cart, vpc_id=None, nodes=(), groups=frozenset(), whole=False
    )

    result = rules_of(gate)

    assert held(gate) == ALL
    assert "unknown_groups" in [each.code for each in result.problems]
    assert (result.vanished, result.removed, result.edited) == ((), (), ())


def test_a_lost_ledger_and_no_nat_instance_take_nothing_away(gate: FakeWorld) -> None:
    run(gate)
    gate.ledgers.records.clear()
    gate.network.instances.clear()
    gate.network.runs.clear()
    gate.inventory.caches.clear()
    gate.ledgers.save(Ledger(vpc_id=VPC), None)

    run(gate)

    assert held(gate) == ALL


def test_a_group_that_ec2_does_not_show_is_left_as_it_is(gate: FakeWorld) -> None:
    run(gate)
    shown = gate.group_rules.known.pop("sg-a")

    result = rules_of(gate)

    assert {IN, CLIENTS, HTTPS} <= held(gate)
    assert [each.code for each in result.problems] == ["foreign_group"]
    gate.group_rules.known["sg-a"] = shown
    run(gate)
    assert held(gate) == ALL


def test_without_an_answer_of_ec2_nothing_is_changed_and_the_pass_is_tried_again(
    gate: FakeWorld,
) -> None:
    run(gate)

    def silent(stack: str) -> tuple[GroupRule, ...]:
        raise TransientError(f"which rules of {stack} are managed is not known: throttled")

    gate.group_rules.managed = silent  # type: ignore[method-assign]
    gate.inventory.caches.clear()
    run(gate)
    result = run(gate)

    assert held(gate) == ALL
    assert "throttled" in str(result.failure)


# -- people --------------------------------------------------------------------------------------


def test_a_rule_of_ours_that_vanishes_comes_back_and_is_told_every_time(gate: FakeWorld) -> None:
    run(gate)
    for _ in range(3):
        del gate.group_rules.held[named(gate, CLIENTS).rule_id]
        assert [short(e.opening) for e in rules_of(gate).vanished] == [CLIENTS]
        assert held(gate) == ALL
    assert rules_of(gate).vanished == ()


def test_one_that_could_not_come_back_at_once_is_told_when_it_does(gate: FakeWorld) -> None:
    run(gate)
    del gate.group_rules.held[named(gate, IN).rule_id]
    gate.group_rules.refused["sg-a"] = TransientError("sg-a is not open: throttled")
    result = run(gate)
    assert result.rules is not None
    assert result.rules.vanished == ()
    assert "throttled" in str(result.failure)

    gate.group_rules.refused.clear()
    assert [short(e.opening) for e in rules_of(gate).vanished] == [IN]


def test_a_rule_that_ec2_does_not_show_yet_is_no_news(gate: FakeWorld) -> None:
    run(gate)
    shown, listed = gate.group_rules.rules, gate.group_rules.managed
    gate.group_rules.rules = lambda group_ids: ()  # type: ignore[method-assign]  # noqa: ARG005
    gate.group_rules.managed = lambda stack: ()  # type: ignore[method-assign]  # noqa: ARG005

    result = rules_of(gate)

    assert (result.added, result.vanished) == ((), ())
    assert len(result.in_place) == 4
    gate.group_rules.rules, gate.group_rules.managed = shown, listed  # type: ignore[method-assign]
    assert rules_of(gate).added == ()


def test_an_edited_rule_of_ours_is_put_right_and_told(gate: FakeWorld) -> None:
    run(gate)
    rule = named(gate, CLIENTS)
    wide = replace(rule, opening=opening("sg-nat in 0-65535 0.0.0.0/0"))
    gate.group_rules.held[rule.rule_id] = wide

    result = rules_of(gate)

    assert held(gate) == ALL
    assert result.edited == (wide,)
    assert [short(e.opening) for e in result.vanished] == [CLIENTS]


def test_a_rule_of_somebody_else_with_the_same_opening_is_enough_and_is_not_touched(
    gate: FakeWorld,
) -> None:
    by_hand(gate, CLIENTS)

    result = rules_of(gate)
    assert CLIENTS not in {short(each.opening) for each in result.added}
    policy = replace(gate.settings.policy, sources=())
    gate.settings = replace(gate.settings, policy=policy)
    run(gate)

    assert named(gate, CLIENTS).rule_id == "sgr-theirs"


def test_a_rule_that_lost_our_tag_is_left_alone_and_one_that_got_it_goes(gate: FakeWorld) -> None:
    run(gate)
    rule = named(gate, IN)
    gate.group_rules.held[rule.rule_id] = replace(rule, tags={})
    by_hand(gate, "sg-z in 1 192.0.2.0/24")
    tags = {MANAGED_TAG: "gate", VPC_TAG: VPC}
    gate.group_rules.held["sgr-theirs"] = replace(gate.group_rules.held["sgr-theirs"], tags=tags)
    gate.inventory.caches.clear()

    run(gate)
    run(gate)

    assert held(gate) == {CLIENTS, HTTPS, IN}


@pytest.mark.parametrize("left", [{}, {MANAGED_TAG: "gate"}], ids=["both tags", "the VPC's"])
def test_a_rule_that_loses_our_tags_while_a_pass_is_at_it_is_left_alone(
    gate: FakeWorld, left: dict[str, str]
) -> None:
    run(gate)
    policy = replace(gate.settings.policy, sources=(IPv4Network("203.0.113.0/28"),))
    gate.settings = replace(gate.settings, policy=policy)
    opened = gate.group_rules.open

    def meanwhile(wanted: Wanted, tags: Any) -> bool:
        rule = named(gate, CLIENTS)
        gate.group_rules.held[rule.rule_id] = replace(rule, tags=left)
        return opened(wanted, tags)

    gate.group_rules.open = meanwhile  # type: ignore[method-assign]

    result = rules_of(gate)

    assert held(gate) == {*ALL, "sg-nat in 6379 203.0.113.0/28"}
    assert result.removed == ()


def test_where_that_is_not_known_nothing_is_removed(gate: FakeWorld) -> None:
    run(gate)
    policy = replace(gate.settings.policy, sources=())
    gate.settings = replace(gate.settings, policy=policy)
    listed, looks = gate.group_rules.managed, list[str]()

    def meanwhile(stack: str) -> tuple[GroupRule, ...]:
        looks.append(stack)
        if len(looks) > 1:
            raise TransientError("which rules are managed is not known: throttled")
        return listed(stack)

    gate.group_rules.managed = meanwhile  # type: ignore[method-assign]

    assert "throttled" in str(run(gate).failure)
    assert held(gate) == ALL


# -- refusals ------------------------------------------------------------------------------------


def test_a_refusal_in_one_group_is_told_and_hinders_no_other(gate: FakeWorld) -> None:
    gate.group_rules.refused["sg-a"] = RuleRefusedError("sg-a is not open: denied")

    result = run(gate)

    assert held(gate) == ALL - {IN}
    assert result.failure is None
    assert [each.code for each in result.problems if "denied" in each.message] == ["rule_refused"]


def test_where_the_new_rule_does_not_come_the_old_one_stays(gate: FakeWorld) -> None:
    gate.add_cluster("users", "10.0.1.6")
    gate.give_groups("users", "sg-a")
    run(gate)
    merged = "sg-nat in 6379-6380 203.0.113.0/24"
    assert merged in held(gate)
    # A person lets go the port between, so that the range is cut down to one.
    gate.settings = replace(gate.settings, policy=replace(gate.settings.policy, quarantine=0.0))
    del gate.inventory.caches["users"]
    run(gate)
    opened = gate.group_rules.open

    def refuse(wanted: Wanted, tags: Any) -> bool:
        if short(wanted.opening) == CLIENTS:
            raise TransientError("throttled")
        return opened(wanted, tags)

    gate.group_rules.open = refuse  # type: ignore[method-assign]
    for _ in range(3):
        run(gate)
        assert merged in held(gate)

    gate.group_rules.open = opened  # type: ignore[method-assign]
    run(gate)
    assert held(gate) == ALL


def test_a_full_group_is_told_before_aws_refuses_and_nothing_is_added_there(
    gate: FakeWorld,
) -> None:
    policy = replace(gate.settings.policy, rules_per_group=2)
    gate.settings = replace(gate.settings, policy=policy)
    for number in range(2):
        by_hand(gate, f"sg-a in {number + 1} 192.0.2.0/24", f"sgr-{number}-theirs")

    result = rules_of(gate)

    assert [each.code for each in result.problems] == ["group_full"]
    assert IN not in held(gate)
    assert {CLIENTS, HTTPS, OUT} <= held(gate)


def test_in_a_full_group_the_old_rule_goes_first_to_make_room(gate: FakeWorld) -> None:
    policy = replace(gate.settings.policy, rules_per_group=2)
    gate.settings = replace(gate.settings, policy=policy)
    by_hand(gate, "sg-nat in 1 192.0.2.0/24")
    run(gate)
    policy = replace(policy, sources=(IPv4Network("203.0.113.0/28"),))
    gate.settings = replace(gate.settings, policy=policy)
    log: list[str] = []
    record_calls(gate, log)

    run(gate)

    assert log == [f"shut {CLIENTS}", "open sg-nat in 6379 203.0.113.0/28"]


def test_groups_of_another_account_are_told_and_not_changed(gate: FakeWorld) -> None:
    gate.add_group("sg-a", owner="999999999999")

    result = rules_of(gate)

    assert held(gate) == {CLIENTS, HTTPS, "sg-nat out 6379 10.0.1.5/32"}
    assert [each.code for each in result.problems] == ["foreign_group"]


def test_a_nat_group_that_caches_have_too_is_not_opened_for_clients(gate: FakeWorld) -> None:
    gate.group_rules.has = (interface("amazon-elasticache", "sg-nat"),)

    result = rules_of(gate)

    assert held(gate) == {"sg-a in 6379 10.0.255.10/32"}
    assert [each.code for each in result.problems] == ["no_own_group"]


# -- several VPCs and passes ---------------------------------------------------------------------


def two_vpcs(gate: FakeWorld) -> None:
    gate.add_vpc("vpc-2", "10.1.0.0/16")
    gate.add_instance("i-second", "vpc-2")
    gate.network.instances["i-second"] = replace(
        gate.network.instances["i-second"], groups=("sg-nat",)
    )
    gate.group_rules.has = ()
    gate.add_cluster("users", "10.1.1.5", vpc_id="vpc-2")
    gate.give_groups("users", "sg-a")


def test_an_opening_that_another_vpc_of_the_stack_needs_stays_until_that_one_needs_it_no_more(
    gate: FakeWorld,
) -> None:
    two_vpcs(gate)
    run(gate)
    run(gate)
    rule_id, first, second = named(gate, IN).rule_id, "cart", "users"
    if named(gate, IN).tags[VPC_TAG] != VPC:
        first, second = second, first

    del gate.inventory.caches[first]
    for _ in range(3):
        run(gate)
        assert named(gate, IN).rule_id == rule_id  # and was never away
    del gate.inventory.caches[second]
    for _ in range(3):
        run(gate)

    assert IN not in held(gate)


def test_each_vpc_s_rules_name_it(gate: FakeWorld) -> None:
    two_vpcs(gate)
    gate.add_group("sg-nat2")
    second = gate.network.instances["i-second"]
    gate.network.instances["i-second"] = replace(second, groups=("sg-nat2",))

    run(gate)

    assert {
        (each.opening.group_id, each.tags[VPC_TAG])
        for each in gate.group_rules.held.values()
        if each.opening.group_id.startswith("sg-nat")
    } == {("sg-nat", VPC), ("sg-nat2", "vpc-2")}


def test_a_late_pass_takes_nothing_away_that_a_younger_one_has_opened(gate: FakeWorld) -> None:
    run(gate)
    listed = gate.group_rules.managed

    def meanwhile(stack: str) -> tuple[GroupRule, ...]:
        """Let a younger pass see a new cache, and finish, just before this one looks."""
        gate.group_rules.managed = listed  # type: ignore[method-assign]
        gate.add_cluster("users", "10.0.1.6")
        gate.give_groups("users", "sg-b")
        sync(gate.adapters, gate.settings)
        assert "sg-b in 6379 sg-nat" in held(gate)
        return listed(stack)

    gate.group_rules.managed = meanwhile  # type: ignore[method-assign]
    log: list[str] = []
    record_calls(gate, log)

    result = run(gate)

    assert result.failure is None
    assert result.rules is not None
    assert result.rules.recheck_after == gate.settings.policy.disagreement_recheck
    assert in_motion(result, 30.0) == gate.settings.policy.disagreement_recheck
    assert "sg-b in 6379 sg-nat" in held(gate)
    assert [each for each in log if each.startswith("shut")] == [f"shut {CLIENTS}"]
    assert rules_of(gate).recheck_after is None


def test_a_late_pass_that_would_change_nothing_has_nothing_to_put_off(gate: FakeWorld) -> None:
    run(gate)
    run(gate)
    listed = gate.group_rules.managed

    def meanwhile(stack: str) -> tuple[GroupRule, ...]:
        record = gate.ledgers.records[VPC]
        gate.ledgers.save(record.ledger, record.version)
        return listed(stack)

    gate.group_rules.managed = meanwhile  # type: ignore[method-assign]

    assert rules_of(gate).recheck_after is None


def test_a_pass_that_opened_while_somebody_detached_takes_its_rules_away_again(
    gate: FakeWorld,
) -> None:
    opened = gate.group_rules.open

    def meanwhile(wanted: Wanted, tags: Any) -> bool:
        gate.group_rules.open = opened  # type: ignore[method-assign]
        assert detach(gate)["ok"]
        return opened(wanted, tags)

    gate.group_rules.open = meanwhile  # type: ignore[method-assign]

    assert run(gate).failure is None

    assert held(gate) == set()
    assert ledger(gate).detached


def test_one_that_cannot_take_them_away_says_so(gate: FakeWorld) -> None:
    opened = gate.group_rules.open

    def meanwhile(wanted: Wanted, tags: Any) -> bool:
        gate.group_rules.open = opened  # type: ignore[method-assign]
        detach(gate)
        done = opened(wanted, tags)
        gate.group_rules.close = stuck  # type: ignore[method-assign]
        return done

    gate.group_rules.open = meanwhile  # type: ignore[method-assign]

    failure = run(gate).failure

    assert isinstance(failure, NotVerifiedError)
    assert "detach again" in str(failure)


def stuck(rule: GroupRule) -> None:
    raise RuleRefusedError(f"{rule.rule_id} may still be there: denied")


def test_another_pass_that_writes_last_is_no_failure(gate: FakeWorld) -> None:
    save = gate.ledgers.save

    def late(ledger: Ledger, replacing: int | None) -> Record:
        if ledger.openings:
            gate.ledgers.conflicts = 1
        return save(ledger, replacing)

    gate.ledgers.save = late  # type: ignore[method-assign]

    assert run(gate).failure is None
    assert held(gate) == ALL


# -- the way to Systems Manager ------------------------------------------------------------------


def test_an_instance_that_cannot_be_asked_without_is_let_out_to_systems_manager(
    gate: FakeWorld,
) -> None:
    gate.group_rules.refused["sg-b"] = TransientError("unused")
    gate.gateways.failing[NAT] = Reply(instance_id=NAT, failure="no agent", unreached=True)

    result = run(gate)

    assert held(gate) == {HTTPS}
    assert result.failure is None
    gate.gateways.failing.clear()
    run(gate)
    assert held(gate) == ALL


def test_while_it_cannot_be_asked_nothing_that_is_open_is_taken_away(gate: FakeWorld) -> None:
    run(gate)
    gate.ledgers.records.clear()
    gate.gateways.failing[NAT] = Reply(instance_id=NAT, failure="no agent", unreached=True)

    result = rules_of(gate)

    assert held(gate) == ALL
    assert result.removed == ()


def test_without_an_answer_of_ec2_that_is_tried_again(gate: FakeWorld) -> None:
    gate.gateways.failing[NAT] = Reply(instance_id=NAT, failure="no agent", unreached=True)

    def silent(group_ids: Any) -> Any:
        raise TransientError(f"{group_ids} are not known: throttled")

    gate.group_rules.groups = silent  # type: ignore[method-assign]

    assert "throttled" in str(run(gate).failure)


# -- a look without a change ---------------------------------------------------------------------


def test_consider_tells_what_would_change_and_changes_nothing(gate: FakeWorld) -> None:
    run(gate)
    before = dict(gate.group_rules.held)
    policy = replace(gate.settings.policy, sources=())
    found = replace(ledger(gate), sources=policy.sources)
    instances = tuple(gate.network.instances.values())
    seen = survey(gate.adapters, gate.settings).observations[VPC]

    considered = consider(gate.adapters, gate.settings, found, instances, seen)

    assert [short(each.opening) for each in considered.plan.remove] == [CLIENTS]
    assert gate.group_rules.held == before


# -- taking away ---------------------------------------------------------------------------------


def test_detach_takes_exactly_ours_away_and_nothing_is_missed_when_it_comes_back(
    gate: FakeWorld,
) -> None:
    by_hand(gate, "sg-a in 6379 10.0.0.0/8")
    run(gate)
    ids = {e.rule_id for e in gate.group_rules.held.values() if e.tags}

    answer = detach(gate)

    assert answer["ok"]
    assert set(answer["rules_removed"]) == ids
    assert answer["rules_still_there"] == []
    assert held(gate) == {"sg-a in 6379 10.0.0.0/8"}
    run(gate)
    assert held(gate) == {"sg-a in 6379 10.0.0.0/8"}
    (vpc,) = sync(gate.adapters, gate.settings, attach=True).vpcs
    assert vpc.rules is not None
    assert vpc.rules.vanished == ()
    assert held(gate) > ALL


def test_a_rule_that_cannot_be_removed_is_told_like_an_agent_that_stays(gate: FakeWorld) -> None:
    run(gate)
    gate.group_rules.refused["sg-a"] = RuleRefusedError("sgr-9 may still be there: denied")

    answer = detach(gate)

    assert held(gate) == {IN}
    assert not answer["ok"]
    assert answer["rules_still_there"] == ["sgr-9 may still be there: denied"]
    assert answer["error"] == {"code": "not_removed", "message": "sgr-9 may still be there: denied"}


def test_where_ec2_does_not_say_which_rules_are_ours_detach_is_not_done(gate: FakeWorld) -> None:
    run(gate)

    def silent(stack: str) -> tuple[GroupRule, ...]:
        raise TransientError(f"which rules of {stack} are managed is not known: throttled")

    gate.group_rules.managed = silent  # type: ignore[method-assign]

    answer = detach(gate)

    assert not answer["ok"]
    assert "throttled" in answer["error"]["message"]
    assert gate.gateways.held == {}


@pytest.mark.parametrize("state", ["running", "stopped", "untagged"])
def test_an_agent_that_stays_keeps_its_way_to_systems_manager_for_the_next_try(
    gate: FakeWorld, state: str
) -> None:
    policy = replace(gate.settings.policy, first_port=443)  # clients are let in there: that goes
    gate.settings = replace(gate.settings, policy=policy)
    run(gate)
    assert "sg-nat in 443 203.0.113.0/24" in held(gate)
    instance = gate.network.instances[NAT]
    gate.gateways.failing[NAT] = Reply(instance_id=NAT, failure="undelivered")
    if state == "stopped":
        gate.network.instances[NAT] = replace(instance, state="stopped")
        gate.network.runs.clear()
    if state == "untagged":
        del gate.network.instances[NAT]

    answer = detach(gate)

    assert not answer["ok"]
    assert held(gate) == {HTTPS}
    gate.gateways.failing.clear()
    gate.network.instances[NAT] = instance
    gate.network.runs.add(NAT)
    assert detach(gate)["ok"]
    assert held(gate) == set()


def test_a_vpc_that_could_not_be_detached_keeps_its_rules(gate: FakeWorld) -> None:
    two_vpcs(gate)
    gate.add_group("sg-nat2")
    second = gate.network.instances["i-second"]
    gate.network.instances["i-second"] = replace(second, groups=("sg-nat2",))
    run(gate)
    save = gate.ledgers.save

    def late(ledger: Ledger, replacing: int | None) -> Record:
        if ledger.vpc_id == "vpc-2":
            gate.ledgers.conflicts = 1
        return save(ledger, replacing)

    kept = {e.rule_id for e in gate.group_rules.held.values() if e.tags[VPC_TAG] == "vpc-2"}
    assert kept
    gate.ledgers.save = late  # type: ignore[method-assign]

    assert detach(gate)["error"]["code"] == "ledger_conflict"
    assert set(gate.group_rules.held) == kept


def test_rules_that_keep_coming_are_not_called_gone(gate: FakeWorld) -> None:
    run(gate)
    closed = gate.group_rules.close

    def again(rule: GroupRule) -> None:
        closed(rule)
        gate.group_rules.open(Wanted(opening=rule.opening, why=""), rule.tags)

    gate.group_rules.close = again  # type: ignore[method-assign]

    answer = detach(gate)

    assert not answer["ok"]
    assert "passes keep adding rules" in answer["rules_still_there"]


def test_two_groups_of_rules_of_other_stacks_stay_when_this_one_detaches(gate: FakeWorld) -> None:
    run(gate)
    by_hand(gate, "sg-a in 6379 10.9.0.0/16")
    gate.group_rules.held["sgr-theirs"] = replace(
        gate.group_rules.held["sgr-theirs"], tags={MANAGED_TAG: "other", VPC_TAG: VPC}
    )

    detach(gate)

    assert set(gate.group_rules.held) == {"sgr-theirs"}
