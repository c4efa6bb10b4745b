"""What the page says of updates and swaps comes from the rows, a quick run's among them."""

from __future__ import annotations

import pytest

from benchmarks.agent import carried_agent
from benchmarks.rows import Rows
from benchmarks.updates import measuring, names, rule_sets, steps, swaps, tell_swaps, tell_updates
from benchmarks.updates.swap_ways import WAYS, rule_set
from build_document import HERE, squeeze
from cachegate_agent import carry


def updates(sizes: tuple[int, ...], swap: float = 2.0) -> Rows:
    """Return rows in which every step of ours takes 1 ms, the swap apart, and bare tools 2 ms."""
    rows = Rows("updates")
    for repetition in range(6):
        for size in sizes:
            values = {
                names.EMPTY: 0.5,
                names.PLACES: 65_536,
                **_bare(size, repetition),
                **_ours(swap),
            }
            for way, value in values.items():
                rows.add(way, size, repetition, value)
    return rows


def _ours(swap: float) -> dict[str, float]:
    took = dict.fromkeys(tell_updates.STEPS, 1.0)
    took |= {steps.SWAP: swap, steps.PROGRAM: 2.0, names.START: 60.0, steps.ALL: 10.0 + swap}
    whole = {
        names.ours(backend, update, step): value
        for update in names.UPDATES
        for backend in names.BACKENDS
        for step, value in took.items()
    }
    alone = {
        names.alone(backend, step): took[step]
        for backend in names.BACKENDS
        for step in (steps.SWAP, steps.PROGRAM)
    }
    return whole | alone


def _bare(size: int, repetition: int) -> dict[str, float]:
    took: dict[str, float] = {}
    for update in names.UPDATES:
        took |= {names.same_text(backend, update): 2.0 for backend in names.BACKENDS}
        for way in (names.BY_HAND, names.WITH_SETS, names.RESTORE):
            took[names.other(way, update)] = 2.0
        if size <= measuring.MANY_CALLS or repetition == 0:
            took[names.other(names.CALLS, update)] = 240.0
    texts = ("ours", names.BY_HAND, names.WITH_SETS)
    return {**took, **{names.size_of_text(way): 3.0 for way in texts}}


def test_a_swap_slower_than_a_bare_tool_by_more_than_a_fifth_misses_its_goals() -> None:
    kept, missed = (tell_updates.tell(updates((50, 5000), swap)).goals for swap in (2.2, 2.6))

    assert all(goal.met for goal in kept)
    assert [goal.met for goal in missed if "our swap" in goal.what] == [False] * 4 + [True]


def test_the_worst_size_is_the_one_that_a_goal_shows() -> None:
    rows = updates((1, 50))
    way = names.alone("nftables", steps.SWAP)
    rows.raw = [row._replace(value=9.0) if row[:2] == (way, "1") else row for row in rows.raw]

    (goal,) = (
        goal
        for goal in tell_updates.tell(rows).goals
        if goal.what.startswith(f"(a) {names.CHANGE}")
    )

    assert "worst size: 1)" in goal.what
    assert goal.found.median == 4.5


def test_what_no_step_accounts_for_is_shown_as_the_rest() -> None:
    parts = tell_updates.parts_of(updates((500,)), "nftables", names.FIRST, 500)

    assert parts[tell_updates.REST] == pytest.approx(3.0)
    assert sum(parts.values()) == pytest.approx(12.0)


@pytest.mark.parametrize("sizes", [measuring.SIZES, measuring.QUICK_SIZES])
def test_updates_are_told_of_a_full_and_of_a_quick_run(sizes: tuple[int, ...]) -> None:
    report = tell_updates.tell(updates(sizes))

    assert "20.0 (20.0 to 20.0) times as long at 500 forwards" in report.text
    assert ("measured once" in report.text) == (5000 in sizes)
    assert all(picture.markdown in report.text for picture in report.pictures)


def swapped(**counts: float) -> Rows:
    """Return rows of swaps in which nothing went wrong but what is given, and only ours."""
    rows = Rows("swaps")
    for repetition in range(2):
        for way in WAYS:
            for column in (*tell_swaps.COUNTS, swaps.DEAD):
                good = 30.0 if column in (swaps.CHANGES, swaps.ANSWERED) else 0.0
                value = counts.get(column, good) if repetition == 1 else good
                rows.add(way.name, column, repetition, value)
    return rows


