"""Absent is not empty: what counts as gone, and when."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from cachegate.domain.plan import ChangeKind
from tests.unit.planning.builders import START, Passes, group, memcached, node

RECORDS = {"m.0001": "10.0.1.1", "m.0002": "10.0.1.2"}
ONE_LEFT = [memcached("m", 1)]


@pytest.fixture
def passes() -> Passes:
    """Two nodes that are forwarded."""
    passes = Passes()
    passes.with_policy(quarantine=1000.0)
    passes.at(0, [memcached("m", 2)], RECORDS)
    return passes


@pytest.mark.parametrize(
    ("seen", "reason"),
    [
        ({"caches": [memcached("m", 2, whole=False)]}, "AWS shows no nodes of m in this pass"),
        ({"caches": [memcached("m", 0)]}, "AWS shows no nodes of m in this pass"),
        ({"caches": [], "listed": False}, "the list of tagged caches may not be whole"),
        ({"records": {"m.0001": "10.0.1.1"}}, "m.0002 did not resolve"),
        ({"absent": "10.0.1.2"}, "no network interface has it"),
        ({"records": RECORDS | {"m.0002": "10.9.0.2"}}, "outside the VPC's networks"),
    ],
)
def test_an_answer_that_is_missing_keeps_the_last_good_forward(
    passes: Passes, seen: dict[str, Any], reason: str
) -> None:
    before = passes.ledger
    fields = {"caches": [memcached("m", 2)], "records": RECORDS, **seen}

    for at in (100, 200, 900):
        passes.at(at, **fields)

    assert passes.ledger == before
    assert reason in passes.held()["m/m/0002"]
    assert passes.plan.recheck_after == passes.policy.recheck


def test_a_node_without_an_endpoint_keeps_the_last_good_forward(passes: Passes) -> None:
    unnamed = (node("m", 1), node("m", 2, named=False))
    before = passes.ledger

    passes.at(100, [replace(memcached("m"), nodes=unnamed)], RECORDS)

    assert passes.ledger == before
    assert passes.held() == {"m/m/0002": "AWS shows no endpoint for it now"}


def test_a_node_that_is_gone_counts_after_two_agreeing_passes(passes: Passes) -> None:
    port = passes.listen("m/m/0002")

    plan = passes.at(100, ONE_LEFT, RECORDS)
    assert passes.targets("m/m/0002") == "10.0.1.2"
    assert "gone since 2027-01-15 08:01:40 UTC" in passes.held()["m/m/0002"]
    assert plan.recheck_after == 60.0

    plan = passes.at(159, ONE_LEFT, RECORDS)
    assert passes.targets("m/m/0002") == "10.0.1.2"
    assert plan.recheck_after == 1.0

    plan = passes.at(160, ONE_LEFT, RECORDS)
    assert [(c.kind, c.key, c.listen) for c in plan.changes] == [
        (ChangeKind.REST, "m/m/0002", port)
    ]
    assert "its key is gone" in plan.changes[0].reason
    assert passes.targets("m/m/0002") == ""
    assert passes.ledger.leases["m/m/0002"].resting_since == START + 160
    assert plan.recheck_after is None


@pytest.mark.parametrize("caches", [[], [group("other", 1)]])
def test_a_cache_that_is_gone_counts_after_two_agreeing_passes(
    passes: Passes, caches: list[Any]
) -> None:
    passes.at(100, caches, {})
    passes.at(160, caches, {})

    assert [passes.targets(f"m/m/000{n}") for n in (1, 2)] == ["", ""]


def test_a_pass_that_sees_the_node_again_starts_the_count_anew(passes: Passes) -> None:
    passes.at(100, ONE_LEFT, RECORDS)
    passes.at(130, [memcached("m", 2)], RECORDS)
    passes.at(170, ONE_LEFT, RECORDS)

    assert passes.targets("m/m/0002") == "10.0.1.2"


def test_a_pass_that_cannot_know_neither_agrees_nor_disagrees(passes: Passes) -> None:
    passes.at(100, ONE_LEFT, RECORDS)
    passes.at(170, [memcached("m", 2, whole=False)], {})
    assert passes.targets("m/m/0002") == "10.0.1.2"

    passes.at(171, ONE_LEFT, RECORDS)
    assert passes.targets("m/m/0002") == ""


def test_one_pass_never_agrees_with_itself() -> None:
    passes = Passes()
    passes.with_policy(agreement=0.0)
    passes.at(0, [memcached("m", 2)], RECORDS)

    passes.at(5, ONE_LEFT, RECORDS)
    passes.at(5, ONE_LEFT, RECORDS)
    assert passes.targets("m/m/0002") == "10.0.1.2"

    passes.at(6, ONE_LEFT, RECORDS)
    assert passes.targets("m/m/0002") == ""


def test_a_clock_that_was_set_back_starts_the_count_anew(passes: Passes) -> None:
    passes.at(100, ONE_LEFT, RECORDS)

    plan = passes.at(50, ONE_LEFT, RECORDS)
    assert plan.recheck_after == 60.0

    passes.at(110, ONE_LEFT, RECORDS)
    assert passes.targets("m/m/0002") == ""


def test_a_port_at_rest_is_for_nobody_but_its_own_key() -> None:
    passes = Passes()
    passes.with_policy(quarantine=1000.0, last_port=6380)
    passes.at(0, [memcached("m", 2)], RECORDS)
    passes.at(100, ONE_LEFT, RECORDS)
    passes.at(160, ONE_LEFT, RECORDS)

    passes.at(170, [*ONE_LEFT, memcached("new")], RECORDS)
    assert passes.codes() == {"new": "range_exhausted"}

    plan = passes.at(180, [memcached("m", 2)], RECORDS)
    assert [(c.kind, c.key, c.listen) for c in plan.changes] == [
        (ChangeKind.RETURN, "m/m/0002", 6380)
    ]
    assert passes.targets("m/m/0002") == "10.0.1.2"
    assert passes.ledger.leases["m/m/0002"].leased_at == START


def test_a_key_that_returns_without_an_address_says_that_it_waits(passes: Passes) -> None:
    passes.at(100, ONE_LEFT, RECORDS)
    passes.at(160, ONE_LEFT, RECORDS)

    passes.at(170, [memcached("m", 2)], {"m.0001": "10.0.1.1"})

    assert passes.ledger.leases["m/m/0002"].reason == "no target: m.0002 did not resolve"


def test_a_quarantine_ends_once_a_pass_sees_that_the_key_is_still_gone(passes: Passes) -> None:
    passes.at(100, ONE_LEFT, RECORDS)
    passes.at(160, ONE_LEFT, RECORDS)

    passes.at(1159, ONE_LEFT, RECORDS)
    assert "m/m/0002" in passes.listens()
    passes.at(1160, [], RECORDS, listed=False)
    assert "m/m/0002" in passes.listens()

    plan = passes.at(1161, ONE_LEFT, RECORDS)
    assert [(c.kind, c.key, c.listen) for c in plan.changes] == [
        (ChangeKind.FREE, "m/m/0002", 6380)
    ]
    assert "m/m/0002" not in passes.listens()


def test_a_freed_port_serves_another_key_in_the_same_pass(passes: Passes) -> None:
    passes.at(100, ONE_LEFT, RECORDS)
    passes.at(160, ONE_LEFT, RECORDS)

    plan = passes.at(2000, [*ONE_LEFT, memcached("new")], RECORDS)

    assert [(c.kind, c.key) for c in plan.changes if c.listen == 6380] == [
        (ChangeKind.FREE, "m/m/0002"),
        (ChangeKind.ADD, "new/new/0001"),
    ]


def test_force_does_not_replace_the_second_pass_of_a_removal(passes: Passes) -> None:
    passes.at(100, ONE_LEFT, RECORDS, force=True)

    assert passes.targets("m/m/0002") == "10.0.1.2"
