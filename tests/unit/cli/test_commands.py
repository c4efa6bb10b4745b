"""What each command asks of which function, and its exit codes."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError
from typer.testing import CliRunner

from cachegate_cli import ask, invoke
from cachegate_cli.invoke import GUARD, SYNC, InvokeError
from cachegate_cli.main import app

EXCUSE = {"owner": "data-team", "expires": "2027-01-31", "reason": "migration"}
EXCUSED = "--owner data-team --expires 2027-01-31 --reason migration"
COMMANDS = [
    ("plan", SYNC, {"action": "plan", "force": False}),
    ("sync --force", SYNC, {"action": "sync", "force": True}),
    ("describe", SYNC, {"action": "describe"}),
    ("explain 6380", SYNC, {"action": "explain", "listen": 6380}),
    ("release 6380 --vpc vpc-1", SYNC, {"action": "release", "listen": 6380, "vpc": "vpc-1"}),
    ("move i-0123", SYNC, {"action": "move", "instance": "i-0123"}),
    ("detach", SYNC, {"action": "detach"}),
    ("guard plan", GUARD, {"action": "plan"}),
    ("guard sweep", GUARD, {"action": "sweep"}),
    ("findings", GUARD, {"action": "findings"}),
    ("findings --group sg-1", GUARD, {"action": "findings", "group": "sg-1"}),
    ("restore sgr-1", GUARD, {"action": "restore", "rule": "sgr-1", "force": False}),
    (
        f"restore sgr-1 --force {EXCUSED}",
        GUARD,
        {"action": "restore", "rule": "sgr-1", "force": True, "exempt": EXCUSE},
    ),
    (f"exempt sgr-1 {EXCUSED}", GUARD, {"action": "exempt", "rule": "sgr-1"} | EXCUSE),
]


@pytest.mark.parametrize(("command", "function", "event"), COMMANDS)
def test_a_command_asks_its_function_for_its_action(
    monkeypatch: pytest.MonkeyPatch, command: str, function: str, event: dict[str, Any]
) -> None:
    asked: list[tuple[Any, ...]] = []

    def answer(*arguments: Any) -> dict[str, Any]:
        asked.append(arguments)
        return {"ok": True}

    monkeypatch.setattr(ask, "invoke", answer)
    ended = CliRunner().invoke(app, [*command.split(), "--stack", "other"])
    assert ended.exit_code == 0, ended.output
    assert asked == [("other", event, function)]


def test_the_help_of_move_teaches_when_it_is_needed_and_what_it_does_to_clients() -> None:
    text = " ".join(CliRunner().invoke(app, ["move", "--help"]).output.split())
    for lesson in ("never goes back by itself", "once that has proved", "connect anew"):
        assert lesson in text


def test_an_error_of_the_function_ends_with_1_and_its_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answer = {"ok": False, "error": {"code": "bad_request", "message": "no such rule"}}
    monkeypatch.setattr(ask, "invoke", lambda *_: answer)
    ended = CliRunner().invoke(app, ["restore", "sgr-1"])
    assert ended.exit_code == 1
    assert "no such rule" in ended.stdout


def test_a_function_that_cannot_be_asked_ends_with_2_and_one_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_: Any) -> dict[str, Any]:
        raise InvokeError("the stack other has no output GuardFunctionName")

    monkeypatch.setattr(ask, "invoke", fail)
    ended = CliRunner().invoke(app, ["guard", "plan"])
    assert ended.exit_code == 2
    assert ended.stderr == "cachegate: the stack other has no output GuardFunctionName\n"


def test_a_stack_that_is_not_there_is_told_with_what_names_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def missing(*_: Any) -> str:
        raise ClientError({"Error": {"Code": "ValidationError", "Message": "no such stack"}}, "X")

    monkeypatch.setattr(invoke, "_output", missing)
    ended = CliRunner().invoke(app, ["findings", "--stack", "nope"])
    assert ended.exit_code == 2
    assert ended.stderr.startswith("cachegate: cannot reach the stack nope: ")
    assert "--stack or CACHEGATE_STACK" in ended.stderr
    assert ended.stderr.count("\n") == 1


def test_an_exemption_of_empty_parts_is_not_taken_for_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[Any] = []

    def answer(*arguments: Any) -> dict[str, Any]:
        asked.extend(arguments)
        return {"ok": True}

    monkeypatch.setattr(ask, "invoke", answer)
    empty = ["--owner", "", "--expires", "", "--reason", ""]
    assert CliRunner().invoke(app, ["restore", "sgr-1", *empty]).exit_code == 0
    assert asked[1]["exempt"] == {"owner": "", "expires": "", "reason": ""}


def test_an_exemption_is_not_asked_for_without_its_parts() -> None:
    assert CliRunner().invoke(app, ["exempt", "sgr-1", "--owner", "me"]).exit_code == 2
