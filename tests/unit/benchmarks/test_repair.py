"""What the section about dead nodes says follows from its rows, whichever ways were there."""

from __future__ import annotations

import dataclasses

import pytest

from benchmarks.repair import lanes
from benchmarks.repair.deaths import ALIVE, ALL_WAYS, CAP, DELAY, OF, START, column, in_turn
from benchmarks.repair.lanes import (
    CUT,
    DEATH,
    DEFAULT,
    IPTABLES,
    KINDS,
    LATE,
    NFTABLES,
    NOTHING,
    ORDERED,
    SOON,
    SWAP,
    Lane,
)  # fmt: skip
from benchmarks.repair.telling import tell
from benchmarks.repair.watched import ACTIVE, CLIENTS, IDLE, NEW
from benchmarks.repair.ways import Swap
from benchmarks.rows import Row, Rows
from tests.integration.gateway.lab import Gateway

KNOWN = {  # seconds of the active, the idle and a new client
    NOTHING: (15, 15, 15), SWAP: (15, 15, 0.02), CUT: (2, 15, 0.02), NFTABLES: (0.2, 0.2, 0.1),
    IPTABLES: (0.3, 0.3, 0.2), ORDERED: (0.001, 0.002, 0.002), DEFAULT: (11, 11.2, 12),
}  # fmt: skip


def made(*whens: str, without: tuple[str, ...] = ()) -> Rows:
    """Return rows as a run of two repetitions makes them."""
    rows = Rows("repair", [Row(ALL_WAYS, CAP, 0, 15)])
    for way in (each for each in KNOWN if each not in without):
        for when in (each for each in KINDS[way].orders if each in whens):
            for repetition in range(2):
                for client, seconds in zip(CLIENTS, KNOWN[way], strict=True):
                    rows.add(way, column(client, when), repetition, seconds)
                rows.add(way, column(ALIVE, when), repetition, OF)
                rows.add(way, column(DELAY, when), repetition, 0.5 + repetition)
                rows.add(way, START, repetition, 0.08)
    return rows


def line(rows: Rows, way: str) -> list[str]:
    (found,) = [each for each in tell(rows).text.splitlines() if each.startswith(f"| {way}")]
    return [cell.strip() for cell in found.strip("|").split("|")][1:]


def test_a_client_that_was_never_told_is_said_to_wait_longer_than_we_did() -> None:
    rows = made(DEATH, LATE, SOON)

    assert line(rows, CUT)[2] == "more than 15"
    assert line(rows, NOTHING)[0] == "more than 15"
    assert line(rows, NFTABLES)[2] == "0.200 (0.200 to 0.200)"


def test_a_client_that_was_told_once_is_not_said_to_be_told_never() -> None:
    rows = made(DEATH, LATE, SOON)
    rows.add(CUT, column(IDLE, SOON), 2, 4)

    assert line(rows, CUT)[2] == "15 (4 to 15)"


def test_the_goals_are_met_by_fast_rows_and_missed_by_slow_ones() -> None:
    rows = made(DEATH, LATE, SOON)
    assert {goal.verdict() for goal in tell(rows).goals} == {"met"}

    slow = Rows(
        rows.name,
        [row._replace(value=row.value * 20) if "ours" in row.way else row for row in rows.raw],
    )
    said = {goal.what: goal.verdict() for goal in tell(slow).goals if "know" in goal.what}
    assert set(said.values()) == {"missed"}
    assert len(said) == 6


@pytest.mark.parametrize("way", [NFTABLES, IPTABLES])
def test_one_connection_that_ours_cut_among_the_others_is_a_goal_missed(way: str) -> None:
    rows = made(DEATH, LATE, SOON)
    rows.add(way, column(ALIVE, LATE), 2, OF - 1)

    assert tell(rows).goals[-1].found.median == 1
    assert tell(rows).goals[-1].verdict() == "missed"
    assert line(rows, way)[-1] == f"{OF - 1}"


@pytest.mark.parametrize(
    ("whens", "without"),
    [
        ((DEATH, SOON), (DEFAULT,)),  # a quick run
        ((DEATH, LATE, SOON), (ORDERED, DEFAULT)),  # no haproxy
        ((DEATH, LATE, SOON), (CUT,)),  # no conntrack
    ],
)
def test_a_quick_run_and_one_without_others_programs_are_told_of_too(
    whens: tuple[str, ...], without: tuple[str, ...]
) -> None:
    report = tell(made(*whens, without=without))

    (picture,) = report.pictures
    assert picture.markdown in report.text
    assert not [way for way in without if f"| {way}" in report.text]
    for way in without:
        assert f"{way} could not be" in report.text or DEATH in KINDS[way].orders


def test_delays_cover_a_doubling_so_that_no_moment_is_favoured() -> None:
    late, checked = (
        Lane(name, KINDS[name], when, Swap(Gateway.__new__(Gateway)))
        for name, when in ((CUT, LATE), (DEFAULT, DEATH))
    )

    assert [late.delay(share) for share in (0, 0.5, 1)] == pytest.approx([3, 3 * 2**0.5, 6])
    assert [checked.delay(share) for share in (0, 0.5, 1)] == [0, 1, 2]


def test_who_was_shown_to_be_told_never_is_not_waited_for_again() -> None:
    cut, swap = (
        Lane(name, KINDS[name], SOON, Swap(Gateway.__new__(Gateway))) for name in (CUT, SWAP)
    )

    assert set(cut.waits_for(0, 2)) == set(CLIENTS)
    assert set(cut.waits_for(2, 2)) == {ACTIVE, NEW}
    assert set(dataclasses.replace(cut, when=LATE).waits_for(0, 2)) == {ACTIVE, NEW}
    assert swap.takes_part(1, 2)
    assert not swap.takes_part(2, 2)


def test_who_waits_longest_begins_first_and_the_others_take_turns() -> None:
    some = [
        Lane(name, KINDS[name], SOON, Swap(Gateway.__new__(Gateway)))
        for name in (NFTABLES, CUT, IPTABLES, ORDERED)
    ]

    orders = [[lane.name for lane in in_turn(some, repetition)] for repetition in range(4)]

    assert {order[0] for order in orders} == {CUT}
    assert {order[1] for order in orders} == {NFTABLES, IPTABLES, ORDERED}


def test_every_way_has_a_kind_and_a_place_on_the_page() -> None:
    assert set(lanes.WAYS) == set(KINDS)
