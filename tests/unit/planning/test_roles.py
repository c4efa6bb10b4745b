"""Where `primary` and `readers` lead."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.unit.planning.builders import Passes, group, memcached

if TYPE_CHECKING:
    from cachegate.domain.cache import Cache

NODES = {"g-001.0001": "10.0.1.1", "g-002.0001": "10.0.1.2", "g-003.0001": "10.0.1.3"}
AT_1, AT_2 = NODES | {"g.primary": "10.0.1.1"}, NODES | {"g.primary": "10.0.1.2"}


def no_roles(cache: Cache) -> Cache:
    return replace(cache, nodes=tuple(replace(node, role=None) for node in cache.nodes))


def roles(passes: Passes) -> tuple[str, str]:
    return passes.targets("g/primary"), passes.targets("g/readers")


@pytest.mark.parametrize(
    ("cache", "records", "primary", "readers", "recheck"),
    [
        (group("g"), AT_1, "10.0.1.1", "10.0.1.2 10.0.1.3", None),
        (group("g", primary=2), AT_1, "10.0.1.1", "10.0.1.2 10.0.1.3", 5.0),  # endpoint wins
        (no_roles(group("g")), AT_2, "10.0.1.2", "10.0.1.1 10.0.1.3", None),
        (group("g", primary=2), NODES, "10.0.1.2", "10.0.1.1 10.0.1.3", None),
        (group("g"), NODES | {"g.primary": "10.0.9.9"}, "10.0.1.1", "10.0.1.2 10.0.1.3", 5.0),
        (group("g", primary_endpoint=None), NODES, "10.0.1.1", "10.0.1.2 10.0.1.3", None),
        (group("g", 1), AT_1, "10.0.1.1", "10.0.1.1", None),
        (group("g", primary=9), NODES, "", "10.0.1.1 10.0.1.2 10.0.1.3", 30.0),
        (no_roles(group("g")), NODES, "", "", 30.0),
    ],
)
def test_roles_follow_the_endpoint_then_the_role(
    cache: Cache, records: dict[str, str], primary: str, readers: str, recheck: float | None
) -> None:
    passes = Passes()

    plan = passes.at(0, [cache], records)

    assert roles(passes) == (primary, readers)
    assert plan.recheck_after == recheck


def test_a_failover_moves_the_roles_and_no_node() -> None:
    passes = Passes()
    passes.at(0, [group("g")], AT_1)

    plan = passes.at(1, [group("g", primary=2)], AT_2)

    assert roles(passes) == ("10.0.1.2", "10.0.1.1 10.0.1.3")
    assert sorted(str(c.key) for c in plan.changes) == ["g/primary", "g/readers"]


def test_a_role_reads_where_it_leads_and_why() -> None:
    passes = Passes()
    reason = {}
    for at, cache, records in (
        (0, group("g"), AT_1),
        (1, group("g"), AT_2),
        (2, group("g", primary=3), NODES),
        (3, no_roles(group("g")), AT_1),
    ):
        passes.at(at, [cache], records, force=True)
        reason[at] = passes.ledger.leases["g/primary"].reason

    assert reason == {
        0: "PrimaryEndpoint and the role agree on 10.0.1.1:6379",
        1: "PrimaryEndpoint leads to 10.0.1.2:6379; the role says 10.0.1.1:6379",
        2: "the role says 10.0.1.3:6379; PrimaryEndpoint leads to no node of the cache",
        3: "PrimaryEndpoint leads to 10.0.1.1:6379",
    }


def test_readers_without_a_replica_say_that_the_primary_answers() -> None:
    passes = Passes()
    records = {"g-001.0001": "10.0.1.1", "g.primary": "10.0.1.1"}

    passes.at(0, [group("g", 2)], records)
    assert passes.targets("g/readers") == "10.0.1.1"
    assert "the primary answers" in passes.ledger.leases["g/readers"].reason

    passes.at(1, [group("g", 2)], AT_1)
    assert passes.targets("g/readers") == "10.0.1.2"


def test_an_unknown_primary_follows_its_node_to_the_new_address() -> None:
    passes = Passes()
    passes.at(0, [group("g")], AT_1)

    passes.at(1, [no_roles(group("g"))], NODES | {"g-001.0001": "10.0.1.9"})

    assert roles(passes) == ("10.0.1.9", "10.0.1.2 10.0.1.3")


def test_a_replica_that_is_missing_is_read_until_it_counts_as_gone() -> None:
    passes = Passes()
    passes.at(0, [group("g")], AT_1)

    passes.at(1, [group("g", 2)], AT_1)
    assert passes.targets("g/readers") == "10.0.1.2 10.0.1.3"

    passes.at(61, [group("g", 2)], AT_1)
    assert passes.targets("g/readers") == "10.0.1.2"


def test_a_primary_whose_node_is_gone_leads_nowhere_until_another_is_known() -> None:
    passes = Passes()
    passes.at(0, [group("g")], AT_1)
    left = replace(group("g", primary=9), nodes=group("g", primary=9).nodes[1:])

    passes.at(1, [left], NODES)
    assert roles(passes) == ("10.0.1.1", "10.0.1.2 10.0.1.3")

    passes.at(61, [left], NODES)
    assert roles(passes) == ("", "10.0.1.2 10.0.1.3")


def test_a_silent_cache_keeps_its_roles() -> None:
    passes = Passes()
    passes.at(0, [group("g")], AT_1)
    before = passes.ledger

    passes.at(1, [group("g", whole=False)], {})

    assert passes.ledger == before
    assert "AWS shows no nodes" in passes.held()["g/primary"]


def test_a_primary_moves_to_no_address_that_has_no_interface() -> None:
    passes = Passes()
    passes.at(0, [group("g")], AT_1)

    passes.at(1, [group("g", primary=2)], AT_2, absent="10.0.1.2")

    assert roles(passes)[0] == "10.0.1.1"
    assert "neither PrimaryEndpoint nor a role" in passes.held()["g/primary"]


def test_readers_take_no_new_replica_without_an_interface_but_keep_an_old_one() -> None:
    passes = Passes()
    passes.at(0, [group("g", 2)], AT_1)
    passes.at(1, [group("g")], AT_1)
    assert passes.targets("g/readers") == "10.0.1.2 10.0.1.3"

    passes.at(2, [group("g")], AT_1, absent="10.0.1.2 10.0.1.3")
    assert passes.targets("g/readers") == "10.0.1.2 10.0.1.3"

    passes.at(3, [group("g", primary=2)], AT_2, absent="10.0.1.1")
    assert passes.targets("g/readers") == "10.0.1.3"


def test_a_primary_endpoint_that_leads_to_another_cache_is_not_followed() -> None:
    passes = Passes()
    other = {"m.0001": "10.0.1.8"}

    passes.at(0, [group("g"), memcached("m")], NODES | other | {"g.primary": "10.0.1.8"})

    assert roles(passes) == ("10.0.1.1", "10.0.1.2 10.0.1.3")


def test_a_role_loses_at_once_what_its_node_lost() -> None:
    passes = Passes()
    passes.at(0, [group("g")], AT_1)

    passes.at(1, [group("g", whole=False), memcached("m")], {"m.0001": "10.0.1.1"})

    assert roles(passes) == ("", "10.0.1.2 10.0.1.3")
    passes.at(2, [group("g", whole=False), memcached("m")], {"m.0001": "10.0.1.3"})
    assert roles(passes) == ("", "10.0.1.2")
