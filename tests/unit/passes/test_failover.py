"""Whole passes over two NAT instances and one address: who holds it when the pass has ended."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from ipaddress import IPv4Address
from typing import TYPE_CHECKING, Any

import pytest

from cachegate.actions import Actions
from cachegate.detach import detach
from cachegate.domain.address import AddressResult, AddressState, ElasticIp, Holding
from cachegate.domain.agent import Reply, apply_payload, encode
from cachegate.domain.cache import Health
from cachegate.errors import (
    AddressRefusedError,
    LedgerConflictError,
    RuleSetTooLargeError,
    TransientError,
)
from cachegate.failover import candidates_of
from cachegate.happenings import HappeningKind
from cachegate.protocols import Heartbeat
from cachegate.push import InstanceResult, InstanceState
from cachegate.results import SyncResult, VpcResult
from cachegate.sync import ALL_VPCS, sync
from tests.function import CONTEXT
from tests.unit.passes.entry import batch, entry_point, recheck
from tests.unit.passes.fakes import VPC, FakeLedgers, FakeWorld

if TYPE_CHECKING:
    from collections.abc import Callable

    from cachegate.domain.ledger import Ledger

EIP = "eipalloc-1"
ADDRESS = IPv4Address("198.51.100.73")
ONE, TWO = "i-nat", "i-two"  # ONE is the world's own


@pytest.fixture
def world() -> FakeWorld:
    return two_instances()


def two_instances() -> FakeWorld:
    """Return two instances that are well, the first of them with the address."""
    world = FakeWorld()
    world.settings = replace(world.settings, address=EIP, address_vpc=VPC)
    world.add_instance(TWO, VPC)
    world.add_cluster("cart", "10.0.1.5")
    give(world, ONE)
    assert run(world).state is AddressState.HELD
    world.ledgers.beat(VPC, replace(world.ledgers.heartbeat(VPC), token="", rechecks=0))
    world.rechecks.sent.clear()
    world.now += 1000
    return world


def give(world: FakeWorld, instance_id: str | None) -> None:
    world.addresses.addresses[EIP] = ElasticIp(
        allocation_id=EIP, address=ADDRESS, instance_id=instance_id
    )


def has(world: FakeWorld) -> str | None:
    return world.addresses.addresses[EIP].instance_id


def one_pass(world: FakeWorld, **options: Any) -> VpcResult:
    (vpc,) = sync(world.adapters, world.settings, **options).vpcs
    return vpc


def run(world: FakeWorld, **options: Any) -> AddressResult:
    address = one_pass(world, **options).address
    assert address is not None
    return address


def holding(world: FakeWorld) -> Holding:
    held = world.ledgers.records[VPC].ledger.holding
    assert held is not None
    return held


def state(world: FakeWorld, instance_id: str, state: str) -> None:
    world.network.runs.discard(instance_id)
    world.add_instance(instance_id, VPC, state)


def terminate(world: FakeWorld, instance_id: str) -> None:
    world.network.runs.discard(instance_id)
    del world.network.instances[instance_id]


def untag(world: FakeWorld, instance_id: str) -> None:
    del world.network.instances[instance_id]


def impair(world: FakeWorld, instance_id: str) -> None:
    former = world.network.instances[instance_id]
    world.network.instances[instance_id] = replace(former, health=Health.IMPAIRED)


def hang(world: FakeWorld, instance_id: str) -> None:
    world.gateways.failing[instance_id] = Reply(instance_id=instance_id, failure="timed out")


def cut_off(world: FakeWorld, instance_id: str) -> None:
    world.gateways.failing[instance_id] = Reply(
        instance_id=instance_id, failure="SSM does not reach it", unreached=True
    )


def packed(world: FakeWorld, ledger: Ledger) -> str:
    return encode(apply_payload(ledger, world.settings.owner))


# -- what the holder may do ------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["stopping", "stopped", "pending"])
def test_a_holder_that_does_not_run_loses_the_address_in_the_same_pass(
    world: FakeWorld, how: str
) -> None:
    state(world, ONE, how)

    address = run(world)

    assert has(world) == TWO
    assert address.state is AddressState.MOVED
    assert (address.holder, address.former, address.address) == (TWO, ONE, ADDRESS)
    assert how in address.reason
    assert holding(world).instance_id == TWO
    assert holding(world).fenced_until == 0
    assert holding(world).moved_at == world.now


@pytest.mark.parametrize("shown", [ONE, None])
def test_a_terminated_holder_loses_the_address_though_ec2_still_shows_it(
    world: FakeWorld, shown: str | None
) -> None:
    terminate(world, ONE)
    give(world, shown)

    assert run(world).state is AddressState.MOVED
    assert has(world) == TWO


@pytest.mark.parametrize("trouble", [hang, cut_off, impair, untag])
def test_a_holder_in_doubt_loses_the_address_when_the_takeover_is_over_and_not_before(
    world: FakeWorld, trouble: Callable[[FakeWorld, str], None]
) -> None:
    trouble(world, ONE)

    first = one_pass(world)
    world.now += 59
    before = run(world)
    world.now += 1
    after = run(world)

    assert first.address is not None
    assert (first.address.state, first.address.recheck_after) == (AddressState.WAITING, 60)
    assert (before.state, before.recheck_after) == (AddressState.WAITING, 1)
    assert (after.state, after.holder) == (AddressState.MOVED, TWO)
    assert after.unheld_seconds == 60
    assert world.addresses.moves == [(EIP, TWO)]


@pytest.mark.parametrize("trouble", [hang, cut_off, impair])
def test_a_holder_that_is_well_again_in_time_keeps_the_address(
    world: FakeWorld, trouble: Callable[[FakeWorld, str], None]
) -> None:
    well = world.network.instances[ONE]
    trouble(world, ONE)
    run(world)
    world.now += 59
    world.gateways.failing.clear()
    world.network.instances[ONE] = well
    assert run(world).state is AddressState.HELD
    trouble(world, ONE)
    world.now += 59

    assert run(world).state is AddressState.WAITING
    assert world.addresses.moves == []


@pytest.mark.parametrize("trouble", [hang, cut_off, impair])
def test_the_address_is_never_moved_to_an_instance_that_did_not_prove_itself_in_this_pass(
    world: FakeWorld, trouble: Callable[[FakeWorld, str], None]
) -> None:
    trouble(world, TWO)
    state(world, ONE, "stopped")

    for _ in range(5):
        address = run(world)
        world.now += 1000

    assert address.state is AddressState.STRANDED
    assert address.unheld_seconds == 4000
    assert world.addresses.moves == []


def test_a_new_instance_gets_its_rule_set_before_it_gets_the_address(world: FakeWorld) -> None:
    terminate(world, ONE)
    terminate(world, TWO)
    assert run(world).state is AddressState.STRANDED
    world.add_instance("i-new", VPC)
    cut_off(world, "i-new")
    assert run(world).state is AddressState.STRANDED
    world.gateways.failing.clear()
    held: list[object] = []
    world.addresses.meanwhile = lambda: held.append(world.gateways.held["i-new"]["forwards"])

    assert run(world).holder == "i-new"
    assert held == [world.gateways.held["i-new"]["forwards"]]


def test_the_address_comes_back_only_when_a_person_asks(world: FakeWorld) -> None:
    state(world, ONE, "stopped")
    run(world)
    state(world, ONE, "running")
    world.now += 10_000
    assert run(world).holder == TWO

    assert move(world, ONE)["ok"]
    assert has(world) == ONE


def test_two_instances_that_flap_do_not_toss_the_address(world: FakeWorld) -> None:
    hang(world, ONE)
    for _ in range(60):  # an hour, in which the holder of each minute hangs and the other is well
        run(world)
        world.gateways.failing.clear()
        hang(world, str(has(world)))
        world.now += 60

    assert len(world.addresses.moves) <= 3600 / 300
    assert len(world.addresses.moves) > 5


def test_an_instance_with_several_interfaces_gets_the_address_at_its_first(
    world: FakeWorld,
) -> None:
    two = world.network.instances[TWO]
    world.network.instances[TWO] = replace(two, interface="eni-first")
    state(world, ONE, "stopped")

    assert run(world).state is AddressState.MOVED
    assert world.addresses.addresses[EIP].interface_id == "eni-first"


@pytest.mark.parametrize("now", [{"address": None}, {"address_vpc": "vpc-2"}])
def test_where_the_stack_has_no_address_any_more_none_is_asked_for_and_all_is_forgotten(
    world: FakeWorld, now: dict[str, Any]
) -> None:
    state(world, ONE, "stopped")
    state(world, TWO, "stopped")
    run(world)
    assert holding(world).unheld_since is not None

    (vpc,) = sync(world.adapters, replace(world.settings, **now)).vpcs

    assert (vpc.address, vpc.failure) == (None, None)
    assert world.ledgers.records[VPC].ledger.holding is None
    world.now += 3600
    assert run(world).unheld_seconds == 0  # of the time without an address nothing counts
    assert world.addresses.moves == []


@pytest.mark.parametrize("answer", [None, *InstanceState])
def test_only_a_proof_makes_an_instance_verified(
    world: FakeWorld, answer: InstanceState | None
) -> None:
    reply = None if answer is None else InstanceResult(instance_id=ONE, state=answer)

    candidate, *_ = candidates_of([world.network.instances[ONE]], [reply] if reply else [])

    assert candidate.verified == (answer is InstanceState.VERIFIED)
    assert bool(candidate.trouble) != candidate.verified


# -- what a pass reports ---------------------------------------------------------------------------


def test_an_instance_out_of_reach_is_waited_for_once_and_fails_no_pass(world: FakeWorld) -> None:
    cut_off(world, ONE)
    world.gateways.calls.clear()

    vpc = one_pass(world)

    assert vpc.failure is None
    assert vpc.offline == (ONE,)
    assert [call for call in world.gateways.calls if call[0] == ONE] == [(ONE, "inspect")]


def test_a_pass_that_fails_for_a_holder_that_hangs_still_moves_the_address(
    world: FakeWorld,
) -> None:
    hang(world, ONE)
    one_pass(world)
    world.now += 60

    vpc = one_pass(world)

    assert vpc.failure is not None
    assert "i-nat: timed out" in str(vpc.failure)
    assert vpc.address is not None
    assert vpc.address.state is AddressState.MOVED


def test_a_rule_set_that_no_command_can_carry_keeps_no_address_at_a_dead_holder(
    world: FakeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorded = world.ledgers.records[VPC].ledger
    monkeypatch.setattr("cachegate.domain.agent.LARGEST_PAYLOAD", len(packed(world, recorded)))
    world.add_cluster("one-too-many", "10.0.1.77")
    state(world, ONE, "stopped")
    world.bus.published.clear()

    vpc = one_pass(world)

    assert isinstance(vpc.failure, RuleSetTooLargeError)
    assert vpc.address is not None
    assert (vpc.address.state, vpc.not_held_by(TWO)) == (AddressState.MOVED, None)
    assert world.ledgers.records[VPC].ledger.leases == recorded.leases
    assert [each.kind for each in world.bus.published] == [HappeningKind.ADDRESS_MOVED]


def test_no_running_instance_is_reported_and_fails_no_pass(world: FakeWorld) -> None:
    state(world, ONE, "stopped")
    state(world, TWO, "stopped")

    vpc = one_pass(world)

    assert vpc.address is not None
    assert vpc.address.state is AddressState.STRANDED
    assert (vpc.failure, vpc.unproved, vpc.idle) == (None, None, True)
    assert vpc.recheck_after == 30


def test_an_address_that_ec2_does_not_show_is_reported_and_fails_no_pass(world: FakeWorld) -> None:
    world.addresses.addresses.clear()

    first = one_pass(world)
    world.now += 500
    address = run(world)

    assert first.failure is None
    assert first.verified
    assert first.recheck_after == 30
    assert (address.state, address.address, address.holder) == (AddressState.MISSING, None, None)
    assert "no Elastic IP eipalloc-1" in address.reason
    assert address.unheld_seconds == 500


def test_an_address_that_is_shown_again_is_held_as_before(world: FakeWorld) -> None:
    shown = world.addresses.addresses.copy()
    before = holding(world)
    world.addresses.addresses.clear()
    run(world)
    world.addresses.addresses.update(shown)

    assert run(world).state is AddressState.HELD
    assert holding(world) == before


def test_something_foreign_keeps_the_address_and_the_pass_says_so(world: FakeWorld) -> None:
    give(world, "i-web")

    vpc = one_pass(world)

    assert vpc.address is not None
    assert (vpc.address.state, vpc.address.holder) == (AddressState.ELSEWHERE, "i-web")
    assert vpc.failure is None
    assert world.addresses.moves == []


def test_a_pass_in_which_nothing_is_new_writes_nothing(world: FakeWorld) -> None:
    before = world.ledgers.records[VPC]

    run(world)

    assert world.ledgers.records[VPC] is before


def test_the_ledger_that_a_pass_returns_has_the_holder(world: FakeWorld) -> None:
    state(world, ONE, "stopped")

    vpc = one_pass(world)

    assert vpc.plan is not None
    assert vpc.plan.ledger == world.ledgers.records[VPC].ledger
    assert vpc.plan.ledger.holding == holding(world)


def test_a_detached_vpc_leaves_the_address_where_it_is(world: FakeWorld) -> None:
    hang(world, ONE)
    run(world)
    world.gateways.failing.clear()
    detach(world.adapters, world.settings)
    state(world, ONE, "stopped")

    vpc = one_pass(world)

    assert vpc.address is None
    assert world.addresses.moves == []


def test_a_doubt_from_before_a_detachment_does_not_count_after_it(world: FakeWorld) -> None:
    hang(world, ONE)
    run(world)
    detach(world.adapters, world.settings)
    world.now += 5000

    address = run(world, attach=True)

    assert (address.state, address.recheck_after) == (AddressState.WAITING, 60)
    assert address.unheld_seconds == 0


def test_without_a_ledger_nothing_is_moved_until_every_instance_was_asked(
    world: FakeWorld,
) -> None:
    world.ledgers.records.clear()
    cut_off(world, ONE)
    give(world, None)

    vpc = one_pass(world)

    assert vpc.address is None
    assert vpc.offline == (ONE,)
    assert vpc.recheck_after == 30
    assert world.addresses.moves == []


# -- EC2 does not do what was asked, or does not show it -------------------------------------------


def test_a_refused_move_fails_the_pass_and_is_tried_again_by_the_next(world: FakeWorld) -> None:
    state(world, ONE, "stopped")
    world.addresses.refusal = AddressRefusedError("UnauthorizedOperation")

    vpc = one_pass(world)
    world.addresses.refusal = None
    world.now += 10
    again = run(world)

    assert vpc.address is not None
    assert (vpc.address.state, vpc.address.holder) == (AddressState.WAITING, ONE)
    assert "UnauthorizedOperation" in str(vpc.failure)
    assert vpc.verified
    assert (again.state, again.former) == (AddressState.MOVED, ONE)


def test_a_pass_whose_move_was_refused_still_notes_what_it_proved(world: FakeWorld) -> None:
    state(world, ONE, "stopped")
    world.addresses.refusal = AddressRefusedError("UnauthorizedOperation")
    world.move("cart", "10.0.1.77")

    vpc = one_pass(world)

    heartbeat = world.ledgers.heartbeat(VPC)
    assert vpc.failure is not None
    assert (vpc.verified_at, vpc.newly_proved) == (world.now, True)
    assert heartbeat.verified_at == world.now
    assert heartbeat.generation == world.ledgers.records[VPC].ledger.generation
    assert heartbeat.proved == (TWO,)
    assert world.ledgers.heartbeat(ALL_VPCS).began_at < world.now


def test_a_move_without_an_answer_keeps_others_off_until_the_fence_ends(world: FakeWorld) -> None:
    state(world, ONE, "stopped")
    world.addresses.refusal = TransientError("no answer")

    silent = run(world)
    world.addresses.refusal = None
    world.now += 19
    fenced = run(world)
    world.now += 1
    after = run(world)

    assert (silent.state, silent.error) == (AddressState.WAITING, "no answer")
    assert (fenced.state, fenced.recheck_after, fenced.error) == (AddressState.WAITING, 1, None)
    assert (after.state, after.holder) == (AddressState.MOVED, TWO)


def test_a_move_that_ec2_made_without_an_answer_is_seen_by_the_read_back(world: FakeWorld) -> None:
    state(world, ONE, "stopped")
    world.addresses.refusal = TransientError("no answer")
    world.addresses.meanwhile = lambda: give(world, TWO)

    address = run(world)

    assert (address.state, address.error) == (AddressState.MOVED, None)
    assert holding(world).fenced_until == 0


def test_a_move_that_ec2_shows_late_is_no_success_until_it_is_shown(world: FakeWorld) -> None:
    state(world, ONE, "stopped")
    world.addresses.deaf = True

    vpc = one_pass(world)
    give(world, TWO)
    world.now += 10
    later = run(world)

    assert vpc.address is not None
    assert vpc.address.state is AddressState.WAITING
    assert "EC2 does not show the address at i-two yet" in str(vpc.failure)
    assert (later.state, later.former) == (AddressState.MOVED, ONE)
    assert len(world.addresses.moves) == 1


def test_a_refusal_that_cannot_be_noted_is_told_all_the_same(world: FakeWorld) -> None:
    state(world, ONE, "stopped")
    world.addresses.refusal = AddressRefusedError("UnauthorizedOperation")

    def meanwhile() -> None:
        world.ledgers.conflicts = 1

    world.addresses.meanwhile = meanwhile
    address = run(world)

    assert (address.state, address.error) == (AddressState.WAITING, "UnauthorizedOperation")
    assert holding(world).fenced_until == world.now + 20


@dataclass
class Mute:
    """Addresses of which EC2 tells nothing from some question on."""

    world: FakeWorld
    answers: int = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.world.addresses, name)

    def find(self, allocation_id: str) -> ElasticIp | None:
        if not self.answers:
            raise TransientError("who has it is not known")
        self.answers -= 1
        return self.world.addresses.find(allocation_id)


def test_an_ec2_that_does_not_tell_who_has_the_address_spoils_only_that(world: FakeWorld) -> None:
    world.adapters = replace(world.adapters, addresses=Mute(world))
    world.move("cart", "10.0.1.77")

    vpc = one_pass(world)

    assert "who has it is not known" in str(vpc.failure)
    assert vpc.verified
    assert vpc.address is not None
    assert (vpc.address.state, vpc.address.holder) == (AddressState.WAITING, None)
    assert world.ledgers.heartbeat(VPC).proved == (ONE, TWO)


def test_a_move_that_cannot_be_read_back_is_no_success(world: FakeWorld) -> None:
    state(world, ONE, "stopped")
    world.adapters = replace(world.adapters, addresses=Mute(world, answers=1))

    address = run(world)

    assert has(world) == TWO
    assert (address.state, address.holder) == (AddressState.WAITING, ONE)
    assert address.error == "EC2 does not show the address at i-two yet"


# -- two passes at once, and passes that end in between --------------------------------------------


def test_the_decision_is_in_the_ledger_before_the_address_is_moved(world: FakeWorld) -> None:
    state(world, ONE, "stopped")
    noted: list[Holding] = []
    world.addresses.meanwhile = lambda: noted.append(holding(world))

    run(world)

    (before,) = noted
    assert (before.instance_id, before.moved_from) == (TWO, ONE)
    assert before.fenced_until == world.now + 20


def test_of_two_passes_at_once_one_moves_and_the_other_waits(world: FakeWorld) -> None:
    world.add_instance("i-three", VPC)
    run(world)
    state(world, ONE, "stopped")
    others: list[AddressResult] = []

    def meanwhile() -> None:
        world.addresses.meanwhile = lambda: None
        state(world, "i-three", "stopped")  # the other pass would choose TWO
        others.append(run(world))

    world.addresses.meanwhile = meanwhile
    address = run(world)

    assert address.holder == "i-three"
    assert [each.state for each in others] == [AddressState.WAITING]
    assert len(world.addresses.moves) == 1


def written_by_another(world: FakeWorld, change: Callable[[Ledger], Ledger]) -> None:
    """Let another pass write the ledger once, just before the next one does."""
    save = world.ledgers.save

    def late(ledger: Ledger, replacing: int | None) -> Any:
        world.ledgers.save = save  # type: ignore[method-assign]
        other = world.ledgers.records[VPC]
        save(change(other.ledger), other.version)
        return save(ledger, replacing)

    world.ledgers.save = late  # type: ignore[method-assign]
    world.gateways.calls.clear()


def test_a_pass_that_lost_the_ledger_to_another_s_decision_looks_again_before_it_moves_anything(
    world: FakeWorld,
) -> None:
    state(world, ONE, "stopped")
    decided = replace(holding(world), since=world.now, fenced_until=world.now + 20)
    written_by_another(world, lambda ledger: replace(ledger, holding=decided))

    assert run(world).state is AddressState.MOVED
    assert world.gateways.calls == [(TWO, "inspect"), (TWO, "apply")] * 2  # proved anew
    assert len(world.addresses.moves) == 1


@pytest.mark.parametrize("what", ["doubt", "openings"])
def test_a_ledger_in_which_nothing_was_decided_meanwhile_costs_no_second_proof(
    world: FakeWorld, what: str
) -> None:
    doubted = replace(holding(world), bad_since=world.now - 30, unheld_since=world.now - 30)
    doubt, opening = what == "doubt", ("a rule",)
    hang(world, ONE)
    written_by_another(
        world,
        lambda led: replace(led, holding=doubted) if doubt else replace(led, openings=opening),
    )

    address = run(world)

    assert (address.state, address.recheck_after) == (AddressState.WAITING, 30 if doubt else 60)
    assert world.gateways.calls.count((TWO, "inspect")) == 1


def test_a_pass_does_not_decide_by_a_proof_of_what_is_no_longer_recorded(world: FakeWorld) -> None:
    state(world, ONE, "stopped")
    written_by_another(world, lambda ledger: replace(ledger, generation=ledger.generation + 1))

    assert run(world).state is AddressState.MOVED
    assert world.gateways.calls == [(TWO, "inspect"), (TWO, "apply"), (TWO, "apply")]


def test_a_pass_decides_nothing_where_somebody_detached_meanwhile(world: FakeWorld) -> None:
    state(world, ONE, "stopped")
    written_by_another(world, lambda ledger: replace(ledger, detached=True))

    assert one_pass(world).address is None
    assert world.addresses.moves == []


def test_a_ledger_that_is_always_lost_to_others_moves_nothing(world: FakeWorld) -> None:
    state(world, ONE, "stopped")
    world.ledgers.conflicts = 99

    vpc = one_pass(world)

    assert isinstance(vpc.failure, LedgerConflictError)
    assert world.addresses.moves == []


@pytest.mark.parametrize(("seconds", "moves"), [(5, 1), (5.1, 0)])
def test_a_decision_that_took_too_long_to_write_is_not_carried_out(
    world: FakeWorld, seconds: float, moves: int
) -> None:
    state(world, ONE, "stopped")
    save = world.ledgers.save

    def slow(ledger: Ledger, replacing: int | None) -> Any:
        world.ledgers.save = save  # type: ignore[method-assign]
        world.now += seconds
        return save(ledger, replacing)

    world.ledgers.save = slow  # type: ignore[method-assign]
    address = run(world)

    assert len(world.addresses.moves) == moves
    assert address.state is (AddressState.MOVED if moves else AddressState.WAITING)


@pytest.mark.parametrize("ahead", [-6.5, 0, 6.5])
def test_no_clock_that_is_seconds_off_lets_another_decide_while_the_call_may_take_effect(
    world: FakeWorld, ahead: float
) -> None:
    state(world, ONE, "stopped")
    save, others = world.ledgers.save, list[AddressState]()
    plain = world.adapters

    def slowest(ledger: Ledger, replacing: int | None) -> Any:
        world.ledgers.save = save  # type: ignore[method-assign]
        record = save(ledger, replacing)
        world.now += 5
        return record

    def longest() -> None:
        world.addresses.meanwhile = lambda: None
        state(world, ONE, "running")  # whoever decides now leaves the address to it
        off = replace(plain, clock=lambda: world.now + ahead)
        for _ in range(9):
            (vpc,) = sync(off, world.settings).vpcs
            assert vpc.address is not None
            others.append(vpc.address.state)
            world.now += 1
        world.now -= 1

    world.ledgers.save = slowest  # type: ignore[method-assign]
    world.addresses.meanwhile = longest
    run(world)

    assert others == [AddressState.WAITING] * 9
    assert has(world) == TWO


def test_who_cannot_note_that_the_move_is_done_leaves_it_to_the_next_to_tell(
    world: FakeWorld,
) -> None:
    state(world, ONE, "stopped")

    def meanwhile() -> None:
        world.ledgers.conflicts = 1

    world.addresses.meanwhile = meanwhile
    first = run(world)
    second = run(world)
    third = run(world)

    assert (first.state, first.holder, first.error) == (AddressState.HELD, TWO, None)
    assert [second.state, third.state] == [AddressState.MOVED, AddressState.HELD]
    assert second.former == ONE


class Crash(BaseException):
    """The function ends without a word."""


@pytest.mark.parametrize("done", [False, True], ids=["before the move", "after it"])
def test_a_pass_that_ends_at_the_move_leaves_nothing_that_a_later_one_does_not_mend(
    world: FakeWorld, *, done: bool
) -> None:
    state(world, ONE, "stopped")

    def crash() -> None:
        if done:
            give(world, TWO)
        raise Crash

    world.addresses.meanwhile = crash
    with pytest.raises(BaseExceptionGroup):
        run(world)
    world.addresses.meanwhile = lambda: None
    world.now += 10
    within = run(world)
    world.now += 10
    after = run(world)

    if done:
        assert (within.state, within.former, within.recheck_after) == (
            AddressState.MOVED,
            ONE,
            None,
        )
        assert after.state is AddressState.HELD
    else:
        assert (within.state, within.recheck_after) == (AddressState.WAITING, 10)
        assert after.state is AddressState.MOVED
    assert has(world) == TWO


@dataclass
class Tripwire:
    """Part of the world that calls `trip` before each call of a pass."""

    inner: Any
    trip: Callable[[], None]

    def __getattr__(self, name: str) -> Any:
        called = getattr(self.inner, name)

        def tripped(*given: Any, **named: Any) -> Any:
            self.trip()
            return called(*given, **named)

        return tripped


STEPS = 60  # more calls than a pass makes


def wired(world: FakeWorld, number: int, happens: Callable[[], None]) -> FakeWorld:
    """Let something happen before the pass's call of this number."""
    calls = iter(range(STEPS))

    def trip() -> None:
        if next(calls) == number:
            happens()

    parts = ("inventory", "network", "ledgers", "gateways", "addresses", "rechecks", "bus")
    tripwires = {part: Tripwire(getattr(world.adapters, part), trip) for part in parts}
    return replace_adapters(world, **tripwires)


