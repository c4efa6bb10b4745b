"""A VPC without a ledger: no listen port moves."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from cachegate.domain.agent import Reply
from cachegate.domain.ledger import Ledger
from cachegate.errors import TransientError
from cachegate.protocols import Record
from cachegate.push import InstanceState
from cachegate.sync import sync
from tests.unit.passes.fakes import NAT, OWNER, VPC, FakeLedgers, FakeWorld

KEYS = ["a", "b", "c", "d", "e"]


def run(world: FakeWorld, *, force: bool = False) -> tuple[Exception, ...]:
    return sync(world.adapters, world.settings, force=force).failures


def ports(world: FakeWorld) -> dict[str, int]:
    return {f["key"]: f["listen"] for f in world.gateways.held[NAT]["forwards"]}


def shuffled(world: FakeWorld) -> dict[str, int]:
    """Expose caches so that their ports are not in the order of their names."""
    for n, name in enumerate(reversed(KEYS)):
        world.add_cluster(name, f"10.0.1.{n + 1}")
        run(world)
    return ports(world)


def test_a_lost_ledger_is_rebuilt_from_the_nat_instance(world: FakeWorld) -> None:
    before = shuffled(world)
    world.ledgers.records.clear()

    assert run(world) == ()

    assert ports(world) == before
    assert before["a/a/0001"] == 6383


def test_a_lost_ledger_waits_for_an_instance_that_cannot_be_asked(world: FakeWorld) -> None:
    before = shuffled(world)
    world.ledgers.records.clear()
    world.gateways.failing[NAT] = Reply(instance_id=NAT, failure="undelivered")

    (failure,) = run(world)

    assert isinstance(failure, TransientError)
    assert NAT in str(failure)
    assert world.ledgers.records == {}
    assert ports(world) == before


def test_force_goes_on_without_an_instance_that_cannot_be_asked(world: FakeWorld) -> None:
    world.add_instance("i-broken", VPC)
    before = shuffled(world)
    world.ledgers.records.clear()
    world.gateways.failing["i-broken"] = Reply(instance_id="i-broken", failure="undelivered")

    run(world, force=True)

    assert ports(world) == before


def test_rules_of_another_owner_are_not_taken_for_ours(world: FakeWorld) -> None:
    shuffled(world)
    world.ledgers.records.clear()
    world.gateways.held[NAT]["owner"] = "another stack"
    world.gateways.held[NAT]["generation"] = 0

    run(world)

    assert ports(world)["a/a/0001"] == 6379


def former_stack(world: FakeWorld) -> FakeLedgers:
    """Make what the world holds the work of a stack that is gone."""
    former = FakeLedgers(records=dict(world.ledgers.records))
    world.ledgers.records.clear()
    world.gateways.held[NAT]["owner"] = "old"
    return former


def test_a_former_stacks_ledger_is_taken_over_with_a_higher_generation(world: FakeWorld) -> None:
    before = shuffled(world)
    generation = world.gateways.held[NAT]["generation"]
    world.former(former_stack(world), "old")

    assert run(world) == ()

    assert ports(world) == before
    held = world.gateways.held[NAT]
    assert held["generation"] > generation
    assert (held["owner"], held["adopt"]) == (OWNER, "old")


def test_no_rule_of_a_former_stack_is_missed(world: FakeWorld) -> None:
    shuffled(world)
    record = world.ledgers.records[VPC]
    opened = replace(record.ledger, openings=("a rule with the other stack's tag",))
    world.ledgers.records[VPC] = replace(record, ledger=opened)
    world.former(former_stack(world), "old")

    assert run(world) == ()

    assert world.ledgers.records[VPC].ledger.openings == ()


def test_without_its_ledger_a_former_stack_is_taken_over_from_the_nat_instance(
    world: FakeWorld,
) -> None:
    before = shuffled(world)
    generation = world.gateways.held[NAT]["generation"]
    former_stack(world)
    world.former(FakeLedgers(), "old")

    assert run(world) == ()

    assert ports(world) == before
    assert world.gateways.held[NAT]["generation"] > generation


def test_a_ledger_lost_after_the_take_over_is_not_replaced_by_the_former_stacks(
    world: FakeWorld,
) -> None:
    shuffled(world)
    world.former(former_stack(world), "old")
    run(world)
    world.add_cluster("later", "10.0.1.99")  # what the former stack never knew
    run(world)
    before, generation = ports(world), world.gateways.held[NAT]["generation"]
    world.ledgers.records.clear()
    world.add_cluster("aaa", "10.0.1.100")  # would get the port of `later`

    assert run(world) == ()

    assert ports(world) == before | {"aaa/aaa/0001": 6385}
    assert world.gateways.held[NAT]["generation"] > generation


def test_a_former_ledger_that_is_older_than_the_rules_in_force_is_taken_over_above_them(
    world: FakeWorld,
) -> None:
    before = shuffled(world)
    former = former_stack(world)
    record = former.records[VPC]
    former.records[VPC] = replace(record, ledger=replace(record.ledger, generation=1))
    generation = world.gateways.held[NAT]["generation"]
    world.former(former, "old")

    assert run(world) == ()

    assert ports(world) == before
    assert world.gateways.held[NAT]["generation"] > generation


def test_a_former_ledger_without_ports_says_less_than_the_nat_instance(world: FakeWorld) -> None:
    before = shuffled(world)
    former_stack(world)
    world.former(FakeLedgers(records={VPC: Record(Ledger(vpc_id=VPC), 1)}), "old")

    assert run(world) == ()

    assert ports(world) == before


def test_a_nat_instance_that_just_started_in_a_new_vpc_means_a_recheck_and_no_failure(
    world: FakeWorld,
) -> None:
    world.add_cluster("a", "10.0.1.1")
    starting = Reply(instance_id=NAT, unreached=True, failure="it is not registered with SSM")
    world.gateways.failing[NAT] = starting

    (vpc,) = sync(world.adapters, world.settings).vpcs

    assert (vpc.failure, vpc.verified) == (None, False)
    assert [(i.state, i.reason) for i in vpc.instances] == [
        (InstanceState.OFFLINE, starting.failure)
    ]
    assert [(each, token) for each, token, _ in world.rechecks.sent] == [(VPC, "token-1")]
    assert world.ledgers.records == {}

    world.gateways.failing.clear()
    assert run(world) == ()
    assert ports(world) == {"a/a/0001": 6379}


def test_a_report_that_never_ends_is_left_and_not_taken_for_whole(
    world: FakeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cachegate.recover.MOST_PAGES", 3)
    world.gateways.failing[NAT] = Reply(
        instance_id=NAT, report={"owner": OWNER, "generation": 1, "forwards": [], "next": 1}
    )

    (failure,) = run(world)

    assert [action for _, action in world.gateways.calls].count("inspect") == 3
    assert "never ends" in str(failure)
    assert world.ledgers.records == {}


@pytest.mark.parametrize("ahead", [0, 5])
def test_an_instance_that_slept_while_the_ledger_was_lost_takes_the_new_one(
    world: FakeWorld, ahead: int
) -> None:
    world.add_cluster("a", "10.0.1.1")
    run(world)
    held = world.gateways.held[NAT]
    world.gateways.held[NAT] = held | {"generation": held["generation"] + ahead, "digest": "other"}
    world.ledgers.records.clear()
    world.add_instance(NAT, VPC, state="stopped")
    run(world)
    world.add_instance(NAT, VPC)

    assert run(world) == ()

    ledger = world.ledgers.records[VPC].ledger
    assert ledger.generation == held["generation"] + ahead + 1
    assert world.gateways.held[NAT]["digest"] == ledger.rule_set.digest


def test_a_pass_that_is_late_leaves_the_newer_rule_set_in_force(world: FakeWorld) -> None:
    world.add_cluster("a", "10.0.1.1")
    run(world)
    world.move("a", "10.0.1.2")
    push = world.gateways.run

    def overtaken(instances: Any, action: str, *more: Any, **page: Any) -> Any:
        if action == "apply":
            world.gateways.run = push  # type: ignore[method-assign]
            world.move("a", "10.0.1.3")
            assert run(world) == ()
        return push(instances, action, *more, **page)

    world.gateways.run = overtaken  # type: ignore[method-assign, assignment]
    (failure,) = run(world)

    assert "stale_generation" in str(failure)
    ledger = world.ledgers.records[VPC].ledger
    assert world.gateways.held[NAT]["generation"] == ledger.generation == 3
