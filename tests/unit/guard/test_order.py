"""The order of a revocation: recorded, what must stay open opened, removed, read back."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from cachegate.domain.finding import CARVED, Step
from cachegate.domain.group_rules import MANAGED_TAG, VPC_TAG
from cachegate.domain.revocation import Author, RevocationState
from cachegate.errors import NotVerifiedError, RuleRefusedError, TransientError
from cachegate.guard.revoke import Asked
from cachegate.guard.sweep import sweep
from tests.unit.guard.fakes import GROUP, STACK, VPC, Crash, World, read_traffic

if TYPE_CHECKING:
    from cachegate.domain.ingress import IngressRule
    from cachegate.guard.results import SweepResult

MUST_WORK = ["records.record", "groups.open"]


def run(world: World, asked: Asked | None = None) -> SweepResult:
    return sweep(world.adapters, world.settings, asked or Asked(), lambda result: result)


def state(world: World, rule: IngressRule) -> RevocationState:
    return world.store.revocations[rule.rule_id].state


def carving(world: World) -> IngressRule:
    """A rule that is carved, and is the NAT instance's only way."""
    world.set_policy(carve_ranges=True, add_own_path=True)
    world.add_nat()
    world.add_cache("cart", GROUP, exposed=True)
    return world.add_rule("tcp 6000-7000", "0.0.0.0/0", description="from 2019", team="shop")


def test_a_rule_is_recorded_before_anything_is_changed_and_removed_last(world: World) -> None:
    rule = carving(world)

    run(world)

    done = [name for name in world.wire.names() if name.startswith(("groups.op", "groups.rev"))]
    names = world.wire.names()
    assert done == ["groups.open"] * 3 + ["groups.revoke"]
    assert names.index("records.record") < names.index("groups.open")
    assert rule.rule_id not in world.ec2.held


def test_the_record_has_all_that_it_takes_to_give_the_rule_back(world: World) -> None:
    rule = world.add_rule("tcp 6379", "0.0.0.0/0", description="from 2019", team="shop")
    author = Author(who="arn:aws:iam::1:user/eve", event="Authorize", event_id="e-1", at=5.0)

    run(world, Asked(triggers=("e-1",), authors={rule.rule_id: author}))

    kept = world.store.revocations[rule.rule_id]
    assert kept.rule == rule
    assert kept.group == world.ec2.known[GROUP]
    assert kept.state is RevocationState.REVOKED
    assert kept.caches == ("cart",)
    assert (kept.author, kept.triggers) == (author, ("e-1",))
    assert "i-web" in kept.evidence[0]
    assert "198.51.100.9" in kept.evidence[0]


def test_what_asked_first_stays_recorded_when_a_later_pass_does_it(world: World) -> None:
    rule = world.add_rule("tcp 6379", "0.0.0.0/0")
    author = Author(who="arn:aws:iam::1:user/eve", event="Authorize", event_id="e-1", at=5.0)
    world.wire.fail("groups.revoke", Crash())
    with pytest.raises(Crash):
        run(world, Asked(triggers=("e-1",), authors={rule.rule_id: author}))

    run(world, Asked(triggers=("the schedule",)))

    kept = world.store.revocations[rule.rule_id]
    assert (kept.author, kept.triggers) == (author, ("e-1",))


def test_an_author_of_whom_the_trail_tells_after_the_revocation_is_recorded_then(
    world: World,
) -> None:
    rule = world.add_rule("tcp 6379", "0.0.0.0/0")
    author = Author(who="arn:aws:iam::1:user/eve", event="Authorize", event_id="e-1", at=5.0)
    run(world, Asked(triggers=("the schedule",)))
    first = world.store.revocations[rule.rule_id]
    assert first.author is None

    run(world, Asked(triggers=("e-1",), authors={rule.rule_id: author}))

    assert world.store.revocations[rule.rule_id] == replace(first, author=author)
    later = Author(who="arn:aws:iam::1:user/eve", event="Modify", event_id="e-2", at=6.0)
    run(world, Asked(authors={rule.rule_id: later}))
    assert world.store.revocations[rule.rule_id].author == author