def replace_adapters(world: FakeWorld, **parts: Any) -> FakeWorld:
    world.adapters = replace(world.adapters, **parts)
    return world


@pytest.mark.parametrize("trouble", ["stopped", "hangs"])
def test_wherever_a_pass_ends_a_later_one_brings_the_address_to_a_verified_instance(
    trouble: str,
) -> None:
    ended = 0
    for number in range(STEPS):
        world = two_instances()
        if trouble == "stopped":
            state(world, ONE, "stopped")
        else:
            hang(world, ONE)
            one_pass(world)
            world.now += 60
        plain = world.adapters

        def crash() -> None:
            raise Crash

        try:
            one_pass(wired(world, number, crash))
        except (Crash, BaseExceptionGroup):
            ended += 1
        world.adapters = plain
        world.now += 21
        one_pass(world)

        assert has(world) == TWO
        assert holding(world).instance_id == TWO
        assert holding(world).fenced_until == 0
        assert len(world.addresses.moves) == 1

    assert ended > 12


def test_wherever_another_pass_comes_between_the_address_is_moved_once_and_told_once() -> None:
    came = 0
    for number in range(STEPS):
        world = two_instances()
        state(world, ONE, "stopped")
        plain, others = world.adapters, list[AddressResult]()

        def another(plain: Any = plain, others: list[AddressResult] = others) -> None:
            (vpc,) = sync(plain, world.settings).vpcs  # noqa: B023 - called in this round only
            assert vpc.address is not None
            others.append(vpc.address)

        mine = run(wired(world, number, another))
        world.adapters = plain
        later = run(world)
        came += len(others)

        assert has(world) == TWO
        assert len(world.addresses.moves) == 1
        told = [each.state for each in (*others, mine, later)]
        assert told.count(AddressState.MOVED) == 1
        assert not any(each.error for each in (*others, mine, later))

    assert came > 12


