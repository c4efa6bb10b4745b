"""What `cachegate watch` tells between two looks, and that it goes on when one fails."""

from __future__ import annotations

import json
import os
import time
from io import StringIO
from typing import TYPE_CHECKING, Any

import pytest
from rich.console import Console

from cachegate_cli import terminal, watch
from cachegate_cli.differences import differences
from cachegate_cli.functions import InvokeError
from cachegate_cli.watch import Watched
from tests.unit.cli.asked import Asked, answering, run
from tests.unit.cli.told import (
    FORWARDS,
    HOSTILE,
    ONE,
    TWO,
    address,
    described,
    forward,
    instance,
    problem,
    vpc,
)

if TYPE_CHECKING:
    from typer.testing import Result

    from tests.unit.cli.told import Answer

EMPTY = vpc(vpc="vpc-2", forwards=[], nat_instances=[], address=None)
STOPPED = instance(TWO, state="stopped", verified=False)
FIRST = forward(6379, "a/a/1", "10.0.1.1:6379", role="primary")


def one(**more: Any) -> Answer:
    return described(vpc(forwards=[FIRST | more]))


def beside(**more: Any) -> Answer:
    """Return the VPC of `one` with other things in it."""
    return vpc(forwards=[FIRST]) | more


def told(before: Answer, after: Answer) -> list[str]:
    return [each.says for each in differences(before, after)]


@pytest.mark.parametrize(
    ("after", "says"),
    [
        (one(targets=["10.0.1.2:6379"]), "6379 a/a/1: 10.0.1.1:6379 → 10.0.1.2:6379"),
        (one(role="replica"), "6379 a/a/1: primary → replica"),
        (one(state="at_rest", targets=[]), "10.0.1.1:6379 → nothing; forwarding → at rest"),
        (one(held="the brake"), "6379 a/a/1: held: the brake"),
        (one(key="b/b/1"), "6379 b/b/1: new, 10.0.1.1:6379 (forwarding)"),
        (described(vpc(forwards=[])), "6379 a/a/1: gone, the port is free"),
        (described(beside(detached=True)), "vpc-0a1b2c3d is detached"),
        (described(beside(address=address(holder=TWO))), f"203.0.113.73: {ONE} → {TWO}"),
        (
            described(beside(nat_instances=[instance(ONE), STOPPED])),
            f"NAT instance {TWO}: running, verified → stopped, not verified",
        ),
        (described(beside(nat_instances=[instance(ONE)])), f"instance {TWO}: gone"),
        (described(beside(unreachable=[6379])), "6379 a/a/1: no answer"),
        (described(beside(), EMPTY), "vpc-2 is new"),
        (described(beside(), not_forwarded=[problem("x", "no_vpc", "x: no")]), "x: no"),
        (described() | {"vpcs": []}, "vpc-0a1b2c3d has no cache and no NAT instance any more"),
    ],
)  # fmt: skip
def test_a_change_is_one_line(after: Answer, says: str) -> None:
    (line,) = told(one(), after)
    assert says in line


def test_nothing_is_told_of_what_only_became_older() -> None:
    later = described(vpc(forwards=[FIRST], verified_at=2e9, generation=99), at=2e9)
    assert told(one(), later) == []


def test_a_change_that_is_held_is_told_once_though_its_reason_goes_on() -> None:
    assert told(one(held="gone since 10:00"), one(held="gone since 10:05")) == []
    assert told(one(held="gone since 10:00"), one()) == ["6379 a/a/1: held no more"]


def test_a_problem_that_is_over_is_told() -> None:
    before = described(not_forwarded=[problem("x", "no_nat_instance", "x: none")])
    assert told(before, described()) == ["x: no nat instance no more"]


def test_what_an_error_leaves_out_is_not_taken_for_gone() -> None:
    watched = Watched()
    watched.take(one())
    error = {"ok": False, "error": {"code": "try_again", "message": "throttled"}}
    (line,) = watched.take(described(**error) | {"vpcs": []})
    assert "throttled (try_again)" in line.says
    assert watched.seen["vpcs"] == one()["vpcs"]
    assert [each.says for each in watched.take(one())] == ["answered again"]


def test_a_failure_that_lasts_is_told_once() -> None:
    watched = Watched()
    watched.take(one())
    lines = [watched.take(InvokeError("no network")) for _ in range(3)]
    assert [len(each) for each in lines] == [1, 0, 0]