def test_rules_that_were_tried_in_vain_do_not_hold_up_the_others(world: World) -> None:
    world.set_policy(most_revocations=1)
    rules = [world.add_rule("tcp 6379", source) for source in ("0.0.0.0/0", "13.0.0.0/8")]
    stuck, free = sorted(rules, key=lambda rule: rule.rule_id)
    world.wire.fail("groups.revoke", RuleRefusedError("not now"))

    assert run(world).failures.keys() == {stuck.rule_id}
    run(world)

    assert stuck.rule_id in world.ec2.held
    assert free.rule_id not in world.ec2.held


def test_a_pass_ends_in_time_and_tells_what_it_did_however_slow_ec2_is(world: World) -> None:
    world.set_policy(carve_ranges=True)
    world.ec2.lag, world.ec2.quota = 9.0, 1000
    for first in range(6000, 6020):
        world.add_rule(f"tcp {first}-65535", "0.0.0.0/0")
    world.now += 60.0
    began = world.now

    result = run(world)

    assert world.now - began < 240.0  # of 300 that the function has
    assert 0 < len(result.revoked) < 20
    assert not result.failures
    waiting = [each for each in result.standing if each.step is Step.WAIT]
    assert len(result.revoked) + len(waiting) == 20
    while not all(each.step is Step.REPORT for each in run(world).standing):
        world.now += 900.0
    assert len(world.ec2.removed) == 20


def test_rules_that_stay_whatever_is_done_leave_time_for_the_others(world: World) -> None:
    world.set_policy(most_revocations=100)
    stuck = [world.add_rule("tcp 6379", f"{number}.0.0.0/8") for number in range(11, 31)]
    ids = {rule.rule_id for rule in stuck}

    def hold(_number: int, name: str, args: tuple[object, ...]) -> None:
        if name == "groups.revoke" and args[1] in ids:
            rule = next(each for each in stuck if each.rule_id == args[1])
            world.ec2.put(rule)

    world.wire.after = hold
    run(world)
    run(world)
    free = world.add_rule("tcp 6380", "41.0.0.0/8")

    run(world)

    assert free.rule_id not in world.ec2.held


def test_the_evidence_names_public_interfaces_first(world: World) -> None:
    world.add_instance("i-a", GROUP)
    rule = world.add_rule("tcp 6379", "0.0.0.0/0")

    run(world)

    evidence = world.store.revocations[rule.rule_id].evidence
    assert [each.split(" ")[0] for each in evidence] == ["eni-i-web", "eni-i-a"]


def test_a_rule_that_another_pass_took_during_the_look_is_told_once(world: World) -> None:
    rule = world.add_rule("tcp 6379", "0.0.0.0/0")
    world.wire.fail("groups.revoke", Crash())
    with pytest.raises(Crash):
        run(world)

    def take(_number: int, name: str, _args: object) -> None:
        if name == "groups.interfaces":
            world.ec2.take(rule.rule_id)

    world.wire.before = take

    assert [each.rule for each in run(world).revoked] == [rule]


def test_what_is_carved_out_keeps_source_description_and_tags(world: World) -> None:
    rule = carving(world)

    run(world)

    pieces = [each for each in world.ec2.opened if CARVED in each.tags]
    beside = [read_traffic(f"tcp {ports}") for ports in ("6000-6378", "6381-7000")]
    assert [each.traffic for each in pieces] == beside
    for piece in pieces:
        assert (piece.source, piece.description) == (rule.source, "from 2019")
        assert piece.tags == {"team": "shop", CARVED: rule.rule_id}
    assert world.store.revocations[rule.rule_id].carved


