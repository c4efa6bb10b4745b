"""A natmap that asks again by itself."""

from __future__ import annotations

import asyncio
import sys
import threading
from itertools import pairwise
from typing import Any

import pytest

from cachegate.client import LiveNatmap
from cachegate.client.errors import NotAskedError, UnknownCacheError
from cachegate.client.live import LEAST_BETWEEN_S, MOST_BETWEEN_S
from tests.unit.client.described import PUBLIC, description, forward

OLD, NEW = ("10.0.1.1", 6379), ("10.0.1.2", 6379)
LONG_S = 30.0  # for what happens at once, unless something is broken


class Stack:
    """Describes its forwards, counts how often it was asked, and may fail or be slow."""

    def __init__(self, *forwards: dict[str, Any], **facts: Any) -> None:
        self.answer = description(*forwards, **facts)
        self.asked = 0
        self.failure: Exception | None = None
        self.may_answer = threading.Event()
        self.may_answer.set()

    def __call__(self) -> dict[str, Any]:
        self.asked += 1
        assert self.may_answer.wait(LONG_S)
        if self.failure is not None:
            raise self.failure
        return self.answer


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def stack() -> Stack:
    return Stack(forward(6380))


@pytest.fixture
def natmap(stack: Stack, clock: Clock) -> LiveNatmap:
    natmap = LiveNatmap("sessions", stack, most_stale_s=300, wait_s=LONG_S, clock=clock)
    clock.now += LEAST_BETWEEN_S
    return natmap


def _finished(natmap: LiveNatmap) -> None:
    assert natmap._asking is not None
    natmap._asking.join(LONG_S)
    assert not natmap._asking.is_alive()


def test_a_known_place_is_answered_without_asking(natmap: LiveNatmap, stack: Stack) -> None:
    assert natmap(OLD) == (PUBLIC, 6380)
    assert natmap.seeds == ((PUBLIC, 6380),)
    assert stack.asked == 1


def test_a_new_node_is_asked_for_and_its_first_look_up_waits_for_the_answer(
    natmap: LiveNatmap, stack: Stack
) -> None:
    stack.answer = description(forward(6380), forward(6381))

    assert natmap.resolve(*NEW) == (PUBLIC, 6381)
    assert stack.asked == 2


def test_an_outer_place_is_never_asked_for(natmap: LiveNatmap, stack: Stack) -> None:
    assert natmap((PUBLIC, 6380)) == (PUBLIC, 6380)
    assert stack.asked == 1


def test_a_place_that_stays_unknown_is_asked_for_ever_less_often(
    natmap: LiveNatmap, stack: Stack, clock: Clock
) -> None:
    times = []
    while clock.now < 300:
        before = stack.asked
        assert natmap(NEW) == NEW
        if stack.asked > before:
            times.append(clock.now)
        clock.now += 1

    pauses = [after - before for before, after in pairwise(times)]
    assert pauses[:4] == [2 * LEAST_BETWEEN_S, 4 * LEAST_BETWEEN_S, 8 * LEAST_BETWEEN_S, 60]
    assert set(pauses[3:]) == {MOST_BETWEEN_S}


def test_a_place_that_becomes_known_makes_the_next_question_quick_again(
    natmap: LiveNatmap, stack: Stack, clock: Clock
) -> None:
    for _ in range(5):
        natmap(NEW)
        clock.now += MOST_BETWEEN_S
    stack.answer = description(forward(6380), forward(6381))
    natmap(NEW)
    stack.answer = description(forward(6380), forward(6381), forward(6382))
    clock.now += LEAST_BETWEEN_S

    assert natmap(("10.0.1.3", 6379)) == (PUBLIC, 6382)


def test_an_old_map_answers_at_once_while_a_new_one_is_asked_for(
    natmap: LiveNatmap, stack: Stack, clock: Clock
) -> None:
    stack.may_answer.clear()
    stack.answer = description(forward(6380, public_addresses=["203.0.113.99"]))
    clock.now += 301

    assert natmap(OLD) == (PUBLIC, 6380)  # while the stack does not answer
    stack.may_answer.set()
    _finished(natmap)

    assert natmap(OLD) == ("203.0.113.99", 6380)