@pytest.mark.parametrize("column", [swaps.BROKEN, swaps.REFUSED_MOVED, swaps.REFUSED_STEADY])
def test_one_failure_in_one_repetition_misses_the_goal(column: str) -> None:
    assert all(goal.met for goal in tell_swaps.tell(swapped()).goals)
    assert not all(goal.met for goal in tell_swaps.tell(swapped(**{column: 1})).goals)


def test_a_port_dead_in_one_repetition_alone_misses_the_goal_and_proves_nothing() -> None:
    kept, missed = tell_swaps.tell(swapped()), tell_swaps.tell(swapped(**{swaps.DEAD: 5}))

    assert {goal.found.median for goal in missed.goals if not goal.met} == {5}
    assert len([goal for goal in missed.goals if not goal.met]) == 2
    assert "nothing was lost in so many" in kept.text
    assert "nothing was lost in so many" not in missed.text
    assert "Nothing was lost with no way at all" in missed.text


def test_a_connection_that_is_not_answered_counts_as_refused_in_whatever_way() -> None:
    counted = {"refused": 1, "not connected: timed out": 2, "closed early": 4, "cut": 8}

    assert swaps.refused({**counted, "not answered": 16}) == 23


def test_a_connection_to_a_port_that_stays_is_refused_where_it_is_cut() -> None:
    found = swaps.counts(10, {"new_answers": 1, "cut": 2}, {"new_answers": 1, "cut": 3})

    assert (found[swaps.CUT], found[swaps.REFUSED_MOVED], found[swaps.REFUSED_STEADY]) == (2, 0, 3)


def test_every_way_of_a_swap_serves_the_same_forwards() -> None:
    before, after = rule_set(0), rule_set(1)

    assert len(before) == len({each["listen"] for each in before}) == 100
    assert [b["listen"] for b, a in zip(before, after, strict=True) if a != b] == [6379]


def test_one_target_changes_among_nodes_that_all_have_an_address_of_their_own() -> None:
    before, after = rule_sets.forwards(5000), rule_sets.forwards(5000, changed=True)

    assert len({each["targets"][0][0] for each in before}) == 5000
    changed = [a for b, a in zip(before, after, strict=True) if a != b]
    assert [(each["listen"], each["targets"][0][0]) for each in changed] == [
        rule_sets.changed_element(5000)
    ]


def test_a_step_within_a_step_belongs_to_the_outer_one() -> None:
    class Agent:
        def inner(self) -> None:
            """Do nothing."""

        def outer(self) -> None:
            self.inner()

    watched = steps.Steps()
    watched.wrap(Agent, "inner", steps.SAVED)
    watched.wrap(Agent, "outer", steps.PAYLOAD)

    Agent().outer()

    assert watched.seconds.keys() == {steps.PAYLOAD}


def test_the_kernel_is_read_before_a_swap_and_back_after_it() -> None:
    class Backend:
        def read(self) -> None:
            """Do nothing."""

        def swap(self) -> None:
            """Do nothing."""

    watched = steps.Steps()
    watched.wrap(Backend, "read", steps.BEFORE)
    watched.wrap(Backend, "swap", steps.SWAP)
    backend = Backend()

    for act in (backend.read, backend.swap, backend.read):
        act()

    assert list(watched.seconds) == [steps.BEFORE, steps.SWAP, steps.BACK]


def test_what_is_measured_is_the_archive_of_the_document() -> None:
    assert carried_agent() == carry.pack(HERE, squeeze)


def test_a_swap_is_compared_with_the_program_in_it_whatever_that_takes_alone() -> None:
    rows = updates((500,), 3.0)
    alone = [names.same_text("nftables", update) for update in names.UPDATES]
    rows.raw = [row._replace(value=9.0) if row.way in alone else row for row in rows.raw]

    goals = [goal for goal in tell_updates.tell(rows).goals if goal.what.startswith("(a)")]

    assert [goal.found.median for goal in goals] == [1.5, 1.5]
