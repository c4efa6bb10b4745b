"""What a pass does to the ledger and to the NAT instances, and what it reports."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from cachegate.detach import detach
from cachegate.domain.agent import Reply
from cachegate.domain.ledger import Ledger
from cachegate.errors import LedgerConflictError, NotVerifiedError, RuleSetTooLargeError
from cachegate.push import InstanceState
from cachegate.sync import ALL_VPCS, sync
from tests.unit.passes.fakes import NAT, VPC

if TYPE_CHECKING:
    from cachegate.results import SyncResult
    from tests.unit.passes.fakes import FakeWorld


def run(world: FakeWorld, *, attach: bool = False) -> SyncResult:
    return sync(world.adapters, world.settings, attach=attach)


def forwards(world: FakeWorld, instance: str = NAT) -> dict[int, list[list[object]]]:
    """Return what an agent holds, by listen port."""
    return {f["listen"]: f["targets"] for f in world.gateways.held[instance]["forwards"]}


def test_an_exposed_cache_is_forwarded_and_verified(world: FakeWorld) -> None:
    world.add_cluster("cart", "10.0.1.5")

    result = run(world)

    assert not result.failures
    assert result.vpcs[0].verified
    assert forwards(world) == {6379: [["10.0.1.5", 6379]]}
    assert world.ledgers.heartbeat(VPC).verified_at == world.now
    assert world.ledgers.heartbeat(ALL_VPCS).began_at == world.now


def test_a_second_pass_writes_nothing(world: FakeWorld) -> None:
    world.add_cluster("cart", "10.0.1.5")
    run(world)
    before = world.ledgers.records[VPC]

    result = run(world)

    assert result.vpcs[0].plan is not None
    assert result.vpcs[0].plan.changes == ()
    assert world.ledgers.records[VPC] is before


def test_a_replaced_node_is_reached_at_its_old_port(world: FakeWorld) -> None:
    world.add_cluster("cart", "10.0.1.5")
    world.add_cluster("users", "10.0.1.6")
    run(world)
    before = forwards(world)

    world.move("cart", "10.0.1.77")
    run(world)

    assert before == {6379: [["10.0.1.5", 6379]], 6380: [["10.0.1.6", 6379]]}
    assert forwards(world) == {6379: [["10.0.1.77", 6379]], 6380: [["10.0.1.6", 6379]]}


def test_what_is_pushed_is_what_the_ledger_holds(world: FakeWorld) -> None:
    world.add_cluster("cart", "10.0.1.5")
    run(world)

    ledger = world.ledgers.records[VPC].ledger
    held = world.gateways.held[NAT]

    assert (held["generation"], held["digest"]) == (ledger.generation, ledger.rule_set.digest)
    assert held["owner"] == world.settings.owner
    assert held["targets_within"] == ["10.0.0.0/16"]
    assert ledger.nat_instances == (NAT,)


@pytest.mark.parametrize(
    "reply",
    [
        Reply(instance_id=NAT, failure="undelivered"),
        Reply(instance_id=NAT, report={"generation": 999, "digest": "other"}),
        Reply(instance_id=NAT, report={}),
        Reply(instance_id=NAT),
    ],
)
def test_a_push_that_is_not_proved_is_a_failure(world: FakeWorld, reply: Reply) -> None:
    world.add_cluster("cart", "10.0.1.5")
    world.gateways.failing[NAT] = reply
    world.ledgers.save(Ledger(vpc_id=VPC), None)  # so that the ledger is not taken for lost

    result = run(world)

    assert isinstance(result.failures[0], NotVerifiedError)
    assert NAT in str(result.failures[0])
    assert not result.vpcs[0].verified
    assert world.ledgers.heartbeat(VPC).verified_at == 0
    assert world.ledgers.heartbeat(ALL_VPCS).began_at == 0


def test_one_nat_instance_failing_does_not_stop_the_others(world: FakeWorld) -> None:
    world.add_instance("i-other", VPC)
    world.add_cluster("cart", "10.0.1.5")
    run(world)

    world.gateways.failing[NAT] = Reply(instance_id=NAT, failure="timed out")
    world.move("cart", "10.0.1.77")
    result = run(world)

    assert forwards(world, "i-other") == {6379: [["10.0.1.77", 6379]]}
    assert [i.state for i in result.vpcs[0].instances] == [
        InstanceState.FAILED,
        InstanceState.VERIFIED,
    ]


def test_one_vpc_failing_does_not_stop_the_others(world: FakeWorld) -> None:
    world.add_vpc("vpc-2", "10.1.0.0/16")
    world.add_instance("i-second", "vpc-2")
    world.add_cluster("cart", "10.0.1.5")
    world.add_cluster("users", "10.1.1.5", vpc_id="vpc-2")
    run(world)

    world.gateways.failing[NAT] = Reply(instance_id=NAT, failure="timed out")
    world.move("users", "10.1.1.77")
    result = run(world)

    assert forwards(world, "i-second") == {6379: [["10.1.1.77", 6379]]}
    assert [vpc.verified for vpc in result.vpcs] == [False, True]


def test_an_error_that_is_none_of_ours_is_raised_when_the_others_are_done(
    world: FakeWorld,
) -> None:
    world.add_vpc("vpc-2", "10.1.0.0/16")
    world.add_instance("i-second", "vpc-2")
    world.add_cluster("users", "10.1.1.5", vpc_id="vpc-2")
    world.gateways.failing[NAT] = Reply(instance_id=NAT, report={"forwards": 1, "owner": 3})
    world.gateways.failing[NAT] = "no reply at all"  # type: ignore[assignment]

    with pytest.raises(BaseExceptionGroup):
        run(world)

    assert forwards(world, "i-second") == {6379: [["10.1.1.5", 6379]]}


def test_on_a_conflict_the_pass_observes_and_plans_again(world: FakeWorld) -> None:
    world.add_cluster("cart", "10.0.1.5")
    world.ledgers.conflicts = 2

    assert not run(world).failures
    assert forwards(world) == {6379: [["10.0.1.5", 6379]]}


def test_a_ledger_that_never_holds_still_is_a_failure(world: FakeWorld) -> None:
    world.add_cluster("cart", "10.0.1.5")
    world.ledgers.conflicts = 3

    assert isinstance(run(world).failures[0], LedgerConflictError)
    assert world.gateways.held == {}


def test_an_instance_that_ssm_does_not_know_yet_is_looked_at_again(world: FakeWorld) -> None:
    world.ledgers.save(Ledger(vpc_id=VPC), None)
    world.gateways.failing[NAT] = Reply(instance_id=NAT, unreached=True, failure="unknown")

    result = run(world)

    assert not result.failures
    assert not result.vpcs[0].verified
    assert [(vpc, token) for vpc, token, _ in world.rechecks.sent] == [(VPC, "token-1")]
    assert world.ledgers.heartbeat(VPC).token == world.rechecks.sent[0][1]


def test_rechecks_are_bounded_and_then_left_to_the_schedule(world: FakeWorld) -> None:
    world.ledgers.save(Ledger(vpc_id=VPC), None)
    world.settings = replace(world.settings, most_rechecks=3)
    world.gateways.failing[NAT] = Reply(instance_id=NAT, unreached=True, failure="unknown")

    for _ in range(5):
        run(world)

    assert len(world.rechecks.sent) == 3
    assert world.ledgers.heartbeat(VPC).token == ""


def test_rechecks_begin_anew_after_all_was_quiet(world: FakeWorld) -> None:
    world.settings = replace(world.settings, most_rechecks=1)
    world.gateways.report = {"unreachable": [6379]}
    run(world)
    run(world)
    world.gateways.report = {}
    run(world)
    world.gateways.report = {"unreachable": [6379]}
    run(world)

    assert len(world.rechecks.sent) == 2


def test_an_unreachable_target_is_looked_at_again_and_no_failure(world: FakeWorld) -> None:
    world.add_cluster("cart", "10.0.1.5")
    world.gateways.report = {"unreachable": [6379]}

    result = run(world)

    assert not result.failures
    assert result.vpcs[0].verified
    assert result.vpcs[0].instances[0].unreachable == (6379,)
    assert result.vpcs[0].recheck_after == world.settings.policy.recheck


def test_a_stopped_instance_is_reported_and_not_asked(world: FakeWorld) -> None:
    world.add_instance("i-asleep", VPC, state="stopped")

    result = run(world)

    assert result.vpcs[0].verified
    assert {i.instance_id: i.state for i in result.vpcs[0].instances} == {
        NAT: InstanceState.VERIFIED,
        "i-asleep": InstanceState.STOPPED,
    }
    assert all(instance_id == NAT for instance_id, _ in world.gateways.calls)


def test_an_instance_that_lost_its_tag_is_reported_as_still_open(world: FakeWorld) -> None:
    world.add_instance("i-second", VPC)
    run(world)
    del world.network.instances["i-second"]

    result = run(world)

    assert InstanceState.UNTAGGED in {i.state for i in result.vpcs[0].instances}
    assert world.ledgers.records[VPC].ledger.nat_instances == (NAT, "i-second")


def test_an_instance_that_is_gone_is_forgotten(world: FakeWorld) -> None:
    world.add_instance("i-second", VPC)
    run(world)
    del world.network.instances["i-second"]
    world.network.runs.discard("i-second")
    run(world)

    assert world.ledgers.records[VPC].ledger.nat_instances == (NAT,)


def test_an_instance_of_another_stack_is_never_touched(world: FakeWorld) -> None:
    world.add_instance("i-theirs", VPC, stack="other")
    run(world)

    assert all(instance_id == NAT for instance_id, _ in world.gateways.calls)


def test_a_rule_set_that_no_command_carries_is_not_recorded(
    world: FakeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cachegate.domain.agent.LARGEST_PAYLOAD", 100)
    world.add_cluster("cart", "10.0.1.5")

    assert isinstance(run(world).failures[0], RuleSetTooLargeError)
    assert world.ledgers.records == {}


def test_a_detached_vpc_is_planned_and_not_pushed_until_a_direct_sync(world: FakeWorld) -> None:
    world.add_cluster("cart", "10.0.1.5")
    run(world)
    record = world.ledgers.records[VPC]
    world.ledgers.save(replace(record.ledger, detached=True), record.version)
    world.gateways.held.clear()

    run(world)
    assert world.gateways.held == {}

    run(world, attach=True)
    assert forwards(world) == {6379: [["10.0.1.5", 6379]]}
    assert not world.ledgers.records[VPC].ledger.detached


def test_a_vpc_whose_only_instance_lost_its_tag_is_reported_as_still_open(
    world: FakeWorld,
) -> None:
    world.add_cluster("cart", "10.0.1.5")
    run(world)
    world.network.instances.clear()

    (vpc,) = run(world).vpcs

    assert [(i.instance_id, i.state) for i in vpc.instances] == [(NAT, InstanceState.UNTAGGED)]
    assert forwards(world) == {6379: [["10.0.1.5", 6379]]}


def test_where_nobody_is_asked_nothing_is_called_verified_and_nothing_fails(
    world: FakeWorld,
) -> None:
    run(world)
    first = world.now
    world.add_instance(NAT, VPC, state="stopped")
    world.now += 3600

    result = run(world)

    assert (result.vpcs[0].verified, result.vpcs[0].idle) == (False, True)
    assert result.failures == ()
    assert world.ledgers.heartbeat(VPC).verified_at == first
    assert world.ledgers.heartbeat(ALL_VPCS).began_at == world.now  # triggers need no answer


def events(world: FakeWorld) -> list[str]:
    """Return what was published since the last call."""
    found = [happening.kind.value for happening in world.bus.published]
    world.bus.published.clear()
    return found


def test_trouble_is_told_once_however_often_a_failed_pass_is_tried(world: FakeWorld) -> None:
    world.add_cluster("cart", "10.0.1.5")
    world.add_instance("i-second", VPC)
    world.add_instance("i-third", VPC)
    run(world)
    events(world)
    world.gateways.report = {"unreachable": [6379]}
    world.gateways.failing = {
        "i-second": Reply(instance_id="i-second", failure="timed out"),
        "i-third": Reply(instance_id="i-third", failure="lost", unreached=True),
    }

    told = [event for _ in range(4) for event in (run(world), events(world))[1]]

    assert sorted(told) == ["NAT Instance Unreachable", "Target Unreachable"]


def test_an_instance_that_cannot_be_asked_for_its_ledger_is_told_of(world: FakeWorld) -> None:
    world.gateways.failing[NAT] = Reply(instance_id=NAT, failure="lost", unreached=True)

    run(world)
    run(world)

    assert events(world) == ["NAT Instance Unreachable"]


def test_a_target_that_dies_is_seen_by_a_pass_that_only_looks(world: FakeWorld) -> None:
    world.add_cluster("cart", "10.0.1.5")
    run(world)
    events(world)
    warning = "net.ipv4.ip_forward is 0"
    world.gateways.report = {"drift": False, "unreachable": [6379], "warnings": [warning]}

    (vpc,) = run(world).vpcs

    assert world.gateways.calls[-1] == (NAT, "inspect")
    assert vpc.unreachable == (6379,)
    assert vpc.instances[0].warnings == (warning,)
    assert events(world) == ["Target Unreachable"]


def test_an_outdated_agent_is_replaced_and_its_rules_are_no_drift(world: FakeWorld) -> None:
    run(world)
    world.gateways.report = {"drift": False, "installed": False, "changed": True}

    (vpc,) = run(world).vpcs

    assert [action for _, action in world.gateways.calls[-2:]] == ["inspect", "apply"]
    assert (vpc.verified, vpc.drift_repaired) == (True, 0)


def test_rules_that_a_person_took_off_are_no_drift_when_they_come_back(world: FakeWorld) -> None:
    run(world)
    detach(world.adapters, world.settings)
    world.gateways.report = {"changed": True}

    (vpc,) = sync(world.adapters, world.settings, attach=True).vpcs

    assert vpc.verified
    assert vpc.drift_repaired == 0
