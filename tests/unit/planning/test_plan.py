"""The frame of a plan: sources, networks, generation, warnings, the next look."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Network
from typing import Any

import pytest

from cachegate.domain.ledger import Ledger
from cachegate.domain.plan import ChangeKind
from cachegate.planning.plan import make_plan
from tests.unit.planning.builders import (
    NETWORK,
    POLICY,
    SOURCES,
    Passes,
    group,
    memcached,
    observe,
    serverless,
)

M, A = [memcached("m")], {"m.0001": "10.0.1.1"}


def test_the_first_plan_says_everything_it_does_in_order_of_ports() -> None:
    plan = Passes().at(0, M, A)

    assert [(c.kind, c.listen, c.reason) for c in plan.changes] == [
        (ChangeKind.NETWORKS, None, "the VPC's networks are 10.0.0.0/16"),
        (ChangeKind.SOURCES, None, "the trusted sources are 203.0.113.0/24"),
        (ChangeKind.ADD, 6379, "m.0001 resolves to 10.0.1.1"),
    ]
    assert plan.ledger.generation == 1
    assert plan.recheck_after is None


def test_a_second_pass_changes_nothing() -> None:
    passes = Passes()
    passes.at(0, M, A)
    before = passes.ledger

    plan = passes.at(3600, M, A)

    assert plan.ledger == before
    assert plan.changes == ()
    assert plan.problems == ()


def test_sources_apply_at_once_sorted_and_distinct() -> None:
    passes = Passes()
    passes.at(0, M, A)
    narrow, wide = IPv4Network("198.51.100.7/32"), IPv4Network("198.51.100.0/24")
    passes.with_policy(sources=(narrow, wide, narrow))

    plan = passes.at(1, M, A)

    assert plan.ledger.sources == (wide, narrow)
    assert [c.kind for c in plan.changes] == [ChangeKind.SOURCES]
    assert plan.ledger.generation == 2


def test_networks_apply_at_once_sorted_and_distinct() -> None:
    passes = Passes()
    passes.at(0, M, A)
    low = IPv4Network("10.0.0.0/8")

    plan = passes.at(1, M, A, networks=(NETWORK, low, NETWORK))

    assert plan.ledger.targets_within == (low, NETWORK)
    assert plan.ledger.generation == 2


def test_a_vpc_without_any_network_is_a_lost_answer() -> None:
    passes = Passes()
    passes.at(0, M, A)
    before = passes.ledger

    assert passes.at(1, M, A, networks=()).ledger == before


def test_what_others_wrote_into_the_ledger_stays() -> None:
    ledger = Ledger(vpc_id="vpc-1", generation=9, detached=True, nat_instances=("i-1",))

    plan = make_plan(ledger, observe(0, M, A), POLICY)

    assert (plan.ledger.detached, plan.ledger.nat_instances) == (True, ("i-1",))
    assert plan.ledger.generation == 10


@pytest.mark.parametrize(
    ("cache", "warned"),
    [
        (memcached("m", tls=False), True),
        (memcached("m", tls=False, plaintext_accepted=True), False),
        (memcached("m", tls=True), False),
        (memcached("m", tls=True, tls_optional=True), True),
        (memcached("m", tls=True, tls_optional=True, auth=True), True),
        (memcached("m", tls=True, tls_optional=True, plaintext_accepted=True), False),
        (serverless("m"), False),
    ],
)
def test_a_cache_without_tls_is_forwarded_with_a_warning(cache: Any, warned: bool) -> None:  # noqa: FBT001
    plan = Passes().at(0, [cache], A)

    assert plan.ledger.leases
    assert [(p.code, p.forwarded) for p in plan.problems] == [("plaintext", True)] * warned


def test_the_soonest_thing_in_motion_decides_the_next_look() -> None:
    passes = Passes()
    records = A | {"g-001.0001": "10.0.2.1", "g-002.0001": "10.0.2.2", "g.primary": "10.0.2.1"}
    waiting = memcached("w")

    assert passes.at(0, [*M, group("g", 2)], records).recheck_after is None
    assert passes.at(1, [group("g", 2)], records).recheck_after == 60.0
    assert passes.at(2, [group("g", 2), waiting], records).recheck_after == 30.0
    assert passes.at(3, [group("g", 2, primary=2), waiting], records).recheck_after == 5.0
    assert passes.at(59, [group("g", 2)], records).recheck_after == 2.0
    records["w.0001"] = "10.0.3.1"
    assert passes.at(61, [group("g", 2), waiting], records).recheck_after is None


def test_order_in_the_ledger_decides_nothing() -> None:
    passes = Passes()
    passes.at(0, [memcached("a", 3), memcached("b")], {})
    turned = replace(passes.ledger, leases=dict(list(passes.ledger.leases.items())[::-1]))
    seen = observe(1, [memcached("a", 4)], {})

    assert make_plan(turned, seen, POLICY) == make_plan(passes.ledger, seen, POLICY)


def test_nobody_may_connect_where_no_source_is_trusted() -> None:
    plan = make_plan(Ledger(vpc_id="vpc-1"), observe(0, M, A), replace(POLICY, sources=()))

    assert SOURCES
    assert plan.ledger.rule_set.sources == ()
