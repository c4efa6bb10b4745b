"""`cachegate doctor`: lines from what the functions answer, exit codes from how they end."""

from __future__ import annotations

import json
import socket
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

from cachegate_cli.checks import checks_of_guard, checks_of_sync, counts_of
from cachegate_cli.functions import GUARD, SYNC, InvokeError
from cachegate_cli.local import Local
from cachegate_cli.main import app
from tests.unit.cli import asked

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.cli.asked import Answer

NOW = datetime(2026, 11, 25, 15, 30, tzinfo=UTC)
FINDING = {"rule": "sgr-1", "group": "sg-1", "source": "0.0.0.0/0", "step": "revoke"}
GUARDED: Answer = {
    "ok": True, "mode": "enforce", "trail": "logs", "swept": "2026-11-25 15:20:00 UTC",
    "findings": [FINDING | {"step": "exempt"}, FINDING | {"step": "report"}],
}  # fmt: skip
RUNNING: Answer = {
    "check": "running", "vpc": "vpc-1", "subject": "i-1", "state": "pass", "says": "it runs",
    "fix": None,
}  # fmt: skip
SHUT = RUNNING | {
    "check": "nat-ingress", "state": "fail", "says": "sg-1 lets nobody in", "fix": "cachegate sync",
}  # fmt: skip
WELL: Answer = {"ok": True, "stack": "shop", "at": 1.0, "probe": False, "checks": [RUNNING]}
OLD: Answer = {"ok": False, "error": {"code": "bad_request", "message": "no action 'doctor'"}}
DENIED = InvokeError("you may not invoke it")


