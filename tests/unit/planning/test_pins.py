"""The tag cachegate:port."""

from __future__ import annotations

import pytest

from tests.unit.planning.builders import Passes, memcached


def test_a_pinned_cache_gets_its_block() -> None:
    passes = Passes()

    passes.at(0, [memcached("a"), memcached("p", 3, pinned_port="6400")], {})

    assert [passes.listen(f"p/p/{n:04}") for n in (1, 2, 3)] == [6400, 6401, 6402]
    assert passes.codes() == {}


def test_a_new_unpinned_cache_cannot_take_what_a_pinned_one_wants() -> None:
    passes = Passes()

    passes.at(0, [memcached("a", 3), memcached("p", pinned_port="6380")], {})

    assert passes.listen("p/p/0001") == 6380
    assert [passes.listen(f"a/a/{n:04}") for n in (1, 2, 3)] == [6381, 6382, 6383]


@pytest.mark.parametrize(
    "text",
    ["", "x", "6378", "6479", "-1", "+6400", " 6400", "6_400", "٦٤٠٠", "64000000000", "6478"],
)
def test_a_pin_outside_the_range_is_refused_and_the_others_sync(text: str) -> None:
    passes = Passes()

    passes.at(0, [memcached("a"), memcached("p", 2, pinned_port=text)], {})

    assert passes.codes() == {"p": "pin_outside_range"}
    assert "6379-6478" in passes.plan.problems[0].message
    assert passes.listens() == {"a/a/0001": 6379}


def test_a_pin_over_port_22_is_refused() -> None:
    passes = Passes()
    passes.with_policy(first_port=20, last_port=30)

    passes.at(0, [memcached("p", 3, pinned_port="21")], {})

    assert passes.codes() == {"p": "pin_outside_range"}
    assert "22 is never" in passes.plan.problems[0].message


def test_a_taken_pin_names_the_holder() -> None:
    passes = Passes()
    passes.at(0, [memcached("a", 2)], {})

    plan = passes.at(1, [memcached("a", 2), memcached("p", 2, pinned_port="6380")], {})

    (problem,) = plan.problems
    assert (problem.code, problem.cache) == ("pin_taken", "p")
    assert problem.message == (
        "p is pinned to 6380-6381 by cachegate:port, but 6380 belongs to a/a/0002"
    )
    assert not problem.forwarded


def test_a_pin_onto_a_port_at_rest_is_taken_until_the_quarantine_is_over() -> None:
    passes = Passes()
    passes.with_policy(quarantine=100.0)
    passes.at(0, [memcached("a")], {})
    passes.at(1, [], {})
    passes.at(61, [], {})
    pinned = memcached("p", pinned_port="6379")

    passes.at(62, [pinned], {})
    assert passes.codes() == {"p": "pin_taken"}
    assert "(at rest since 2027-01-15 08:01:01 UTC)" in passes.plan.problems[0].message

    passes.at(162, [pinned], {})
    assert passes.codes() == {}
    assert passes.listens() == {"p/p/0001": 6379}


@pytest.mark.parametrize("backwards", [False, True])
def test_two_new_caches_pinned_onto_each_other_are_both_refused(*, backwards: bool) -> None:
    passes = Passes()
    caches = [
        memcached("a", 2, pinned_port="6400"),
        memcached("b", 2, pinned_port="6401"),
        memcached("c", 2, pinned_port="6403"),
    ]

    passes.at(0, caches[::-1] if backwards else caches, {})

    assert passes.codes() == {"a": "pin_conflict", "b": "pin_conflict"}
    assert passes.plan.problems[0].message == (
        "a and b are pinned onto each other by cachegate:port"
    )
    assert sorted(passes.listens()) == ["c/c/0001", "c/c/0002"]


def test_the_cache_that_already_holds_the_port_keeps_it() -> None:
    passes = Passes()
    passes.at(0, [memcached("a", pinned_port="6400")], {})

    both = [memcached("b", pinned_port="6400"), memcached("a", pinned_port="6400")]
    passes.at(1, both, {})

    assert passes.listens() == {"a/a/0001": 6400}
    assert passes.codes() == {"b": "pin_taken"}


def test_a_cache_whose_pin_is_taken_does_not_stop_one_pinned_beside_it() -> None:
    passes = Passes()
    passes.at(0, [memcached("old", pinned_port="6400")], {})

    passes.at(
        1,
        [
            memcached("old", pinned_port="6400"),
            memcached("p", 2, pinned_port="6400"),
            memcached("q", pinned_port="6401"),
        ],
        {},
    )

    assert passes.codes() == {"p": "pin_taken"}
    assert passes.listen("q/q/0001") == 6401


def test_a_pin_set_after_the_ports_were_given_moves_nothing_and_says_so() -> None:
    passes = Passes()
    passes.at(0, [memcached("a", 2)], {})

    plan = passes.at(1, [memcached("a", 2, pinned_port="6400")], {})

    assert passes.listens() == {"a/a/0001": 6379, "a/a/0002": 6380}
    (problem,) = plan.problems
    assert (problem.code, problem.forwarded) == ("pin_ignored", True)
    assert problem.message == (
        "cachegate:port of a is 6400, but it has 6379-6380: ports never move"
    )


def test_a_bad_pin_set_later_takes_nothing_away() -> None:
    passes = Passes()
    passes.at(0, [memcached("a")], {})

    plan = passes.at(1, [memcached("a", 2, pinned_port="none")], {})

    assert passes.listens() == {"a/a/0001": 6379, "a/a/0002": 6380}
    assert [(p.code, p.forwarded) for p in plan.problems] == [("pin_outside_range", True)]


def test_a_pinned_cache_without_nodes_waits() -> None:
    passes = Passes()

    passes.at(0, [memcached("a", 0, pinned_port="6400")], {})

    assert passes.codes() == {"a": "no_nodes"}
