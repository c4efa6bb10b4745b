"""Restore gives everything back, and nothing twice."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING

import pytest

from cachegate.domain.finding import CARVED, EXEMPT, Exemption, Step
from cachegate.domain.revocation import RevocationState
from cachegate.errors import (
    CachegateError,
    InvocationError,
    NotVerifiedError,
    RuleRefusedError,
    TransientError,
)
from cachegate.guard.restore import Restored, Restorer
from cachegate.guard.revoke import Asked
from cachegate.guard.settings import Mode
from cachegate.guard.sweep import sweep
from tests.unit.guard.fakes import GROUP, STACK, VPC, WRITES, Crash, World, key

if TYPE_CHECKING:
    from cachegate.domain.ingress import IngressRule
    from cachegate.domain.revocation import Revocation
    from cachegate.guard.results import SweepResult

EXCUSE = Exemption(owner="data-team", until=date(2999, 1, 31), reason="migration")
ENDED = Exemption(owner="data-team", until=date(2020, 1, 31), reason="migration")


def run(world: World) -> SweepResult:
    return sweep(world.adapters, world.settings, Asked(), lambda result: result)


def restore(
    world: World, rule: IngressRule, exemption: Exemption | None = None, *, force: bool = False
) -> Restored:
    restorer = Restorer(world.adapters, world.settings)
    return restorer.restore(rule.rule_id, exemption, force=force)


def revoked(world: World, traffic: str = "tcp 6379", source: str = "0.0.0.0/0") -> IngressRule:
    rule = world.add_rule(
        traffic, source, description="from 2019", team="shop", **{"aws:cloudformation": "x"}
    )
    run(world)
    assert rule.rule_id not in world.ec2.held
    return rule


def kept(world: World, rule: IngressRule) -> Revocation:
    return world.store.revocations[rule.rule_id]


def back(world: World, rule: IngressRule) -> list[IngressRule]:
    return [each for each in world.ec2.held.values() if key(each) == key(rule)]


@pytest.mark.parametrize("source", ["0.0.0.0/0", "::/0", "13.0.0.0/8", "pl-open"])
@pytest.mark.parametrize("traffic", ["tcp 6379", "-1", "tcp 6000-7000"])
def test_all_of_a_rule_comes_back_but_the_tags_of_aws(
    world: World, traffic: str, source: str
) -> None:
    world.add_list("pl-open", "0.0.0.0/0")
    rule = revoked(world, traffic, source)

    restored = restore(world, rule, force=True)

    (there,) = back(world, rule)
    expected = replace(rule, rule_id=there.rule_id, tags={"team": "shop"})
    assert there == expected
    assert there.rule_id != rule.rule_id
    assert not restored.existed
    assert restored.revocation == kept(world, rule)
    assert kept(world, rule).state is RevocationState.RESTORED
    assert kept(world, rule).restored_as == there.rule_id
    assert kept(world, rule).restored_at == world.now
    assert (kept(world, rule).rule.traffic, str(kept(world, rule).rule.source)) == key(rule)[1:]


def test_twice_is_once(world: World) -> None:
    rule = revoked(world)
    first = restore(world, rule, force=True)
    world.now += 60

    second = restore(world, rule, force=True)

    assert len(back(world, rule)) == 1
    assert second.existed
    assert second.revocation == first.revocation


def test_a_rule_that_would_go_again_at_once_is_refused_with_the_reason(world: World) -> None:
    rule = revoked(world)

    with pytest.raises(InvocationError, match=rf"{rule.rule_id}: .*every IPv4 address.*force"):
        restore(world, rule)

    assert back(world, rule) == []
    assert kept(world, rule).state is RevocationState.REVOKED


def test_a_rule_that_would_take_others_with_it_is_refused(world: World) -> None:
    # Alone 13.0.0.0/9 is public; with 14.0.0.0/9 the two are as wide as a /8, and one must go.
    world.add_rule("tcp 6379", "14.0.0.0/9")
    world.add_rule("tcp 6379", "13.0.0.0/9")
    run(world)
    (gone,) = world.ec2.removed

    with pytest.raises(InvocationError, match="together"):
        restore(world, gone)

    assert len(world.ec2.held) == 1


def test_a_rule_that_is_harmless_by_now_comes_back_and_the_reason_for_others_is_told(
    world: World,
) -> None:
    # 12.0.0.0/9 is narrow; with the other two there since, a union has to lose one of them.
    world.add_rule("tcp 6379", "13.0.0.0/9")
    world.add_rule("tcp 6379", "14.0.0.0/9")
    run(world)
    (gone,) = world.ec2.removed
    world.ec2.held.clear()

    restore(world, gone)
    result = run(world)

    assert result.revoked == ()
    assert len(back(world, gone)) == 1


def test_a_rule_that_stays_itself_and_drives_another_one_out_is_refused(world: World) -> None:
    world.add_rule("tcp 6379", "13.0.0.0/9")
    world.add_rule("tcp 6379", "14.0.0.0/9")
    run(world)
    (gone,) = world.ec2.removed
    world.ec2.held.clear()
    other = world.add_rule("tcp 6379", "12.0.0.0/9")  # of two as wide, the lower one goes

    with pytest.raises(InvocationError, match=other.rule_id):
        restore(world, gone)

    assert world.ec2.held == {other.rule_id: other}


def test_a_rule_that_would_go_in_a_later_pass_is_refused_too(world: World) -> None:
    rule = revoked(world)
    world.set_policy(most_revocations=1)
    world.add_group("sg-a")
    world.add_cache("users", "sg-a")
    world.add_instance("i-users", "sg-a", public="198.51.100.10")
    world.add_rule("tcp 6379", "0.0.0.0/0", "sg-a")

    with pytest.raises(InvocationError, match=rule.rule_id):
        restore(world, rule)


def test_a_prefix_list_is_judged_as_it_is_now(world: World) -> None:
    world.add_list("pl-open", "0.0.0.0/0")
    rule = revoked(world, source="pl-open")
    world.add_list("pl-open", "203.0.113.0/24")

    restore(world, rule)

    assert run(world).revoked == ()
    assert len(back(world, rule)) == 1


def test_with_an_exemption_it_stays(world: World) -> None:
    rule = revoked(world)

    restore(world, rule, EXCUSE)
    result = run(world)

    (there,) = back(world, rule)
    assert there.tags == {"team": "shop", EXEMPT: "data-team|2999-01-31|migration"}
    assert result.revoked == ()
    assert [each.step for each in result.findings] == [Step.EXEMPT]


def test_an_exemption_that_is_over_is_refused_even_by_force(world: World) -> None:
    rule = revoked(world)

    with pytest.raises(InvocationError, match="2020-01-31 is over"):
        restore(world, rule, ENDED, force=True)

    assert back(world, rule) == []


def test_force_gives_back_what_the_next_pass_takes_again_with_a_record_of_its_own(
    world: World,
) -> None:
    rule = revoked(world)
    again = restore(world, rule, force=True).revocation.restored_as

    result = run(world)

    assert [each.rule.rule_id for each in result.revoked] == [again]
    assert kept(world, rule).state is RevocationState.RESTORED


def test_in_observe_nothing_would_go_again(world: World) -> None:
    rule = revoked(world)
    world.set(mode=Mode.OBSERVE)

    restore(world, rule)

    assert len(back(world, rule)) == 1


def test_a_stack_that_may_not_add_rules_says_so_first(world: World) -> None:
    rule = revoked(world)
    world.set(may_restore=False)
    world.wire.calls.clear()

    with pytest.raises(InvocationError, match="AllowRestore=true"):
        restore(world, rule, force=True)

    assert world.wire.calls == []


def test_what_was_never_revoked_cannot_come_back(world: World) -> None:
    rule = world.add_rule("tcp 22", "0.0.0.0/0")

    with pytest.raises(InvocationError, match="no revocation"):
        restore(world, rule)


def test_a_group_that_is_gone_is_told_with_the_place_of_the_record(world: World) -> None:
    rule = revoked(world)
    del world.ec2.known[GROUP]

    with pytest.raises(RuleRefusedError, match="guard-table"):
        restore(world, rule, force=True)

    assert kept(world, rule).state is RevocationState.REVOKED


def test_a_group_that_no_cache_has_any_more_gets_its_rule_back(world: World) -> None:
    rule = revoked(world)
    world.rest.caches.clear()

    restore(world, rule)

    assert len(back(world, rule)) == 1


def test_a_full_group_refuses_and_the_record_stays_as_it_was(world: World) -> None:
    rule = revoked(world)
    before = kept(world, rule)
    world.ec2.quota = len(world.ec2.held)

    with pytest.raises(RuleRefusedError, match="full"):
        restore(world, rule, force=True)

    assert kept(world, rule) == before


def test_a_rule_that_ec2_only_claims_to_open_is_not_believed(world: World) -> None:
    rule = revoked(world)
    world.wire.lies = {"groups.open"}

    with pytest.raises(NotVerifiedError):
        restore(world, rule, force=True)

    assert kept(world, rule).state is RevocationState.REVOKED


def test_a_restored_rule_that_is_shown_late_is_waited_for(world: World) -> None:
    rule = revoked(world)
    world.ec2.lag = 3.0

    assert restore(world, rule, force=True).revocation.restored_as in world.ec2.held


def test_a_revoked_rule_that_is_still_shown_does_not_count_as_back(world: World) -> None:
    rule = revoked(world)
    world.ec2._former[rule.rule_id] = (world.now + 5, rule)

    restored = restore(world, rule, force=True)

    assert not restored.existed
    assert len(back(world, rule)) == 1


def test_a_rule_that_a_person_gave_back_by_hand_is_taken_as_it_is(world: World) -> None:
    rule = revoked(world)
    by_hand = world.add_rule("tcp 6379", "0.0.0.0/0", description="by hand")

    restored = restore(world, rule)

    assert restored.existed
    assert restored.closed == ()
    assert back(world, rule) == [by_hand]
    assert kept(world, rule).restored_as == by_hand.rule_id


def test_a_rule_given_back_by_hand_gets_the_exemption(world: World) -> None:
    rule = revoked(world)
    by_hand = world.add_rule("tcp 6379", "0.0.0.0/0")

    restore(world, rule, EXCUSE)

    assert world.ec2.held[by_hand.rule_id].tags == {EXEMPT: str(EXCUSE)}


@pytest.mark.parametrize("quicker", ["shown", "late"])
def test_somebody_who_is_quicker_by_a_moment_does_no_harm(world: World, quicker: str) -> None:
    rule = revoked(world)
    if quicker == "late":
        world.ec2.lag = 2.0

    def add(_number: int, name: str, _args: object) -> None:
        if name == "groups.open":
            world.wire.calm()
            world.add_rule("tcp 6379", "0.0.0.0/0", description="by hand")

    world.wire.before = add

    restored = restore(world, rule, EXCUSE)

    assert restored.existed
    (there,) = back(world, rule)
    assert (there.description, there.tags[EXEMPT]) == ("by hand", str(EXCUSE))
    assert kept(world, rule).restored_as == there.rule_id


def test_an_exemption_that_ec2_only_claims_to_tag_is_not_believed(world: World) -> None:
    rule = revoked(world)
    world.add_rule("tcp 6379", "0.0.0.0/0")
    world.wire.lies = {"groups.tag"}

    with pytest.raises(NotVerifiedError):
        restore(world, rule, EXCUSE)

    assert kept(world, rule).state is RevocationState.REVOKED


def test_what_was_carved_out_is_taken_away_after_the_rule_is_back(world: World) -> None:
    world.set_policy(carve_ranges=True)
    rule = revoked(world, "tcp 6000-7000")
    pieces = {each.rule_id for each in world.ec2.held.values() if CARVED in each.tags}
    world.wire.calls.clear()

    restored = restore(world, rule, force=True)

    assert set(restored.closed) == pieces
    assert len(pieces) == 2
    assert len(world.ec2.held) == 1
    assert world.wire.names().index("groups.open") < world.wire.names().index("groups.revoke")


def test_a_carved_piece_that_stays_in_ec2_fails_the_restore(world: World) -> None:
    world.set_policy(carve_ranges=True)
    rule = revoked(world, "tcp 6000-7000")
    world.wire.lies = {"groups.revoke"}

    with pytest.raises(NotVerifiedError):
        restore(world, rule, force=True)
    world.wire.calm()
    restore(world, rule, force=True)

    assert len(world.ec2.held) == 1


@pytest.mark.parametrize(
    ("traffic", "source"),
    [
        ("tcp 6379", "203.0.113.7/32"),
        ("tcp 22", "0.0.0.0/0"),
        ("tcp 6381-7001", "0.0.0.0/0"),
        ("udp 6381-7000", "0.0.0.0/0"),
        ("-1", "0.0.0.0/0"),
        ("tcp 6381-7000", "::/0"),
    ],
)
def test_a_forged_tag_takes_no_rule_away_that_the_restored_one_does_not_hold(
    world: World, traffic: str, source: str
) -> None:
    world.set_policy(carve_ranges=True)
    rule = revoked(world, "tcp 6000-7000")
    world.set(mode=Mode.OBSERVE)
    forged = world.add_rule(traffic, source, **{CARVED: rule.rule_id})

    restored = restore(world, rule)

    assert forged.rule_id not in restored.closed
    assert forged.rule_id in world.ec2.held


def test_a_rule_whose_pass_broke_off_before_it_went_is_left_pending(world: World) -> None:
    world.set_policy(carve_ranges=True)
    rule = world.add_rule("tcp 6000-7000", "0.0.0.0/0")
    world.wire.fail("groups.revoke", Crash())
    with pytest.raises(Crash):
        run(world)

    restored = restore(world, rule)

    assert restored.existed
    assert len(restored.closed) == 2
    assert world.ec2.held == {rule.rule_id: rule}
    assert kept(world, rule).state is RevocationState.PENDING
    assert [each.rule for each in run(world).revoked] == [rule]


def test_a_rule_whose_pass_broke_off_after_it_went_comes_back(world: World) -> None:
    rule = world.add_rule("tcp 6379", "0.0.0.0/0")
    world.wire.fail("groups.revoke", Crash(), after=True)
    with pytest.raises(Crash):
        run(world)
    world.set(mode=Mode.OBSERVE)

    restore(world, rule)

    assert len(back(world, rule)) == 1
    assert run(world).revoked == ()
    assert kept(world, rule).state is RevocationState.RESTORED


def test_a_look_that_fails_gives_nothing_back(world: World) -> None:
    rule = revoked(world)
    world.wire.calls.clear()
    world.wire.fail("groups.interfaces", TransientError("no answer"))

    with pytest.raises(TransientError):
        restore(world, rule)

    assert WRITES.isdisjoint(world.wire.names())


def test_a_restore_that_ends_anywhere_is_made_good_by_the_next() -> None:
    def prepared() -> tuple[World, IngressRule]:
        world = World(carve_ranges=True)
        return world, revoked(world, "tcp 6000-7000")

    world, rule = prepared()
    world.wire.calls.clear()
    restore(world, rule, EXCUSE)
    ending = world.ec2.held.values()
    for at in range(len(world.wire.calls)):
        for when in ("before", "after"):
            other, rule = prepared()
            other.wire.crash(at, when)
            with pytest.raises(Crash):
                restore(other, rule, EXCUSE)
            other.wire.calm()

            restore(other, rule, EXCUSE)

            assert [replace(each, rule_id="sgr-x") for each in other.ec2.held.values()] == [
                replace(each, rule_id="sgr-x") for each in ending
            ]
            assert kept(other, rule).state is RevocationState.RESTORED


def test_a_rule_that_was_given_back_does_not_count_as_one_that_returned(world: World) -> None:
    rule = revoked(world)
    for _ in range(5):
        again = restore(world, rule, force=True).revocation.restored_as
        assert again is not None
        rule = world.ec2.held[again]
        assert [each.rule.rule_id for each in run(world).revoked] == [again]


def test_a_rule_that_somebody_else_puts_back_is_left_after_the_third_time(world: World) -> None:
    for _ in range(3):
        revoked(world)
    rule = world.add_rule("tcp 6379", "0.0.0.0/0")

    result = run(world)

    assert [each.step for each in result.findings] == [Step.REFUSE]
    assert rule.rule_id in world.ec2.held


def test_nothing_but_our_errors_comes_out_of_a_refusal(world: World) -> None:
    rule = revoked(world)
    for error in (RuleRefusedError("full"), TransientError("throttled")):
        world.wire.fail("groups.open", error)
        with pytest.raises(CachegateError):
            restore(world, rule, force=True)


def test_among_thousands_of_findings_it_is_decided_in_seconds(world: World) -> None:
    gone = revoked(world)
    world.ec2.quota = 10_000
    for last in range(7_000, 13_000):
        world.add_rule(f"tcp 6379-{last}", "0.0.0.0/0")
    began = time.process_time()

    with pytest.raises(InvocationError, match="revoke again at once"):
        restore(world, gone)

    assert time.process_time() - began < 12.0


def test_a_rule_with_our_own_tags_comes_back_without_them_or_it_would_go_again(
    world: World,
) -> None:
    ours = {"cachegate:managed": STACK, "cachegate:vpc": VPC}
    rule = world.add_rule("tcp 6379", "0.0.0.0/0", team="shop", **ours)
    run(world)

    restore(world, rule, EXCUSE)

    (again,) = world.ec2.held.values()
    assert again.tags == {"team": "shop", EXEMPT: str(EXCUSE)}
