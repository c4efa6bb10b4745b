"""A wrong forward shows someone another cache's data: who may lead to an address."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network

import pytest

from cachegate.domain.forward import Target
from cachegate.domain.plan import ChangeKind
from tests.unit.planning.builders import START, Passes, group, memcached, serverless

OLD, NEW = memcached("old"), memcached("new")


def test_a_key_that_is_missing_loses_its_address_to_the_node_that_is_there_now() -> None:
    passes = Passes()
    passes.at(0, [OLD], {"old.0001": "10.0.1.1"})

    plan = passes.at(1, [NEW], {"new.0001": "10.0.1.1"})

    assert passes.targets("old/old/0001") == ""
    assert passes.targets("new/new/0001") == "10.0.1.1"
    (move,) = (c for c in plan.changes if c.kind is ChangeKind.MOVE)
    assert move.reason == "no target: the name of new/new/0001 leads to 10.0.1.1:6379 now"


@pytest.mark.parametrize("silent", [True, False])
def test_a_key_that_holds_by_its_last_answer_alone_loses_to_a_fresh_one(*, silent: bool) -> None:
    passes = Passes()
    passes.at(0, [OLD], {"old.0001": "10.0.1.1"})

    passes.at(1, [replace(OLD, whole=not silent), NEW], {"new.0001": "10.0.1.1"})

    assert passes.targets("old/old/0001") == ""
    assert passes.targets("new/new/0001") == "10.0.1.1"


def test_between_two_caches_an_address_that_both_names_give_leads_nowhere() -> None:
    passes = Passes()
    passes.at(0, [OLD, NEW], {"old.0001": "10.0.1.1", "new.0001": "10.0.1.2"})

    plan = passes.at(1, [OLD, NEW], {"old.0001": "10.0.1.1", "new.0001": "10.0.1.1"})
    assert passes.targets("old/old/0001") == ""
    assert passes.targets("new/new/0001") == "10.0.1.2"  # its own last good one
    assert "old/old/0001: one of the answers is old" in passes.held()["new/new/0001"]
    assert plan.recheck_after == passes.policy.recheck

    passes.at(31, [OLD, NEW], {"old.0001": "10.0.1.3", "new.0001": "10.0.1.1"})
    assert passes.targets("old/old/0001") == "10.0.1.3"
    assert passes.targets("new/new/0001") == "10.0.1.1"


def test_within_a_cache_the_node_that_has_an_address_keeps_it() -> None:
    passes, both = Passes(), [memcached("m", 2)]
    passes.at(0, both, {"m.0001": "10.0.1.1", "m.0002": "10.0.1.2"})

    passes.at(1, both, {"m.0001": "10.0.1.1", "m.0002": "10.0.1.1"})

    assert passes.targets("m/m/0001") == "10.0.1.1"
    assert passes.targets("m/m/0002") == "10.0.1.2"
    assert list(passes.held()) == ["m/m/0002"]


def test_of_two_new_nodes_at_one_address_neither_gets_it() -> None:
    passes = Passes()

    passes.at(0, [memcached("m", 2)], {"m.0001": "10.0.1.1", "m.0002": "10.0.1.1"})

    assert [passes.targets(f"m/m/000{n}") for n in (1, 2)] == ["", ""]


def test_two_nodes_swap_their_addresses_in_one_pass() -> None:
    passes, both = Passes(), [memcached("m", 2)]
    passes.at(0, both, {"m.0001": "10.0.1.1", "m.0002": "10.0.1.2"})

    passes.at(1, both, {"m.0001": "10.0.1.2", "m.0002": "10.0.1.1"})

    assert passes.targets("m/m/0001") == "10.0.1.2"
    assert passes.targets("m/m/0002") == "10.0.1.1"


@pytest.mark.parametrize(
    ("records", "expected"),
    [
        ({}, ["", ""]),  # nobody was seen there: neither may stay
        ({"m.0001": "10.0.1.1"}, ["10.0.1.1", ""]),
        ({"m.0001": "10.0.1.1", "m.0002": "10.0.1.1"}, ["", ""]),
    ],
)
def test_a_ledger_that_gives_one_address_to_two_nodes_is_put_right(
    records: dict[str, str], expected: list[str]
) -> None:
    passes = Passes()
    passes.at(0, [memcached("m", 2)], {"m.0001": "10.0.1.1", "m.0002": "10.0.1.2"})
    wrong = replace(
        passes.ledger.leases["m/m/0002"], targets=(Target(IPv4Address("10.0.1.1"), 6379),)
    )
    passes.ledger = replace(passes.ledger, leases={**passes.ledger.leases, wrong.key: wrong})

    passes.at(1, [memcached("m", 2)], records)

    assert [passes.targets(f"m/m/000{n}") for n in (1, 2)] == expected


def test_an_address_without_an_interface_is_no_claim() -> None:
    passes = Passes()
    passes.at(0, [OLD], {"old.0001": "10.0.1.1"})

    passes.at(1, [OLD, NEW], {"new.0001": "10.0.1.1"}, absent="10.0.1.1")

    assert passes.targets("old/old/0001") == "10.0.1.1"
    assert passes.targets("new/new/0001") == ""


def test_the_serverless_endpoints_share_a_name_but_not_a_target() -> None:
    passes = Passes()

    passes.at(0, [serverless("s")], {"s.serverless": "10.0.1.9 10.0.1.10"})
    passes.at(1, [serverless("s")], {"s.serverless": "10.0.1.1 10.0.1.9"})

    targets = {k: [str(t) for t in lease.targets] for k, lease in passes.ledger.leases.items()}
    assert targets == {"s/endpoint": ["10.0.1.9:6379"], "s/reader-endpoint": ["10.0.1.9:6380"]}


def test_of_several_answers_the_lowest_address_is_taken_numerically() -> None:
    passes = Passes()

    passes.at(0, [memcached("m")], {"m.0001": "10.0.1.10 10.0.1.9"})

    assert passes.targets("m/m/0001") == "10.0.1.9"


def test_an_address_outside_the_vpc_is_never_planned() -> None:
    passes = Passes()

    passes.at(0, [memcached("m", 2)], {"m.0001": "8.8.8.8", "m.0002": "8.8.8.8 10.0.1.1"})

    assert passes.targets("m/m/0001") == ""
    assert passes.targets("m/m/0002") == "10.0.1.1"
    assert "8.8.8.8, outside the VPC's networks" in passes.ledger.leases["m/m/0001"].reason


def test_networks_that_shrink_take_targets_away_at_once_roles_too() -> None:
    passes = Passes()
    records = {"g-001.0001": "10.0.1.1", "g.primary": "10.0.1.1"}
    passes.at(0, [group("g", 1)], records)

    plan = passes.at(1, [group("g", 1)], records, networks=(IPv4Network("10.0.2.0/24"),))

    assert [passes.targets(f"g/{k}") for k in ("g-001/0001", "primary", "readers")] == [""] * 3
    reasons = {c.key: c.reason for c in plan.changes if c.kind is ChangeKind.MOVE}
    assert reasons["g/g-001/0001"] == "no target: 10.0.1.1 is outside the VPC's networks"
    assert reasons["g/primary"] == "no target: no node of the cache is at 10.0.1.1:6379 any more"


def test_unknown_evidence_blocks_no_single_change() -> None:
    passes = Passes()
    passes.at(0, [memcached("m")], {"m.0001": "10.0.1.1"}, present="")
    passes.at(1, [memcached("m")], {"m.0001": "10.0.1.2"}, present="")

    assert passes.targets("m/m/0001") == "10.0.1.2"
    assert passes.ledger.leases["m/m/0001"].changed_at == START + 1


def test_turning_tls_on_renames_a_node_and_changes_nothing() -> None:
    passes = Passes()
    cache = memcached("m")
    passes.at(0, [cache], {"m.0001": "10.0.1.1"})
    before = passes.ledger
    (node,) = cache.nodes
    assert node.endpoint is not None
    renamed = replace(node, endpoint=replace(node.endpoint, host="0001.m.tls"))

    passes.at(1, [replace(cache, nodes=(renamed,))], {"0001.m.tls": "10.0.1.1"})

    assert passes.ledger == before