# -- when a later pass looks -----------------------------------------------------------------------


def test_a_holder_in_doubt_is_looked_at_again_just_when_it_can_be_decided(world: FakeWorld) -> None:
    impair(world, ONE)
    world.ledgers.beat(VPC, Heartbeat(token="old", rechecks=7))  # noqa: S106 - pauses of 300 s

    vpc = one_pass(world)

    assert vpc.failure is None
    assert [delay for _, _, delay in world.rechecks.sent] == [60]


def test_a_move_is_looked_at_again(world: FakeWorld) -> None:
    state(world, ONE, "stopped")

    assert one_pass(world).recheck_after == 30


def test_a_whole_pass_that_fails_for_its_holder_is_followed_by_a_recheck_when_it_is_due(
    world: FakeWorld,
) -> None:
    hang(world, ONE)

    vpc = one_pass(world)

    assert vpc.failure is not None
    ((vpc_id, token, delay),) = world.rechecks.sent
    assert (vpc_id, token, delay) == (VPC, world.ledgers.heartbeat(VPC).token, 60)
    assert (vpc.recheck, vpc.recheck_after) == (token, 60)


def test_a_recheck_that_fails_keeps_its_token_and_comes_back_when_it_is_due(
    world: FakeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = entry_point(world, monkeypatch)
    world.ledgers.beat(VPC, Heartbeat(token="live"))  # noqa: S106
    hang(world, ONE)
    run(world, only=frozenset({VPC}))
    world.rechecks.retried.clear()
    world.now += 57
    record = recheck(world, "again", VPC)

    app.handler({"Records": [record]}, CONTEXT)

    assert world.rechecks.retried == [("receipt-again", 3)]
    assert world.rechecks.sent == []
    assert world.ledgers.heartbeat(VPC).token == "live"  # noqa: S105


def test_a_message_whose_pass_failed_comes_back_no_later_than_usual(
    world: FakeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = entry_point(world, monkeypatch)
    hang(world, ONE)

    app.handler(batch(world, "a"), CONTEXT)

    assert world.rechecks.retried == [("receipt-a", 10)]  # due in 60


def test_nobody_to_move_it_to_is_no_decision_that_is_due(world: FakeWorld) -> None:
    hang(world, ONE)
    hang(world, TWO)

    vpc = one_pass(world)

    assert vpc.failure is not None
    assert vpc.due is None
    assert world.rechecks.sent == []


def test_what_waits_in_a_vpc_that_did_not_fail_hastens_no_message(world: FakeWorld) -> None:
    impair(world, ONE)
    waiting = one_pass(world)
    failed = VpcResult(vpc_id="vpc-2", error=TransientError("not now"))

    result = SyncResult(began_at=0, ended_at=0, vpcs=(waiting, failed))

    assert waiting.due == 60
    assert result.due is None


def test_the_chain_of_a_pass_that_fails_is_bounded_too(world: FakeWorld) -> None:
    hang(world, ONE)
    world.ledgers.beat(VPC, Heartbeat(rechecks=world.settings.most_rechecks))

    assert one_pass(world).failure is not None
    assert world.rechecks.sent == []


def test_a_pass_that_failed_while_another_ended_sends_no_recheck(world: FakeWorld) -> None:
    hang(world, ONE)
    beat = world.ledgers.beat

    def overtaken(vpc_id: str, heartbeat: Heartbeat, replacing: str | None = None) -> None:
        beat(vpc_id, Heartbeat(token="theirs"))  # noqa: S106
        beat(vpc_id, heartbeat, replacing)

    world.ledgers.beat = overtaken  # type: ignore[method-assign]

    assert one_pass(world).recheck_after is None
    assert world.rechecks.sent == []


def test_a_pass_that_waits_takes_the_chain_from_one_that_ended_meanwhile(
    world: FakeWorld,
) -> None:
    impair(world, ONE)
    beat, ended = world.ledgers.beat, list[str]()

    def overtaken(vpc_id: str, heartbeat: Heartbeat, replacing: str | None = None) -> None:
        if not ended and vpc_id == VPC:
            ended.append("theirs")
            beat(vpc_id, Heartbeat(token="theirs", rechecks=7))  # noqa: S106
        beat(vpc_id, heartbeat, replacing)

    world.ledgers.beat = overtaken  # type: ignore[method-assign]

    assert one_pass(world).recheck_after == 60
    assert [delay for _, _, delay in world.rechecks.sent] == [60]


def test_what_a_former_stack_noted_of_its_address_is_not_taken_over(world: FakeWorld) -> None:
    left = FakeLedgers()
    record = world.ledgers.records[VPC]
    doubted = replace(holding(world), instance_id="i-old", bad_since=1.0, fenced_until=1.0)
    left.save(replace(record.ledger, holding=doubted), None)
    world.former(left, "their-owner")
    world.ledgers.records.clear()
    world.gateways.held.clear()

    assert run(world).state is AddressState.HELD
    assert holding(world).reason == "it had the address already"


def test_a_terminated_holder_is_heard_of_though_its_rules_are_forgotten(
    world: FakeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = entry_point(world, monkeypatch)
    terminate(world, ONE)
    record = world.ledgers.records[VPC]
    world.ledgers.save(replace(record.ledger, nat_instances=(TWO,)), record.version)
    message = batch(world, "a")
    event = {
        "source": "aws.ec2",
        "detail-type": "EC2 Instance State-change Notification",
        "detail": {"instance-id": ONE, "state": "terminated"},
    }
    message["Records"][0]["body"] = json.dumps(event)

    app.handler(message, CONTEXT)

    assert has(world) == TWO


# -- the action move -------------------------------------------------------------------------------


def move(world: FakeWorld, instance: object) -> dict[str, Any]:
    reported: list[object] = []
    actions = Actions(world.adapters, world.settings, reported.append)
    answer = actions.answer({"action": "move", "instance": instance})
    assert len(reported) == (answer.get("error", {}).get("code") != "bad_request")
    return dict(json.loads(json.dumps(answer)))


def test_a_person_moves_the_address(world: FakeWorld) -> None:
    answer = move(world, TWO)

    assert answer["ok"]
    assert has(world) == TWO
    assert holding(world).reason == "a person asked for it"


def test_who_asks_for_the_holder_is_told_that_it_is_so(world: FakeWorld) -> None:
    assert move(world, ONE)["ok"]
    assert world.addresses.moves == []


def refused_by_ec2(world: FakeWorld) -> None:
    world.addresses.refusal = AddressRefusedError("UnauthorizedOperation")


def fenced(world: FakeWorld) -> None:
    record = world.ledgers.records[VPC]
    open_move = replace(holding(world), instance_id="i-3", fenced_until=world.now + 9)
    world.ledgers.save(replace(record.ledger, holding=open_move), record.version)


@pytest.mark.parametrize(
    ("instance", "trouble", "says"),
    [
        (TWO, lambda w: hang(w, TWO), "is not verified: timed out"),
        (TWO, lambda w: cut_off(w, TWO), "is not verified: SSM does not reach it"),
        (TWO, lambda w: impair(w, TWO), "fails EC2's status checks"),
        (TWO, lambda w: state(w, TWO, "stopped"), "is stopped"),
        (TWO, lambda w: untag(w, TWO), "has lost the tag cachegate:nat"),
        (TWO, lambda w: terminate(w, TWO), "it is no NAT instance of this stack in vpc-1"),
        (TWO, refused_by_ec2, "UnauthorizedOperation"),
        (TWO, fenced, "another pass moves the address to i-3"),
        (TWO, lambda w: w.addresses.addresses.clear(), "EC2 shows no Elastic IP"),
        (TWO, lambda w: detach(w.adapters, w.settings), "vpc-1 is detached"),
        (ONE, lambda w: hang(w, ONE), "i-nat, which has the address, is not verified"),
        ("i-web", lambda _: None, "i-web is no NAT instance of this stack in vpc-1"),
    ],
)
def test_a_move_that_is_not_done_is_told_with_its_reason(
    world: FakeWorld, instance: str, trouble: Callable[[FakeWorld], None], says: str
) -> None:
    trouble(world)

    answer = move(world, instance)

    assert not answer["ok"]
    assert answer["error"]["code"] == "not_moved"
    assert says.removeprefix("i-web ") in answer["error"]["message"]
    assert instance in answer["error"]["message"]
    assert world.addresses.moves == []


def test_a_move_whose_ledger_is_lost_to_others_is_told(world: FakeWorld) -> None:
    world.ledgers.conflicts = 99

    answer = move(world, TWO)

    assert not answer["ok"]
    assert answer["error"]["code"] == "not_moved"


@pytest.mark.parametrize("instance", [None, "", 7, ["i-two"]])
def test_a_move_to_no_instance_is_a_bad_request(world: FakeWorld, instance: object) -> None:
    assert move(world, instance)["error"]["code"] == "bad_request"


def test_a_stack_without_an_address_moves_none(world: FakeWorld) -> None:
    world.settings = replace(world.settings, address=None)

    assert "deploy it with ElasticIp" in move(world, TWO)["error"]["message"]


def test_a_vpc_that_is_gone_moves_nothing(world: FakeWorld) -> None:
    world.network.vpcs.clear()

    assert "vpc-1" in move(world, TWO)["error"]["message"]


def test_only_the_vpc_of_the_address_is_looked_at(world: FakeWorld) -> None:
    world.add_vpc("vpc-2", "10.2.0.0/16")
    world.add_instance("i-far", "vpc-2")

    answer = move(world, TWO)

    assert [vpc["vpc"] for vpc in answer["vpcs"]] == [VPC]
    assert "i-far" not in world.gateways.held
    assert InstanceState.VERIFIED in [each["state"] for each in answer["vpcs"][0]["nat_instances"]]