def test_a_failure_keeps_the_last_good_map_and_is_told(
    natmap: LiveNatmap, stack: Stack, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    stack.failure = NotAskedError("AWS is away")

    assert natmap(NEW) == NEW
    assert natmap(OLD) == (PUBLIC, 6380)

    assert [record.name for record in caplog.records] == ["cachegate.client"]
    assert "natmap of sessions not refreshed, the last good one stays: AWS is away" in caplog.text


@pytest.mark.parametrize(
    "answer",
    [
        {},
        None,
        {"vpcs": [{"caches": [{"cache": "sessions"}], "forwards": []}]},
        description(forward(6380, state="withheld")),
        description(forward(6380), tls=None),
        description(forward(99999)),
    ],
)
def test_an_answer_without_a_map_for_the_cache_keeps_the_last_good_one(
    natmap: LiveNatmap, stack: Stack, answer: Any, caplog: pytest.LogCaptureFixture
) -> None:
    stack.answer = answer

    assert natmap(NEW) == NEW
    assert natmap(OLD) == (PUBLIC, 6380)
    assert "not refreshed" in caplog.text


def test_an_answer_that_comes_late_does_not_replace_a_newer_one(
    natmap: LiveNatmap, stack: Stack, clock: Clock
) -> None:
    def overtaken() -> dict[str, Any]:
        earlier = stack.answer
        clock.now += 1
        natmap._describe = lambda: description(forward(6381))
        natmap.refresh()
        return earlier

    natmap._describe = overtaken

    natmap.refresh()

    assert natmap.seeds == ((PUBLIC, 6381),)


def test_the_first_look_fails_aloud(stack: Stack) -> None:
    with pytest.raises(UnknownCacheError):
        LiveNatmap("other", stack)

    stack.failure = NotAskedError("AWS is away")
    with pytest.raises(NotAskedError):
        LiveNatmap("sessions", stack)


def test_an_event_loop_is_not_kept_waiting(natmap: LiveNatmap, stack: Stack) -> None:
    stack.answer = description(forward(6380), forward(6381))
    stack.may_answer.clear()

    async def look_up() -> tuple[str, int]:
        return natmap(NEW)

    assert asyncio.run(look_up()) == NEW  # the stack has not answered yet
    stack.may_answer.set()
    _finished(natmap)
    assert asyncio.run(look_up()) == (PUBLIC, 6381)


def test_a_program_without_asyncio_waits(
    natmap: LiveNatmap, stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "asyncio")
    stack.answer = description(forward(6380), forward(6381))

    assert natmap(NEW) == (PUBLIC, 6381)


def test_a_thread_beside_an_event_loop_waits_as_any_other(natmap: LiveNatmap, stack: Stack) -> None:
    stack.answer = description(forward(6380), forward(6381))

    async def look_up() -> tuple[str, int]:
        return await asyncio.to_thread(natmap, NEW)

    assert asyncio.run(look_up()) == (PUBLIC, 6381)


def test_threads_that_miss_a_place_at_once_ask_once(natmap: LiveNatmap, stack: Stack) -> None:
    stack.answer = description(forward(6380), forward(6381))
    stack.may_answer.clear()
    found: list[tuple[str, int]] = []
    threads = [threading.Thread(target=lambda: found.append(natmap(NEW))) for _ in range(8)]

    for thread in threads:
        thread.start()
    stack.may_answer.set()
    for thread in threads:
        thread.join(LONG_S)

    assert found == [(PUBLIC, 6381)] * 8
    assert stack.asked == 2


def test_a_look_up_waits_no_longer_than_it_may(stack: Stack, clock: Clock) -> None:
    natmap = LiveNatmap("sessions", stack, wait_s=0, clock=clock)
    clock.now += LEAST_BETWEEN_S
    stack.may_answer.clear()

    assert natmap(NEW) == NEW

    stack.may_answer.set()
    _finished(natmap)


def test_where_no_thread_can_be_had_the_last_good_map_answers(
    natmap: LiveNatmap, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def start(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", start)

    assert natmap(NEW) == NEW
    assert natmap(OLD) == (PUBLIC, 6380)
    assert "can't start new thread" in caplog.text


def test_a_name_that_is_not_told_while_its_node_is_replaced_keeps_its_listen_port(
    clock: Clock,
) -> None:
    stack = Stack(forward(6380), forward(6381), tls=True)
    natmap = LiveNatmap("sessions", stack, wait_s=LONG_S, clock=clock)
    stack.answer = description(
        forward(6380), forward(6381, endpoint=None, targets=["10.0.1.77:6379"]), tls=True
    )

    natmap.refresh()

    name = "node2.h4sh.cache.example"
    assert natmap((name, 6379)) == (name, 6381)
    assert natmap._outer.get(NEW) is None  # its address is another one by now


def test_a_name_does_not_lead_to_the_node_that_got_its_listen_port(clock: Clock) -> None:
    stack = Stack(forward(6380), forward(6381))
    natmap = LiveNatmap("sessions", stack, wait_s=LONG_S, clock=clock)
    gone, new = "node2.h4sh.cache.example", "node7.h4sh.cache.example"
    stack.answer = description(
        forward(6380), forward(6381, endpoint=f"{new}:6379", targets=["10.0.1.7:6379"])
    )

    natmap.refresh()

    assert natmap._outer.get((gone, 6379)) is None
    assert natmap((new, 6379)) == (PUBLIC, 6381)


def test_a_node_that_is_gone_with_its_listen_port_is_gone_from_the_map(clock: Clock) -> None:
    stack = Stack(forward(6380), forward(6381))
    natmap = LiveNatmap("sessions", stack, wait_s=LONG_S, clock=clock)
    stack.answer = description(forward(6380))

    natmap.refresh()

    assert natmap.seeds == ((PUBLIC, 6380),)
