"""What is told of events and failovers, from rows alone."""

from __future__ import annotations

import pytest

from benchmarks.end_to_end import events, failovers
from benchmarks.end_to_end.events import BEFORE, CALLS, ENDED, KERNEL, MS, PROVED, WINDOW
from benchmarks.end_to_end.tell_events import DRAWN
from benchmarks.end_to_end.tell_events import tell as tell_events
from benchmarks.end_to_end.tell_failovers import tell as tell_failovers
from benchmarks.end_to_end.timeline import AGENT, OBSERVING, PROCESS, QUEUE, STEPS
from benchmarks.rows import Rows


def lived(count: int) -> Rows:
    rows = Rows("events")
    rows.add(WINDOW, "s", 0, 7)
    for event in range(count):
        sizes = dict.fromkeys(STEPS, 10.0) | {QUEUE: 2000.0 + event, PROCESS: 200, AGENT: 60}
        for step, size in sizes.items():
            rows.add(step, MS, event, size)
        rows.add(KERNEL, MS, event, 2300 + event)
        rows.add(PROVED, MS, event, 2400 + event)
        rows.add(ENDED, MS, event, sum(sizes.values()))
        rows.add(OBSERVING, CALLS, event, 9)
        rows.add(BEFORE, CALLS, event, 17)
    return rows


def died(*ways: str) -> Rows:
    rows = Rows("failovers")
    for number, whole in enumerate((4000.0, 3000.0, 5000.0)):
        for way in ways:
            rows.add(way, MS, number, whole)
            for part, share in zip(failovers.PARTS, (0.6, 0.3, 0.1), strict=True):
                if way != failovers.ALONE:
                    rows.add(f"{way}: {part}", MS, number, whole * share)
    return rows


def test_every_step_is_drawn_once() -> None:
    drawn = [step for steps in DRAWN.values() for step in steps]

    assert sorted(drawn) == sorted(STEPS)


def test_shares_and_moments_come_from_the_rows() -> None:
    text = tell_events(lived(101)).text

    assert "| the rule is in the kernel | 2,350 | 2,395 | 2,399 |" in text
    assert "| the agent's process | 200 | 200 | 200 | 8.3% |" in text  # of 2,400
    assert "batching window of 7 s" in text
    assert "it takes 400 ms. 65% of that" in text  # 260 of 400
    assert f"{10 / 400:.0%} the wait for its result" in text


def test_differences_and_shares_are_of_one_event_each() -> None:
    rows = lived(0)
    for event, (waited, proved, works) in enumerate(((1, 301, 30), (200, 400, 100), (90, 490, 40))):
        sizes = dict.fromkeys(STEPS, 10.0) | {QUEUE: waited, PROCESS: 0, AGENT: works}
        for way, value in (*sizes.items(), (KERNEL, 300), (PROVED, proved), (ENDED, 500)):
            rows.add(way, MS, event, value)
        rows.add(OBSERVING, CALLS, event, 9)
        rows.add(BEFORE, CALLS, event, 17)

    text = tell_events(rows).text

    assert "it takes 300 ms. 10% of that" in text  # of medians: 310 ms, and 13%


def test_the_picture_shows_whole_events_at_the_quantiles() -> None:
    (picture,) = tell_events(lived(101)).pictures
    bars = picture.figure.axes[0].containers[0]

    assert [bar.get_width() for bar in bars] == [2050, 2095, 2099]  # the queue, drawn first
    assert "waiting in the queue" in picture.says


@pytest.mark.parametrize(("count", "few"), [(4, True), (1, True), (100, False)])
def test_few_events_are_called_few(count: int, few: bool) -> None:  # noqa: FBT001
    text = tell_events(lived(count)).text

    assert (f"Of {count} events" in text) is few


def test_a_hundredth_of_the_events_is_at_least_one() -> None:
    assert events.EVENTS >= 100


def test_of_failovers_the_middle_the_greatest_and_the_parts_are_told() -> None:
    text = tell_failovers(died(failovers.TERMINATED, failovers.HUNG, failovers.ALONE)).text

    assert f"| {failovers.HUNG} | 4,000 (3,000 to 5,000) | 5,000 | 3 |" in text
    assert "60% go by until the pass begins" in text
    assert "30% are the pass" in text


def test_a_quick_run_has_the_told_death_alone() -> None:
    report = tell_failovers(died(failovers.TERMINATED))

    assert failovers.HUNG not in report.text
    assert failovers.ALONE not in report.text
    assert len(report.pictures) == 1
