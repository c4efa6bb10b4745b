"""Which key gets which listen port."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cachegate.domain.cache import Role
from cachegate.domain.plan import ChangeKind
from cachegate.planning.ports import PortBook
from tests.unit.planning.builders import Passes, group, memcached, node, serverless


def test_a_caches_keys_stand_next_to_each_other_nodes_first() -> None:
    passes = Passes()

    passes.at(0, [group("g", 2), serverless("s"), memcached("m", 2)], {})

    assert list(passes.listens().items()) == sorted(passes.listens().items())
    assert passes.listens() == {
        "g/g-001/0001": 6379,
        "g/g-002/0001": 6380,
        "g/primary": 6381,
        "g/readers": 6382,
        "m/m/0001": 6383,
        "m/m/0002": 6384,
        "s/endpoint": 6385,
        "s/reader-endpoint": 6386,
    }


def test_cluster_mode_enabled_has_node_keys_only() -> None:
    passes = Passes()

    passes.at(0, [group("g", 2, cluster_mode=True)], {})

    assert sorted(passes.listens()) == ["g/g-001/0001", "g/g-002/0001"]


def test_a_key_gets_its_port_before_it_has_an_address_and_answers_rst() -> None:
    passes = Passes()

    plan = passes.at(0, [memcached("m")], {})

    (forward,) = passes.ledger.rule_set.forwards
    assert (forward.listen, forward.targets) == (6379, ())
    assert [(c.kind, c.reason) for c in plan.changes if c.key] == [
        (ChangeKind.ADD, "no target: m.0001 did not resolve")
    ]


def test_roles_get_no_port_before_the_nodes_are_known() -> None:
    passes = Passes()

    passes.at(0, [group("g", 0)], {})
    assert passes.ledger.leases == {}
    assert passes.codes() == {"g": "no_nodes"}
    assert passes.plan.recheck_after == passes.policy.recheck

    passes.at(30, [group("g", 1)], {})
    assert passes.listen("g/g-001/0001") == 6379


def test_a_cache_that_grows_takes_the_port_next_to_its_own() -> None:
    passes = Passes()
    passes.at(0, [memcached("a", 2), memcached("b")], {})
    passes.at(1, [memcached("a", 2), memcached("b", 2)], {})
    passes.at(2, [memcached("a", 3), memcached("b", 2)], {})

    assert passes.listen("b/b/0002") == 6382  # next to 6381
    assert passes.listen("a/a/0003") == 6383  # 6381 is taken, so the lowest free one


def test_a_cache_that_grows_takes_the_port_below_where_the_one_above_is_taken() -> None:
    passes = Passes()
    passes.at(0, [memcached("a", pinned_port="6400"), memcached("b", pinned_port="6401")], {})
    passes.at(1, [memcached("a", 2), memcached("b")], {})

    assert passes.listen("a/a/0002") == 6399


def test_a_growing_cache_comes_before_a_new_one() -> None:
    passes = Passes()
    passes.at(0, [memcached("z")], {})
    passes.at(1, [memcached("a"), memcached("z", 2)], {})

    assert passes.listens() == {"z/z/0001": 6379, "z/z/0002": 6380, "a/a/0001": 6381}


def test_a_block_that_fits_nowhere_becomes_the_lowest_free_ports() -> None:
    passes = Passes()
    passes.with_policy(last_port=6383)
    passes.at(0, [memcached("a", pinned_port="6380"), memcached("b", pinned_port="6382")], {})
    passes.at(1, [memcached("a"), memcached("b"), memcached("c", 3)], {})

    assert [passes.listen(f"c/c/{n:04}") for n in (1, 2, 3)] == [6379, 6381, 6383]


def test_port_22_is_never_given() -> None:
    passes = Passes()
    passes.with_policy(first_port=21, last_port=25)

    passes.at(0, [memcached("a", 3), memcached("b")], {})

    assert passes.listens() == {
        "a/a/0001": 23,
        "a/a/0002": 24,
        "a/a/0003": 25,
        "b/b/0001": 21,
    }


def test_an_exhausted_range_names_the_ports_at_rest_and_others_still_sync() -> None:
    passes = Passes()
    passes.with_policy(last_port=6382, quarantine=1000.0)
    passes.at(0, [memcached("old", 2)], {})
    passes.at(1, [], {})
    passes.at(61, [], {})

    plan = passes.at(62, [memcached("big", 3), memcached("small", 2)], {})

    (problem,) = (p for p in plan.problems if p.cache == "big")
    assert problem.code == "range_exhausted"
    assert problem.message == (
        "big needs 3 more listen ports, 6379-6382 has 2 free: "
        "widen ListenPorts or expose fewer caches, "
        "or release ports at rest (6379-6380, the first until 2027-01-15 08:17:41 UTC)"
    )
    assert passes.listen("small/small/0001") == 6381
    assert not problem.forwarded


def test_a_cache_that_cannot_grow_keeps_what_it_has() -> None:
    passes = Passes()
    passes.with_policy(last_port=6380)
    passes.at(0, [memcached("a", 2)], {"a.0001": "10.0.1.1"})

    plan = passes.at(1, [memcached("a", 4)], {"a.0001": "10.0.1.1"})

    assert passes.codes() == {"a": "range_exhausted"}
    assert plan.problems[0].message.endswith("widen ListenPorts or expose fewer caches")
    assert passes.targets("a/a/0001") == "10.0.1.1"


def test_a_replaced_node_keeps_its_listen_port() -> None:
    passes = Passes()
    passes.at(0, [memcached("m", 2)], {"m.0001": "10.0.1.1", "m.0002": "10.0.1.2"})
    before = passes.listens()

    plan = passes.at(9, [memcached("m", 2)], {"m.0001": "10.0.1.9", "m.0002": "10.0.1.2"})

    assert passes.listens() == before
    assert [(c.kind, c.key) for c in plan.changes] == [(ChangeKind.MOVE, "m/m/0001")]
    assert passes.targets("m/m/0001") == "10.0.1.9"


def test_a_range_that_was_changed_moves_no_port() -> None:
    passes = Passes()
    passes.at(0, [memcached("a")], {})
    passes.with_policy(first_port=7000, last_port=7010)

    passes.at(1, [memcached("a", 2)], {})

    assert passes.listens() == {"a/a/0001": 6379, "a/a/0002": 7000}


@pytest.mark.parametrize("backwards", [False, True])
def test_a_cluster_and_a_group_of_one_name_do_not_share_keys(*, backwards: bool) -> None:
    """AWS lets a standalone cluster be called like a replication group."""
    passes = Passes()
    caches = [group("x", 1), memcached("x")]

    passes.at(0, caches[::-1] if backwards else caches, {})

    assert passes.listens() == {
        "x/x/0001": 6379,
        "x/x-001/0001": 6380,
        "x/primary": 6381,
        "x/readers": 6382,
    }


def test_nodes_sort_by_cluster_then_node() -> None:
    passes = Passes()
    nodes = (node("b", 1), node("a", 2), node("a", 1, Role.PRIMARY))

    passes.at(0, [replace(group("g", cluster_mode=True), nodes=nodes)], {})

    assert sorted(passes.listens(), key=passes.listen) == ["g/a/0001", "g/a/0002", "g/b/0001"]


@given(
    st.sets(st.integers(1, 40)),
    st.lists(st.tuples(st.booleans(), st.integers(1, 6), st.integers(1, 40)), max_size=12),
)
def test_a_port_is_given_once_and_all_or_none(
    taken: set[int], asks: list[tuple[bool, int, int]]
) -> None:
    book, given_away = PortBook(range(1, 41), taken), set(taken)
    for grow, size, own in asks:
        free = {p for p in range(1, 41) if p not in given_away and p != 22}
        got = book.beside([own], size) if grow else book.fresh(size)
        assert len(got) == (size if size <= len(free) else 0)
        assert len(set(got)) == len(got)
        assert set(got) <= free
        if not grow and got:
            assert got == _lowest(sorted(free), size)
        given_away |= set(got)
        assert book.count == len(free - set(got))


def _lowest(free: list[int], size: int) -> list[int]:
    """The plain way: the first run that is long enough, else the first ports."""
    for start in free:
        if set(range(start, start + size)) <= set(free):
            return list(range(start, start + size))
    return free[:size]


@pytest.mark.parametrize(
    ("own", "size", "expected"),
    [
        ([10], 2, [11, 12]),
        ([10, 12], 3, [11, 13, 14]),
        ([20], 2, [18, 19]),
        ([5], 1, [6]),
    ],
)
def test_growth_stays_close(own: list[int], size: int, expected: list[int]) -> None:
    assert PortBook(range(5, 21), own).beside(own, size) == expected
