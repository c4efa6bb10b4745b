"""What `explain`, `release` and `detach` show, and whom they ask before."""

from __future__ import annotations

from typing import Any

import pytest
import typer

from cachegate_cli import terminal
from tests.unit.cli.asked import Asked, answering, run
from tests.unit.cli.told import AT, ONE, TWO


def port(**more: Any) -> dict[str, Any]:
    entry = {
        "vpc": "vpc-1", "listen": 6380, "key": "sessions/sessions-002/0001", "cache": "sessions",
        "kind": "node", "state": "forwarding", "targets": ["10.0.1.77:6379"], "leased_at": AT,
        "since": AT + 60, "seconds": 7200.0, "why": "its name resolves to it", "pending": [],
        "address": None,
    } | more  # fmt: skip
    return {"ok": True, "listen": 6380, "forwards": [entry]}


def test_a_port_says_where_it_leads_for_whom_why_and_since_when() -> None:
    text = run(answering(port()), "explain", "6380").stdout
    assert text.startswith("6380 leads to 10.0.1.77:6379 in vpc-1\n")
    assert "sessions/sessions-002/0001 a node of sessions" in text
    assert "because  its name resolves to it" in text
    assert "2026-11-18 11:07:40 UTC (2 h)" in text


@pytest.mark.parametrize(
    ("state", "says"),
    [("waiting", "leads nowhere yet"), ("withheld", "is withheld"), ("at_rest", "answers RST")],
)
def test_a_port_that_leads_nowhere_says_so(state: str, says: str) -> None:
    assert says in run(answering(port(state=state, targets=[])), "explain", "6380").stdout


def test_what_waits_and_who_has_the_address_is_told() -> None:
    address = {
        "holder": TWO, "since": AT, "seconds": 5.0, "why": "i-0123 is stopped",
        "moved_from": ONE, "moved_at": AT, "pending": ["a pass moves it"],
    }  # fmt: skip
    text = run(answering(port(pending=["detached"], address=address)), "explain", "6380").stdout
    assert "but      detached" in text
    assert f"{TWO} has the Elastic IP\n" in text
    assert f"came from  {ONE}" in text
    assert "a pass moves it" in text


def test_a_port_of_several_vpcs_is_explained_for_each() -> None:
    both = port()
    both["forwards"] += port(vpc="vpc-2")["forwards"]
    text = run(answering(both), "explain", "6380").stdout
    assert "in vpc-1" in text
    assert "in vpc-2" in text


def test_a_released_port_is_confirmed() -> None:
    answer = {"ok": True, "vpc": "vpc-1", "listen": 6382, "generation": 9}
    text = run(answering(answer), "release", "6382").stdout
    assert text == "✓ 6382 is free for other caches now (vpc-1)\n"


@pytest.mark.parametrize("word", ["0", "65536", "redis", "-1"])
def test_what_is_no_port_is_refused_before_anything_is_asked(word: str) -> None:
    asked = Asked()
    assert run(asked, "explain", "--", word).exit_code == 2
    assert asked.events == []


def test_a_detachment_says_what_is_free_and_what_is_still_there() -> None:
    answer = {
        "ok": False, "removed": [ONE], "rules_removed": ["sgr-1"],
        "rules_still_there": ["sgr-2: no"],
        "still_there": [{"instance": TWO, "reason": "it is stopped"}],
        "error": {"code": "not_removed", "message": "the agent is still on i-0456"},
    }  # fmt: skip
    ended = run(answering(answer), "detach")
    assert ended.exit_code == 1
    assert f"✓ NAT instance {ONE} is free of cachegate\n" in ended.stdout
    assert f"! NAT instance {TWO} still has it\n  it is stopped\n" in ended.stdout
    assert "sgr-2: no" in ended.stdout
    nothing = run(answering({"ok": True, "removed": [], "still_there": []}), "detach").stdout
    assert "no NAT instance has anything" in nothing


UNDONE = "cachegate: nothing was done (--yes does it unasked)\n"
DESTRUCTIVE = ["detach", "release 6380", "move i-0123"]


class Person:
    """Stands for a terminal on which somebody types."""

    def __init__(self, patch: pytest.MonkeyPatch, *, agrees: bool, reads: bool = True) -> None:
        self.questions: list[str] = []
        patch.setattr(terminal, "a_person_is_there", lambda: True)
        patch.setattr(terminal, "a_question_can_be_read", lambda: reads)
        patch.setattr(typer, "confirm", self.confirm)
        self.agrees = agrees

    def confirm(self, question: str, *, err: bool) -> bool:
        assert err  # the answer of the command may go into a file
        self.questions.append(question)
        return self.agrees


@pytest.mark.parametrize("command", DESTRUCTIVE)
def test_a_person_is_asked_before_connections_end(
    monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    person, asked = Person(monkeypatch, agrees=False), Asked()
    ended = run(asked, *command.split(), "--json")
    assert (ended.exit_code, ended.stderr) == (2, UNDONE)
    assert len(person.questions) == 1
    assert asked.events == []


def test_a_person_who_cannot_read_the_question_has_not_agreed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    person, asked = Person(monkeypatch, agrees=True, reads=False), Asked()
    ended = run(asked, "detach", "--json")
    assert (ended.exit_code, ended.stderr) == (2, UNDONE)
    assert (person.questions, asked.events) == ([], [])


@pytest.mark.parametrize("command", DESTRUCTIVE)
def test_who_agrees_or_says_yes_before_is_obeyed(
    monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    person, asked = Person(monkeypatch, agrees=True), Asked()
    assert run(asked, *command.split(), "--json").exit_code == 0
    assert run(asked, *command.split(), "--json", "--yes").exit_code == 0
    assert (len(person.questions), len(asked.events)) == (1, 2)


@pytest.mark.parametrize("command", DESTRUCTIVE)
def test_a_script_is_asked_nothing(command: str) -> None:
    asked = Asked()
    assert run(asked, *command.split(), "--json").exit_code == 0
    assert len(asked.events) == 1


def test_a_word_for_a_port_is_told_where_ports_are_shown() -> None:
    ended = run(Asked(), "explain", "sessions-002", COLUMNS="200")
    assert ended.exit_code == 2
    assert "sessions-002 is no listen port, such as 6380: cachegate status" in ended.output


@pytest.mark.parametrize("word", ["nope", "i-xyz", "i-", "sessions"])
def test_what_is_no_instance_is_refused_before_a_person_is_asked(
    monkeypatch: pytest.MonkeyPatch, word: str
) -> None:
    person, asked = Person(monkeypatch, agrees=True), Asked()
    ended = run(asked, "move", word, COLUMNS="200")
    assert ended.exit_code == 2
    assert f"{word} is no instance id" in ended.output
    assert (person.questions, asked.events) == ([], [])


def test_the_port_of_the_replicas_is_told_in_order() -> None:
    told = run(answering(port(kind="readers", key="sessions/readers")), "explain", "6380").stdout
    assert "sessions/readers the replicas of sessions, by turns" in told


@pytest.mark.parametrize("command", ["release 6380", "explain 1", "findings", "restore sgr-1"])
def test_an_error_is_followed_by_no_empty_line(command: str) -> None:
    error = {"ok": False, "error": {"code": "bad_request", "message": "no"}}
    ended = run(answering(error), *command.split())
    assert (ended.exit_code, ended.stdout) == (1, "")
    assert ended.stderr == "cachegate: no (bad_request)\n"
