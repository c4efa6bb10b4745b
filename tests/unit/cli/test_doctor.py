"""What `cachegate doctor` says of the guard, a line for each check."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from cachegate_cli.doctor import lines_of
from cachegate_cli.functions import InvokeError
from tests.unit.cli import asked

NOW = datetime(2026, 11, 25, 15, 30, tzinfo=UTC)
FINDING = {"rule": "sgr-1", "group": "sg-1", "source": "0.0.0.0/0", "step": "revoke"}
WELL: dict[str, Any] = {
    "ok": True, "mode": "enforce", "trail": "logs", "swept": "2026-11-25 15:20:00 UTC",
    "findings": [FINDING | {"step": "exempt"}, FINDING | {"step": "report"}],
}  # fmt: skip


def test_a_guard_in_order_passes_every_check() -> None:
    assert [line.state for line in lines_of(WELL, NOW)] == ["pass"] * 3


@pytest.mark.parametrize(
    ("change", "check", "state", "says"),
    [
        ({"trail": "none"}, "trail", "fail", "start-logging"),
        ({"trail": "unknown"}, "trail", "unknown", "TrailMissingAlarm"),
        ({"swept": None}, "pass", "unknown", "cachegate guard sweep"),
        ({"swept": "2026-11-25 14:29:00 UTC"}, "pass", "fail", "GuardSilentAlarm"),
        ({"findings": [FINDING, FINDING]}, "ingress", "fail", "sgr-1 in sg-1 admits 0.0.0.0/0 and"),
        ({"findings": [FINDING | {"step": "refuse"}]}, "ingress", "fail", "cachegate guard plan"),
    ],
)
def test_what_is_not_in_order_fails_its_check_and_says_what_to_do(
    change: dict[str, Any], check: str, state: str, says: str
) -> None:
    lines = {line.check: line for line in lines_of(WELL | change, NOW)}
    assert lines.pop(check).state == state
    assert says in next(line.says for line in lines_of(WELL | change, NOW) if line.check == check)
    assert {line.state for line in lines.values()} == {"pass"}


def run(answer: dict[str, Any], *options: str) -> tuple[int, str]:
    now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    ended = asked.run(asked.answering(answer | {"swept": now}), "doctor", *options)
    return ended.exit_code, ended.stdout


def test_the_exit_code_says_whether_all_is_in_order() -> None:
    assert run(WELL)[0] == 0
    code, printed = run(WELL | {"trail": "none"})
    assert code == 1
    assert printed.startswith("fail    trail: no trail logs")


def test_json_has_the_same_lines() -> None:
    _, printed = run(WELL, "--json")
    assert [each["state"] for each in json.loads(printed)] == ["pass"] * 3


def test_an_error_of_the_guard_is_a_failed_check() -> None:
    error = {"ok": False, "error": {"code": "configuration", "message": "CACHEGATE_GUARD_MODE"}}
    assert run(error) == (1, "fail    guard: configuration: CACHEGATE_GUARD_MODE\n")


def test_a_guard_that_cannot_be_asked_ends_with_2() -> None:
    ended = asked.run(asked.answering(InvokeError("there is no stack other")), "doctor")
    assert (ended.exit_code, ended.stderr) == (2, "cachegate: there is no stack other\n")