def test_what_is_carved_out_of_a_rule_with_our_tags_is_not_ours(world: World) -> None:
    world.set_policy(carve_ranges=True)
    ours = {MANAGED_TAG: STACK, VPC_TAG: VPC}
    rule = world.add_rule("tcp 6000-7000", "0.0.0.0/0", team="shop", **ours)

    run(world)

    assert [each.tags for each in world.ec2.opened] == [{"team": "shop", CARVED: rule.rule_id}] * 2


def test_our_own_way_is_opened_as_ours(world: World) -> None:
    carving(world)

    run(world)

    way = world.ec2.opened[0]
    assert (str(way.source), way.traffic) == ("sg-nat", read_traffic("tcp 6379"))
    assert way.tags == {MANAGED_TAG: STACK, VPC_TAG: VPC}


@pytest.mark.parametrize("call", MUST_WORK)
@pytest.mark.parametrize("error", [RuleRefusedError("full"), TransientError("no answer")])
def test_nothing_is_removed_when_a_step_before_is_refused(
    world: World, call: str, error: Exception
) -> None:
    rule = carving(world)
    world.wire.fail(call, error)

    result = run(world)

    assert result.failures == {rule.rule_id: error}
    assert "groups.revoke" not in world.wire.names()
    assert rule.rule_id in world.ec2.held


@pytest.mark.parametrize("opening", range(3))
def test_nothing_is_removed_when_any_single_opening_is_refused(world: World, opening: int) -> None:
    rule = carving(world)
    passed = iter(range(10))

    def refuse(_number: int, name: str, _args: object) -> None:
        if name == "groups.open" and next(passed) == opening:
            raise RuleRefusedError("full")

    world.wire.before = refuse

    assert rule.rule_id in run(world).failures
    assert rule.rule_id in world.ec2.held


def test_a_rule_stays_where_ec2_only_says_that_it_opened_our_way(world: World) -> None:
    rule = carving(world)
    world.wire.lies = {"groups.open"}

    result = run(world)

    assert isinstance(result.failures[rule.rule_id], NotVerifiedError)
    assert rule.rule_id in world.ec2.held


def test_a_removal_that_ec2_only_claims_is_not_believed(world: World) -> None:
    rule = world.add_rule("tcp 6379", "0.0.0.0/0")
    world.wire.lies = {"groups.revoke"}

    result = run(world)

    assert isinstance(result.failures[rule.rule_id], NotVerifiedError)
    assert result.revoked == ()
    assert [each.rule for each in result.standing] == [rule]
    assert state(world, rule) is RevocationState.PENDING


def test_what_ec2_claimed_once_is_removed_by_the_next_pass(world: World) -> None:
    rule = world.add_rule("tcp 6379", "0.0.0.0/0")
    world.wire.lies = {"groups.revoke"}
    run(world)
    world.wire.calm()

    result = run(world)

    assert [each.rule for each in result.revoked] == [rule]
    assert state(world, rule) is RevocationState.REVOKED


def test_ec2_may_go_on_showing_a_rule_for_a_while(world: World) -> None:
    rule = world.add_rule("tcp 6379", "0.0.0.0/0")
    world.ec2.lag = 4.0
    before = world.now

    result = run(world)

    assert [each.rule for each in result.revoked] == [rule]
    assert world.now - before >= 4.0
    assert state(world, rule) is RevocationState.REVOKED


def test_ec2_does_not_go_on_showing_it_beyond_the_read_back(world: World) -> None:
    rule = world.add_rule("tcp 6379", "0.0.0.0/0")
    world.ec2.lag = 60.0

    result = run(world)

    assert isinstance(result.failures[rule.rule_id], NotVerifiedError)
    assert state(world, rule) is RevocationState.PENDING


def test_a_rule_that_somebody_removed_first_is_a_success(world: World) -> None:
    rule = world.add_rule("tcp 6379", "0.0.0.0/0")

    def vanish(_number: int, name: str, _args: object) -> None:
        if name == "groups.revoke":
            world.ec2.take(rule.rule_id)

    world.wire.before = vanish

    result = run(world)

    assert not result.failures
    assert state(world, rule) is RevocationState.REVOKED


