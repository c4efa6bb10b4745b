"""What each command asks of which function, and its exit codes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cachegate_cli.functions import GUARD, SYNC, InvokeError
from tests.unit.cli.asked import Asked, answering, run

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
def test_a_command_asks_its_function_once_for_its_action(
    command: str, function: str, event: dict[str, Any]
) -> None:
    asked = Asked()
    ended = run(asked, *command.split(), "--stack", "other", "--json")
    assert ended.exit_code == 0, ended.output
    assert asked.events == [(event, function)]
    assert asked.stacks == [("other", None, None, False)]


@pytest.mark.parametrize("command", [command for command, _, _ in COMMANDS])
def test_json_is_the_answer_and_nothing_else(command: str) -> None:
    answer = {"ok": False, "error": {"code": "x", "message": "y"}, "more": ["\x1b[31mred"]}
    ended = run(answering(answer), *command.split(), "--json")
    assert ended.exit_code == 1
    assert json.loads(ended.stdout) == answer
    assert "\x1b" not in ended.stdout
    assert ended.stderr == ""


def test_profile_and_region_are_those_that_are_named() -> None:
    asked = Asked()
    run(asked, "plan", "--json", "--profile", "dev", "--region", "eu-west-1", "--local")
    run(asked, "plan", "--json", CACHEGATE_STACK="mine", AWS_REGION="eu-west-2")
    assert asked.stacks == [
        ("cachegate", "dev", "eu-west-1", True),
        ("mine", None, "eu-west-2", False),
    ]


def test_the_help_of_move_teaches_when_it_is_needed_and_what_it_does_to_clients() -> None:
    text = " ".join(run(Asked(), "move", "--help").output.split())
    for lesson in ("never goes back by itself", "once that has proved", "connect anew"):
        assert lesson in text


@pytest.mark.parametrize("command", [command for command, _, _ in COMMANDS])
def test_a_function_that_cannot_be_asked_ends_with_2_and_one_line(command: str) -> None:
    ended = run(answering(InvokeError("no stack\nnamed \x1b[2Jx")), *command.split(), "--json")
    assert ended.exit_code == 2
    assert ended.stderr == "cachegate: no stack named \\x1b[2Jx\n"
    assert ended.stdout == ""


def test_an_exemption_of_empty_parts_is_not_taken_for_none() -> None:
    asked = Asked()
    empty = ["--owner", "", "--expires", "", "--reason", ""]
    assert run(asked, "restore", "sgr-1", *empty, "--json").exit_code == 0
    assert asked.events[0][0]["exempt"] == {"owner": "", "expires": "", "reason": ""}


def test_an_exemption_is_not_asked_for_without_its_parts() -> None:
    asked = Asked()
    assert run(asked, "exempt", "sgr-1", "--owner", "me").exit_code == 2
    assert asked.events == []


@pytest.mark.parametrize("command", ["status", "plan", "sync", "explain 6380", "findings"])
def test_an_answer_of_an_older_stack_is_told_as_such(command: str) -> None:
    older = {"ok": True, "at": 1.0, "vpcs": [{"vpc": "vpc-1"}], "forwards": [{}], "findings": []}
    ended = run(answering(older), *command.split())
    assert ended.exit_code == 2
    assert "the stack is older than this command" in ended.stderr
    assert ended.stderr.count("\n") == 1
    assert ended.stdout == ""


class Interrupted(Asked):
    """Gets Ctrl-C instead of an answer."""

    def invoke(self, event: dict[str, Any], function_output: str = SYNC) -> dict[str, Any]:
        raise KeyboardInterrupt


@pytest.mark.parametrize("command", ["status", "sync --json", "guard sweep", "doctor"])
def test_ctrl_c_ends_with_130_and_no_trace(command: str) -> None:
    ended = run(Interrupted(), *command.split())
    assert ended.exit_code == 130
    assert "Traceback" not in ended.output
