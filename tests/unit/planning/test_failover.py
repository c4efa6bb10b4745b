"""Who gets the address, when, and what the ledger notes of it: each case of docs/failover.md."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address
from typing import Any

import pytest

from cachegate.domain.address import AddressDecision, AddressState, Candidate, ElasticIp, Holding
from cachegate.domain.policy import Policy
from cachegate.errors import ConfigurationError
from cachegate.planning.failover import Scene, begin_anew, decide, done, undone, unheld

POLICY = Policy(stack="gate", sources=(), takeover=60, takeover_rest=300, fence=20, recheck=30)
NOW = 10_000.0
WELL = {"running": True, "verified": True}
STATES: dict[str, dict[str, Any]] = {
    "well": WELL,
    "ill": WELL | {"ill": True, "trouble": "fails EC2's status checks"},
    "doubt": {"running": True, "verified": False, "trouble": "is not verified: timed out"},
    "ending": WELL | {"running": False, "trouble": "is stopping"},  # since it proved its rule set
    "down": {"running": False, "verified": False, "trouble": "is stopped"},
}
ONE_HOLDS = Holding(instance_id="i-1", since=1000, reason="as before", moved_at=1010)
TWO_IS_TO_HAVE_IT = Holding(
    instance_id="i-2", since=NOW - 5, reason="i-1 is stopped", moved_from="i-1", fenced_until=NOW
)


def address(has: str | None = "i-1", interface: str | None = None) -> ElasticIp:
    return ElasticIp(
        allocation_id="eipalloc-1",
        address=IPv4Address("198.51.100.73"),
        instance_id=has,
        interface_id=interface or (f"eni-of-{has}" if has else None),
    )


def look(
    former: Holding,
    has: str | None = "i-1",
    at: float = NOW,
    wanted: str | None = None,
    interface: str | None = None,
    **states: str,
) -> AddressDecision:
    """Decide where `one="well", two="down"` says how i-1 and i-2 are."""
    ids = {"one": "i-1", "two": "i-2", "three": "i-3"}
    candidates = [Candidate(instance_id=ids[name], **STATES[how]) for name, how in states.items()]
    scene = Scene(at=at, address=address(has, interface), candidates=candidates, wanted=wanted)
    return decide(former, scene, POLICY)


@pytest.mark.parametrize(
    ("holder", "other", "state", "target", "after"),
    [
        ("well", "well", AddressState.HELD, None, None),
        ("well", "doubt", AddressState.HELD, None, None),
        ("well", "down", AddressState.HELD, None, None),
        ("down", "well", AddressState.MOVED, "i-2", None),
        ("down", "ending", AddressState.STRANDED, None, 30),
        ("ending", "well", AddressState.MOVED, "i-2", None),
        ("down", "ill", AddressState.STRANDED, None, 30),
        ("down", "doubt", AddressState.STRANDED, None, 30),
        ("down", "down", AddressState.STRANDED, None, 30),
        ("doubt", "well", AddressState.WAITING, None, 60),
        ("doubt", "ill", AddressState.STRANDED, None, 30),
        ("doubt", "doubt", AddressState.STRANDED, None, 30),
        ("ill", "well", AddressState.WAITING, None, 60),
        ("ill", "ill", AddressState.STRANDED, None, 30),
    ],
)
def test_at_the_first_look_only_a_holder_that_does_not_run_loses_the_address_to_a_verified_one(
    holder: str, other: str, state: AddressState, target: str | None, after: float | None
) -> None:
    decision = look(ONE_HOLDS, one=holder, two=other)

    assert (decision.state, decision.target, decision.recheck_after) == (state, target, after)
    well = state is AddressState.HELD
    assert decision.holding.unheld_since == (None if well else NOW)
    assert decision.holding.bad_since == (None if well else NOW)


@pytest.mark.parametrize(
    ("bad_for", "moved_ago", "after"),
    [
        (59.9, 5000, 0.1),
        (60, 5000, None),
        (200, 5000, None),
        (0, 5000, 60),
        (200, 250, 50),  # in doubt for long, but the last move is too young
        (60, 299.9, 0.1),
        (60, 300, None),
        (10, 280, 50),
        (60, None, None),  # it never was moved
    ],
)
def test_a_holder_in_doubt_loses_the_address_after_the_takeover_and_the_rest(
    bad_for: float, moved_ago: float | None, after: float | None
) -> None:
    moved_at = None if moved_ago is None else NOW - moved_ago
    former = replace(ONE_HOLDS, moved_at=moved_at, bad_since=NOW - bad_for, unheld_since=9000)

    decision = look(former, one="doubt", two="well")

    assert decision.recheck_after == (None if after is None else pytest.approx(after))
    assert decision.target == ("i-2" if after is None else None)
    assert decision.state is (AddressState.MOVED if after is None else AddressState.WAITING)
    assert decision.holding.bad_since == NOW - bad_for


def test_a_move_is_noted_with_its_reason_and_a_fence_before_it_is_made() -> None:
    decision = look(ONE_HOLDS, one="down", two="well")

    assert decision.holding == Holding(
        instance_id="i-2",
        since=NOW,
        reason="i-1, the holder until then, is stopped",
        moved_from="i-1",
        moved_at=1010,
        fenced_until=NOW + 20,
        bad_since=NOW,
        unheld_since=NOW,
    )
    assert decision.reason == decision.holding.reason


def test_a_holder_that_proves_the_rule_set_again_is_as_if_nothing_had_been() -> None:
    former = replace(ONE_HOLDS, bad_since=NOW - 59, unheld_since=NOW - 59)

    assert look(former, one="well", two="well").holding == ONE_HOLDS


def test_nothing_is_noted_where_nothing_is_new() -> None:
    former = look(ONE_HOLDS, one="doubt", two="well").holding

    assert look(former, at=NOW + 30, one="doubt", two="well").holding == former
    assert look(ONE_HOLDS, one="well", two="well").holding == ONE_HOLDS


# -- nobody has it, or somebody else ---------------------------------------------------------------


def test_an_address_that_nobody_has_goes_to_a_verified_instance_at_once() -> None:
    decision = look(Holding(), has=None, one="doubt", two="well", three="well")

    assert (decision.target, decision.reason) == ("i-2", "nobody had the address")
    assert decision.holding.moved_from is None


def test_who_had_the_address_is_told_also_where_ec2_shows_nobody_any_more() -> None:
    decision = look(ONE_HOLDS, has=None, two="well")

    assert decision.reason == "nobody had the address, which by the ledger is i-1's"
    assert decision.holding.moved_from == "i-1"


def test_a_move_that_was_not_done_is_told_from_whom_it_was_begun() -> None:
    decision = look(TWO_IS_TO_HAVE_IT, has=None, two="well")

    assert (decision.target, decision.holding.moved_from) == ("i-2", "i-1")

    decision = look(TWO_IS_TO_HAVE_IT, has=None, two="down", three="well")

    assert (decision.target, decision.holding.moved_from) == ("i-3", "i-1")


def test_who_gets_the_address_back_has_it_from_nobody() -> None:
    decision = look(replace(ONE_HOLDS, moved_from="i-2"), has=None, one="well", two="well")

    assert (decision.target, decision.holding.moved_from) == ("i-1", None)


def test_of_several_the_one_that_clients_know_gets_it_back() -> None:
    former = replace(ONE_HOLDS, instance_id="i-3")

    assert look(former, has=None, one="well", two="well", three="well").target == "i-3"
    assert look(former, has=None, one="well", two="well", three="doubt").target == "i-1"


def test_a_holder_that_is_there_already_is_noted_and_stays() -> None:
    decision = look(Holding(), one="well", two="well")

    assert decision.state is AddressState.HELD
    assert decision.holding == Holding(
        instance_id="i-1", since=NOW, reason="it had the address already"
    )


def test_what_a_person_did_by_hand_is_noted_and_begins_its_own_doubt() -> None:
    former = replace(ONE_HOLDS, bad_since=NOW - 1000, unheld_since=NOW - 1000)

    decision = look(former, has="i-2", one="well", two="doubt")

    assert decision.state is AddressState.WAITING
    assert decision.recheck_after == 60
    assert decision.holding == Holding(
        instance_id="i-2",
        since=NOW,
        reason="it was given the address by someone else",
        moved_at=1010,
        bad_since=NOW,
        unheld_since=NOW - 1000,
    )


@pytest.mark.parametrize(("has", "interface"), [("i-web", None), (None, "eni-lb")])
def test_something_foreign_that_has_the_address_keeps_it(
    has: str | None, interface: str | None
) -> None:
    decision = look(ONE_HOLDS, has=has, interface=interface, one="well", two="well")
    later = look(
        decision.holding, has=has, interface=interface, at=NOW + 999, one="well", two="well"
    )

    for each in (decision, later):
        assert (each.state, each.target) == (AddressState.ELSEWHERE, None)
        assert each.reason.startswith(f"{has or interface} has the address")
    assert later.holding == decision.holding
    assert decision.holding.instance_id is None
    assert decision.holding.unheld_since == NOW


def test_a_person_takes_the_address_from_something_foreign() -> None:
    decision = look(ONE_HOLDS, has="i-web", wanted="i-2", one="well", two="well")

    assert (decision.state, decision.target) == (AddressState.MOVED, "i-2")


def test_what_a_person_gives_back_to_something_foreign_stays_there() -> None:
    moved = done(look(ONE_HOLDS, has="i-web", wanted="i-2", one="well", two="well").holding, NOW)

    decision = look(moved, has="i-web", at=NOW + 21, one="well", two="well")

    assert decision.state is AddressState.ELSEWHERE


def test_a_holder_that_is_listed_no_more_is_gone_though_ec2_still_shows_it() -> None:
    decision = look(ONE_HOLDS, two="well")

    assert (decision.target, decision.reason) == ("i-2", "i-1, which had the address, is gone")


@pytest.mark.parametrize("former", [ONE_HOLDS, replace(ONE_HOLDS, bad_since=1.0)])
def test_no_instance_at_all_is_reported_and_nothing_moved(former: Holding) -> None:
    decision = look(former)

    assert (decision.state, decision.target) == (AddressState.STRANDED, None)
    assert "is gone; no other NAT instance is verified" in decision.reason


# -- a person asks ---------------------------------------------------------------------------------


def test_a_person_moves_the_address_at_once_from_a_holder_that_is_well() -> None:
    young = replace(ONE_HOLDS, moved_at=NOW - 21)

    decision = look(young, wanted="i-2", one="well", two="well")

    assert (decision.target, decision.reason) == ("i-2", "a person asked for it")


@pytest.mark.parametrize("how", ["ill", "doubt", "down"])
def test_no_person_can_move_the_address_to_an_instance_that_is_not_verified_and_well(
    how: str,
) -> None:
    decision = look(ONE_HOLDS, wanted="i-2", one="well", two=how)

    assert (decision.state, decision.target) == (AddressState.HELD, None)
    assert decision.reason.startswith("i-2, which a person asked for, ")
    assert STATES[how]["trouble"] in decision.reason


@pytest.mark.parametrize("wanted", ["i-1", "i-nobody"])
def test_who_asks_for_the_holder_or_for_nobody_moves_nothing(wanted: str) -> None:
    decision = look(ONE_HOLDS, wanted=wanted, one="well", two="well")

    assert (decision.state, decision.target) == (AddressState.HELD, None)
    assert decision.reason == "as before"


# -- the fence, and an EC2 that shows things late --------------------------------------------------


@pytest.mark.parametrize("has", ["i-1", None, "i-3"])
@pytest.mark.parametrize("wanted", [None, "i-1", "i-3"])
def test_while_another_pass_may_be_at_it_nothing_is_moved_nor_noted(
    has: str | None, wanted: str | None
) -> None:
    decision = look(
        TWO_IS_TO_HAVE_IT,
        has=has,
        at=NOW - 0.1,
        wanted=wanted,
        one="well",
        two="well",
        three="well",
    )

    assert (decision.state, decision.target) == (AddressState.WAITING, None)
    assert decision.holding == TWO_IS_TO_HAVE_IT
    assert decision.recheck_after == pytest.approx(0.1)
    assert "another pass moves the address to i-2: i-1 is stopped" in decision.reason


def test_a_move_that_ec2_shows_done_is_told_by_the_pass_that_notes_it() -> None:
    first = look(TWO_IS_TO_HAVE_IT, has="i-2", at=NOW - 1, one="down", two="well")
    second = look(first.holding, has="i-2", one="down", two="well")

    assert (first.state, first.target) == (AddressState.MOVED, None)
    assert first.holding == done(TWO_IS_TO_HAVE_IT, NOW - 1)
    assert second.state is AddressState.HELD


def test_a_move_that_arrived_at_an_instance_that_is_bad_by_now_rests_before_the_next() -> None:
    down = look(TWO_IS_TO_HAVE_IT, has="i-2", one="well", two="down")
    doubt = look(TWO_IS_TO_HAVE_IT, has="i-2", one="well", two="doubt")

    assert (down.state, down.target) == (AddressState.MOVED, "i-1")
    assert (doubt.state, doubt.recheck_after) == (AddressState.WAITING, 300)


def test_a_move_that_was_not_done_when_the_fence_ended_is_decided_anew() -> None:
    held = look(TWO_IS_TO_HAVE_IT, one="well", two="well")
    again = look(TWO_IS_TO_HAVE_IT, one="down", two="well")

    assert held.state is AddressState.HELD
    assert held.reason == "the move to i-2 was not done"
    assert (held.holding.instance_id, held.holding.fenced_until) == ("i-1", 0)
    assert (again.state, again.target) == (AddressState.MOVED, "i-2")
    assert again.holding.fenced_until == NOW + 20


def test_the_doubt_of_a_holder_goes_on_where_its_move_was_not_done() -> None:
    former = replace(TWO_IS_TO_HAVE_IT, bad_since=NOW - 65, unheld_since=NOW - 65)

    assert look(former, one="doubt", two="well").target == "i-2"


@pytest.mark.parametrize(
    ("moved_from", "has"), [("i-gone", "i-gone"), (None, None), ("i-gone", None)]
)
def test_a_move_that_was_not_done_from_who_is_gone_is_done_after_all(
    moved_from: str | None, has: str | None
) -> None:
    former = replace(TWO_IS_TO_HAVE_IT, moved_from=moved_from)

    decision = look(former, has=has, one="well", two="well")

    assert decision.target == "i-2"  # not i-1, though it comes first
    assert decision.holding.fenced_until == NOW + 20


def test_a_refused_move_is_open_no_more_and_not_done() -> None:
    former = undone(replace(TWO_IS_TO_HAVE_IT, fenced_until=NOW + 9), NOW)

    assert look(former, one="well", two="well").reason == "the move to i-2 was not done"


@pytest.mark.parametrize(("has", "ago"), [("i-1", 19.9), (None, 0), ("i-3", 10)])
def test_what_ec2_shows_right_after_a_move_is_taken_for_late(has: str | None, ago: float) -> None:
    former = done(TWO_IS_TO_HAVE_IT, NOW - ago)

    decision = look(former, has=has, one="down", two="well", three="well")

    assert (decision.state, decision.target) == (AddressState.WAITING, None)
    assert decision.holding == former
    assert decision.recheck_after == pytest.approx(20 - ago)


@pytest.mark.parametrize("holder", ["down", "ending", None])
def test_a_holder_lost_right_after_its_move_is_not_waited_for(holder: str | None) -> None:
    former = done(TWO_IS_TO_HAVE_IT, NOW - 1)
    known = {} if holder is None else {"two": holder}

    decision = look(former, None, one="well", **known)  # type: ignore[arg-type]

    assert (decision.state, decision.target) == (AddressState.MOVED, "i-1")


def test_what_ec2_shows_later_is_believed() -> None:
    former = done(TWO_IS_TO_HAVE_IT, NOW - 20)

    assert look(former, one="well", two="well").holding.instance_id == "i-1"


def test_a_move_right_after_a_move_is_not_mistaken_for_a_late_answer() -> None:
    former = replace(TWO_IS_TO_HAVE_IT, moved_at=NOW - 6)  # refused or not done, soon after another

    assert look(former, one="well", two="well").reason == "the move to i-2 was not done"


# -- small notes -----------------------------------------------------------------------------------


def test_what_is_noted_of_a_move_that_is_done() -> None:
    bad = replace(TWO_IS_TO_HAVE_IT, bad_since=1.0, unheld_since=2.0)

    assert done(bad, NOW) == replace(TWO_IS_TO_HAVE_IT, moved_at=NOW, fenced_until=0.0)


def test_since_when_nobody_holds_it_is_noted_once() -> None:
    assert unheld(unheld(ONE_HOLDS, 5), 6) == replace(ONE_HOLDS, unheld_since=5)


def test_no_doubt_outlives_a_detachment() -> None:
    assert begin_anew(replace(ONE_HOLDS, bad_since=1.0, unheld_since=2.0)) == ONE_HOLDS


def test_a_stack_without_a_fence_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="fence"):
        Policy(stack="gate", sources=(), fence=0)