def test_a_rule_that_was_narrowed_since_the_look_stays(world: World) -> None:
    rule = world.add_rule("tcp 6379", "0.0.0.0/0")

    def narrow(_number: int, name: str, _args: object) -> None:
        if name == "network.nat_instances":  # late in the look
            world.ec2.put(replace(rule, source=world.add_rule("tcp 1", "203.0.113.7/32").source))

    world.wire.before = narrow

    result = run(world)

    assert rule.rule_id in world.ec2.held
    assert isinstance(result.failures[rule.rule_id], TransientError)


def test_a_rule_that_was_exempted_since_the_look_stays(world: World) -> None:
    rule = world.add_rule("tcp 6379", "0.0.0.0/0")

    def excuse(_number: int, name: str, _args: object) -> None:
        if name == "network.nat_instances":
            world.ec2.put(replace(rule, tags={"cachegate:exempt": "me|2999-01-01|why"}))

    world.wire.before = excuse

    run(world)

    assert rule.rule_id in world.ec2.held


def test_nothing_is_opened_in_place_of_a_rule_that_a_person_removed_since_the_look(
    world: World,
) -> None:
    world.set_policy(carve_ranges=True)
    rule = world.add_rule("tcp 0-65535", "0.0.0.0/0")

    def remove(_number: int, name: str, _args: object) -> None:
        if name == "network.nat_instances":
            world.ec2.take(rule.rule_id)

    world.wire.before = remove

    run(world)

    assert world.ec2.held == {}
    assert not world.store.revocations[rule.rule_id].carved


def test_who_tags_a_rule_again_and_again_does_not_keep_it(world: World) -> None:
    rule = world.add_rule("tcp 6379", "0.0.0.0/0", description="from 2019")

    def tag(number: int, name: str, _args: object) -> None:
        if name == "groups.rules":
            world.ec2.put(replace(rule, description="mine", tags={"turn": str(number)}))

    world.wire.before = tag

    result = run(world)

    assert not result.failures
    assert world.ec2.removed == [world.store.revocations[rule.rule_id].rule]  # as it was at last


def test_a_rule_that_fails_stops_no_other_one(world: World) -> None:
    first, second = (world.add_rule("tcp 6379", source) for source in ("0.0.0.0/0", "::/0"))
    world.wire.fail("groups.revoke", TransientError("throttled"))

    result = run(world)

    assert set(result.failures) == {first.rule_id}
    assert second.rule_id not in world.ec2.held


def test_a_failed_opening_of_our_way_holds_every_rule_that_counted_on_it(world: World) -> None:
    # Each rule admits one NAT instance, and one rule for the group of both would replace them.
    world.set_policy(add_own_path=True)
    world.add_nat("i-nat-1", "10.0.255.10")
    world.add_nat("i-nat-2", "172.31.255.10")
    world.add_cache("cart", GROUP, exposed=True)
    low, high = (world.add_rule("tcp 6379", source) for source in ("0.0.0.0/1", "128.0.0.0/1"))
    world.wire.fail("groups.open", RuleRefusedError("full"), times=2)

    result = run(world)

    assert set(result.failures) == {low.rule_id, high.rule_id}
    assert {low.rule_id, high.rule_id} == world.ec2.held.keys()


def test_the_one_rule_that_replaces_two_is_opened_once(world: World) -> None:
    world.set_policy(add_own_path=True)
    world.add_nat("i-nat-1", "10.0.255.10")
    world.add_nat("i-nat-2", "172.31.255.10")
    world.add_cache("cart", GROUP, exposed=True)
    for source in ("0.0.0.0/1", "128.0.0.0/1"):
        world.add_rule("tcp 6379", source)

    assert not run(world).failures
    assert [str(each.source) for each in world.ec2.held.values()] == ["sg-nat"]