def watching(
    patch: pytest.MonkeyPatch, *answers: Answer | InvokeError, json_: bool = False
) -> Result:
    """Watch as many looks as there are answers, then press Ctrl-C."""
    left = [*answers[1:]]

    def sleep(_seconds: float) -> None:
        if not left:
            raise KeyboardInterrupt
        left.pop()

    patch.setattr(time, "sleep", sleep)
    return run(answering(*answers), "watch", *(["--json"] if json_ else []))


def test_a_pipe_gets_how_things_are_then_one_line_for_each_change(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ended = watching(monkeypatch, one(), one(), one(role="replica"))
    assert ended.exit_code == 130
    first, second = ended.stdout.splitlines()
    assert "cachegate 1 cache, 1 of 1 listen port forwarding, verified 12 s ago" in first
    assert second.endswith(" UTC  6379 a/a/1: primary → replica")


def test_a_look_that_fails_is_told_and_made_again(monkeypatch: pytest.MonkeyPatch) -> None:
    ended = watching(monkeypatch, one(), InvokeError("the network is gone"), one(role="replica"))
    assert ended.exit_code == 130
    _, failed, again, changed = ended.stdout.splitlines()
    assert "the network is gone" in failed
    assert "answered again" in again
    assert "primary → replica" in changed


def test_json_is_each_answer_on_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    ended = watching(monkeypatch, one(), InvokeError("gone"), one(role="replica"), json_=True)
    assert [json.loads(line) for line in ended.stdout.splitlines()] == [one(), one(role="replica")]
    assert ended.stderr == "cachegate: gone\n"


def test_an_answer_of_an_older_stack_ends_with_2_and_says_so() -> None:
    ended = run(answering({"ok": True, "at": 1.0, "vpcs": [{"vpc": "vpc-1"}]}), "watch")

    assert (ended.exit_code, ended.stdout) == (2, "")
    assert "so the stack is older than this command" in ended.stderr


def test_a_stack_that_can_not_be_asked_at_all_ends_with_2() -> None:
    ended = run(answering(InvokeError("there is no stack x")), "watch")
    assert (ended.exit_code, ended.stderr) == (2, "cachegate: there is no stack x\n")


@pytest.mark.parametrize("every", ["0.2", "inf", "nan", "86401"])
def test_it_asks_at_most_each_second_and_at_least_each_day(every: str) -> None:
    asked = Asked()
    assert run(asked, "watch", "--every", every).exit_code == 2
    assert asked.events == []


def test_the_screen_shows_the_last_changes_above_the_status(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    console = Console(
        file=StringIO(), force_terminal=True, width=100, height=60, markup=False,
        highlight=False, emoji=False,
    )  # fmt: skip
    monkeypatch.setattr(watch, "output", lambda: console)
    hostile = forward(6400, f"{HOSTILE}/{HOSTILE}", HOSTILE)
    after = described(vpc(forwards=[*FORWARDS, hostile]))
    ended = watching(monkeypatch, described(), InvokeError("gone"), after)
    assert ended.exit_code == 130
    assert isinstance(console.file, StringIO)
    text = console.file.getvalue()
    assert "every 5 s, Ctrl-C ends" in text
    assert "no whole answer now: gone" in text
    last = text[text.rindex("Ctrl-C ends") :]
    assert last.index("new, ") < last.index("sessions-001/0001")
    assert "\x1b]0;" not in text
    assert "\x07" not in text


def test_only_the_cache_that_is_named_is_watched() -> None:
    other = forward(6400, "b/b/1", "10.0.1.9:6379")
    before = described(vpc(forwards=[FIRST, other]))
    moved = [FIRST | {"role": "replica"}, other | {"role": "replica"}]
    watched = Watched(cache="a")
    watched.take(before)
    says = [each.says for each in watched.take(described(vpc(forwards=moved)))]
    assert says == ["6379 a/a/1: primary → replica"]


def test_a_cache_that_nobody_knows_is_not_watched() -> None:
    ended = run(answering(described()), "watch", "carts")
    assert (ended.exit_code, ended.stdout) == (1, "")
    assert ended.stderr == "cachegate: there is no cache carts: there are sessions\n"


def test_it_ends_quietly_when_nobody_reads_the_pipe_any_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reader, writer = os.pipe()
    with os.fdopen(writer, "w") as pipe:
        monkeypatch.setattr("sys.stdout", pipe)
        assert terminal.pause(0)
        os.close(reader)
        assert not terminal.pause(20)


def test_a_port_that_answers_again_is_told() -> None:
    assert told(described(beside(unreachable=[6379])), one()) == ["6379 a/a/1: answers again"]