def guarded() -> Answer:
    return GUARDED | {"swept": datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")}


def test_a_guard_in_order_passes_every_check() -> None:
    checks = list(checks_of_guard(GUARDED, "shop", NOW))

    assert [each.check for each in checks] == ["trail", "guard-pass", "guard-ingress"]
    assert counts_of(checks) == {"pass": 3, "fail": 0, "unknown": 0}


@pytest.mark.parametrize(
    ("change", "check", "state", "says", "fix"),
    [
        ({"trail": "none"}, "trail", "fail", "no trail", "start-logging"),
        ({"trail": "unknown"}, "trail", "unknown", "did not say", "TrailMissingAlarm"),
        ({"swept": None}, "guard-pass", "unknown", "no pass yet", "cachegate guard sweep"),
        ({"swept": "2026-11-25 14:29:00 UTC"}, "guard-pass", "fail", "14:29", "GuardSilentAlarm"),
        (
            {"findings": [FINDING] * 3},
            "guard-ingress",
            "fail",
            "0.0.0.0/0, and 2 more",
            "guard plan",
        ),
        ({"findings": [FINDING | {"step": "refuse"}]}, "guard-ingress", "fail", "sgr-1 admits", ""),
    ],
)
def test_what_is_not_in_order_fails_its_check_and_says_what_to_do(
    change: Answer, check: str, state: str, says: str, fix: str
) -> None:
    checks = {each.check: each for each in checks_of_guard(GUARDED | change, "shop", NOW)}

    wrong = checks.pop(check)
    assert wrong.state == state
    assert says in wrong.says
    assert wrong.fix is not None
    assert fix in wrong.fix
    assert {each.state for each in checks.values()} == {"pass"}


def test_checks_of_the_function_are_shown_as_they_are_also_with_fields_to_come() -> None:
    answer = WELL | {"checks": [RUNNING, SHUT | {"since": 7}]}

    first, second = checks_of_sync(answer, "shop")

    assert (first.vpc, first.subject, first.says) == ("vpc-1", "i-1", "it runs")
    assert (second.state, second.fix) == ("fail", "cachegate sync")


def doctor(*answers: Answer | InvokeError, words: tuple[str, ...] = ()) -> Any:
    return asked.run(asked.answering(*answers), "doctor", *words)


@pytest.mark.parametrize(
    ("answers", "code", "last"),
    [
        ((guarded(), WELL), 0, "4 pass, 0 fail, 0 unknown"),
        ((guarded(), WELL | {"checks": [RUNNING, SHUT]}), 1, "4 pass, 1 fail, 0 unknown"),
        ((guarded() | {"trail": "unknown"}, WELL), 1, "3 pass, 0 fail, 1 unknown"),
        ((guarded(), DENIED), 1, "3 pass, 0 fail, 1 unknown"),
        ((DENIED, WELL), 1, "1 pass, 0 fail, 1 unknown"),
        ((guarded(), OLD), 1, "3 pass, 0 fail, 1 unknown"),
        ((guarded(), {"ok": True}), 1, "3 pass, 0 fail, 1 unknown"),
        (({"ok": True, "trail": "logs"}, WELL), 1, "2 pass, 0 fail, 1 unknown"),
    ],
)
def test_the_exit_code_and_the_last_line_say_whether_all_is_in_order(
    answers: tuple[Answer | InvokeError, ...], code: int, last: str
) -> None:
    ended = doctor(*answers)

    assert (ended.exit_code, ended.stdout.splitlines()[-1]) == (code, last)


def test_each_function_is_asked_once() -> None:
    functions = asked.answering(guarded(), WELL)

    asked.run(functions, "doctor")

    assert functions.events == [({"action": "findings"}, GUARD), ({"action": "doctor"}, SYNC)]


def test_where_neither_can_be_asked_one_line_says_why_and_the_code_is_2() -> None:
    ended = doctor(DENIED)

    assert (ended.exit_code, ended.stdout) == (2, "")
    assert ended.stderr == "cachegate: you may not invoke it\n"


def test_an_older_stack_is_told_to_update() -> None:
    printed = doctor(guarded(), OLD).stdout

    assert "older than this command" in printed
    assert "fix: update the stack: sam build && sam deploy" in printed


def test_an_answer_that_lacks_something_is_unknown_and_says_what() -> None:
    printed = doctor(guarded(), {"ok": True}, {"ok": True}, words=("--probe",)).stdout

    assert "its answer has no 'checks', so the stack is older" in printed
    assert "its answer has no 'vpcs', so the stack is older" in printed
    assert printed.splitlines()[-1] == "3 pass, 0 fail, 2 unknown"


def test_what_fails_comes_first_with_its_fix_and_passes_have_none() -> None:
    printed = doctor(guarded(), WELL | {"checks": [RUNNING, SHUT]}).stdout

    assert printed.index("nat-ingress") < printed.index("running")
    assert printed.count("fix: ") == 1


def test_what_is_said_of_several_is_said_once() -> None:
    other = [each | {"subject": "i-2"} for each in (RUNNING, SHUT)]
    apart = SHUT | {"subject": "i-3", "fix": "another way"}

    printed = doctor(guarded(), WELL | {"checks": [RUNNING, SHUT, *other, apart]}).stdout

    assert printed.count("i-1, i-2: it runs") == 1
    assert printed.count("i-1, i-2: sg-1 lets nobody in") == 1
    assert printed.count("i-3: sg-1 lets nobody in") == 1
    assert printed.splitlines()[-1] == "5 pass, 3 fail, 0 unknown"


def test_it_fits_80_columns_but_for_what_cannot_be_broken() -> None:
    wide = SHUT | {
        "says": "a word " * 60,
        "fix": "aws ec2 " * 40,
        "subject": "sg-0123456789abcdef0",
    }
    functions = asked.answering(guarded(), WELL | {"checks": [wide]})

    printed = asked.run(functions, "doctor", COLUMNS="80").stdout

    assert max(map(len, printed.splitlines())) <= 80


def test_a_text_from_outside_cannot_steer_the_terminal() -> None:
    nasty = SHUT | {"subject": "\x1b[2J\x9b", "says": "a\x1b]0;x\x07[bold]b", "fix": "c\x1bd"}

    printed = doctor(guarded(), WELL | {"checks": [nasty]}).stdout

    assert not {"\x1b", "\x9b", "\x07"} & set(printed)
    assert "[bold]b" in printed


def test_json_is_the_list_of_the_same_checks_and_nothing_else() -> None:
    ended = doctor(guarded(), WELL | {"checks": [SHUT]}, words=("--json",))

    checks = json.loads(ended.stdout)
    assert checks[0] == SHUT
    assert [each["check"] for each in checks[1:]] == ["trail", "guard-pass", "guard-ingress"]
    assert ended.exit_code == 1


def test_an_error_of_the_guard_is_a_failed_check() -> None:
    error = {"ok": False, "error": {"code": "configuration", "message": "CACHEGATE_GUARD_MODE"}}

    assert "CACHEGATE_GUARD_MODE (configuration)" in doctor(error, WELL).stdout


def described(port: int) -> Answer:
    forward = {
        "listen": port, "key": "cart/cart/0001", "state": "forwarding", "reason": "r", "tls": False,
        "engine": "redis", "server_name": None, "public_addresses": ["127.0.0.1"],
    }  # fmt: skip
    return {
        "ok": True,
        "vpcs": [
            {"vpc": "vpc-1", "detached": False, "sources": ["127.0.0.1/32"], "forwards": [forward]}
        ],
    }


def test_a_probe_asks_for_the_other_side_too_and_connects_to_what_describe_names() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    functions = asked.answering(guarded(), WELL | {"probe": True}, described(port))

    ended = asked.run(functions, "doctor", "--probe")

    assert functions.events[1:] == [
        ({"action": "doctor", "probe": True}, SYNC),
        ({"action": "describe"}, SYNC),
    ]
    assert ended.exit_code == 1
    assert "this machine is trusted (127.0.0.1)" in " ".join(ended.stdout.split())


def test_a_probe_without_a_description_is_unknown_and_the_rest_is_shown() -> None:
    ended = doctor(guarded(), WELL, DENIED, words=("--probe",))

    assert ended.exit_code == 1
    assert ended.stdout.splitlines()[-1] == "4 pass, 0 fail, 1 unknown"


def test_a_ca_file_without_certificates_is_refused_before_anything_is_asked(tmp_path: Path) -> None:
    empty = tmp_path / "ca.pem"
    empty.write_text("")
    for path in (empty, tmp_path / "none.pem"):
        functions = asked.answering(guarded(), WELL)

        ended = asked.run(functions, "doctor", "--probe", "--ca-file", str(path))

        assert (ended.exit_code, functions.events) == (2, [])
        assert "holds no CA certificates" in ended.stderr


def test_a_probe_of_a_world_from_outside_of_its_client_connects_to_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answers = [guarded(), WELL | {"probe": True}]
    monkeypatch.setattr(Local, "invoke", lambda *_: answers.pop(0))
    monkeypatch.delenv("CACHEGATE_LOCAL", raising=False)

    ended = CliRunner().invoke(app, ["doctor", "--probe", "--local"])

    assert (ended.exit_code, answers) == (1, [])
    assert "this machine is not the client" in ended.stdout
    assert "fix: run it in the shell of `make local`" in ended.stdout
    assert ended.stdout.splitlines()[-1] == "4 pass, 0 fail, 1 unknown"


def test_passes_name_whom_they_are_about_and_what_is_so() -> None:
    checks = [RUNNING | {"subject": f"i-{n}", "says": f"says {n}"} for n in range(5)]

    printed = doctor(guarded(), WELL | {"checks": checks}).stdout

    assert "i-2: says 2\n" in printed
    assert "says 3" not in printed
    assert "and 2 more, which --json has" in printed


def test_whom_the_heading_names_is_not_named_again() -> None:
    last = RUNNING | {"check": "last-pass", "subject": "vpc-1", "says": "at noon"}

    printed = doctor(guarded(), WELL | {"checks": [last, RUNNING]}).stdout

    assert "last-pass     at noon\n" in printed
    assert "i-1: it runs\n" in printed
