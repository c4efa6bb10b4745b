"""What the guard's commands show of findings, revocations and what a person asked for."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.cli.asked import answering, run
from tests.unit.cli.told import HOSTILE

RULE: dict[str, Any] = {
    "group": "sg-1", "rule": "sgr-1", "source": "0.0.0.0/0", "protocol": "tcp", "from_port": 6379,
    "to_port": 6379, "description": "", "group_name": "web", "vpc": "vpc-1", "group_stack": "shop",
    "caches": ["cart"], "class": "world", "severity": "critical", "why": "it admits the world",
    "added_by": {"who": "alice", "call": "Authorize", "event": "e",
                 "at": "2026-11-25 15:18:50 UTC"},
}  # fmt: skip
FINDING = RULE | {
    "verdict": "revoke", "ports": [6379], "step": "revoke", "reason": "the group is shared",
    "advice": "narrow it", "shared": "shared", "shared_with": [], "public_interfaces": 1,
    "exemption": None, "opens_again": [], "opens_first": [],
}  # fmt: skip
REVOKED = RULE | {
    "tags": {}, "evidence": ["eni-1 (i-web)"], "state": "revoked",
    "recorded": "2026-11-25 15:20:00 UTC", "revoked": "2026-11-25 15:20:01 UTC", "restored": None,
    "restored_as": None, "ports_opened_again": False, "asked_by": [],
}  # fmt: skip
LOOKED: dict[str, Any] = {
    "ok": True, "mode": "observe", "trail": "logs", "unseen_groups": [], "findings": [FINDING],
    "groups": {"sg-1": {"name": "web", "vpc": "v", "stack": None, "shared": "shared", "why": "w"}},
    "left_out": 0,
}  # fmt: skip
FOUND: dict[str, Any] = {
    "ok": True, "mode": "enforce", "trail": "logs", "swept": "2026-11-25 15:20:00 UTC",
    "findings": [FINDING | {"since": "2026-11-24 08:15:00 UTC"}], "left_out": 0,
    "revocations": [REVOKED], "revocations_left_out": 0,
}  # fmt: skip


@pytest.mark.parametrize("command", ["guard plan", "guard sweep"])
def test_a_finding_has_its_rule_what_it_admits_what_becomes_of_it_and_why(command: str) -> None:
    text = run(answering(LOOKED), *command.split()).stdout
    assert text.startswith("mode observe 1 group of caches: 1 shared\n")
    for told in (
        "critical sgr-1 in sg-1 (web, stack shop)",
        "admits 0.0.0.0/0 to tcp 6379 · step revoke once the mode is enforce",
        "it admits the world",
        "the group is shared",
        "added by alice, 2026-11-25 15:18:50 UTC (Authorize)",
        "→ narrow it",
    ):
        assert told in text


def test_no_finding_is_said() -> None:
    assert (
        "no rule is too wide" in run(answering(LOOKED | {"findings": []}), "guard", "plan").stdout
    )


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"trail": "none"}, "no trail logs management events"),
        ({"trail": "unknown"}, "does not tell whether a trail logs"),
        ({"unseen_groups": ["sg-9"]}, "EC2 does not show sg-9"),
        ({"left_out": 7}, "7 more findings have no room here: cachegate findings --group GROUP_ID"),
        ({"groups": {}}, "no cache has a group"),
        ({"revoked": [REVOKED], "aftermath": "tracked connections go on"}, "revoked: 1 rule"),
        ({"aftermath": "tracked connections go on"}, "tracked connections go on"),
        ({"findings": [FINDING | {"step": "refuse"}]}, "step refuse once the mode is enforce\n"),
        ({"findings": [FINDING | {"step": "report"}]}, "step report\n"),
        ({"mode": "enforce"}, "step revoke\n"),
        ({"findings": [FINDING | {"step": "new", "severity": "dire"}]}, "dire"),
        ({"findings": [FINDING | {"exemption": "me|2027-01-01|why"}]}, "exemption me|2027-01-01"),
        ({"findings": [FINDING | {"opens_again": ["tcp 22"]}]}, "opened for it: tcp 22"),
        (
            {"findings": [FINDING | {"protocol": "-1", "from_port": None, "to_port": None}]},
            "to every protocol every port",
        ),
        ({"findings": [FINDING | {"to_port": 6400}]}, "to tcp 6379-6400"),
    ],
)
def test_what_a_person_must_know_beside_is_told(change: dict[str, Any], says: str) -> None:
    assert says in run(answering(LOOKED | change), "guard", "sweep").stdout


def test_a_rule_that_should_be_gone_and_is_not_ends_with_1() -> None:
    failures = {"sgr-1": {"code": "rule_refused", "message": "the group is full"}}
    error = {"code": "not_verified", "message": "1 rule is still there"}
    failed = LOOKED | {"ok": False, "failures": failures, "error": error}
    ended = run(answering(failed), "guard", "sweep")
    assert ended.exit_code == 1
    assert "✗ sgr-1: the group is full (rule_refused)" in ended.stdout


def test_findings_have_since_when_and_every_revocation_with_its_way_back() -> None:
    text = run(answering(FOUND), "findings").stdout
    assert text.startswith("mode enforce last pass 2026-11-25 15:20:00 UTC\n")
    for told in ("found first 2026-11-24", "ever revoked: 1 rule", "eni-1 (i-web)",
                 "revoked 2026-11-25 15:20:01 UTC", "cachegate restore sgr-1"):  # fmt: skip
        assert told in text
    back = REVOKED | {"state": "restored", "restored": "2026-11-26", "restored_as": "sgr-2"}
    text = run(answering(FOUND | {"revocations": [back]}), "findings").stdout
    assert "back as sgr-2" in text
    assert "cachegate restore" not in text


def test_a_guard_without_a_pass_says_how_to_make_one() -> None:
    empty: dict[str, Any] = {"swept": None, "findings": [], "revocations": []}
    assert "cachegate guard sweep" in run(answering(FOUND | empty), "findings").stdout


def test_a_rule_that_is_back_has_its_new_id() -> None:
    back = REVOKED | {"restored_as": "sgr-2"}
    answer = {"ok": True, "restored": back, "existed": False, "closed": ["sgr-3"], "note": "a note"}
    text = run(answering(answer), "restore", "sgr-1").stdout
    assert "✓ sgr-1 is back, as sgr-2 admits 0.0.0.0/0 to tcp 6379\n" in text
    assert "closed again: sgr-3" in text
    existed = run(answering(answer | {"existed": True}), "restore", "sgr-1").stdout
    assert "was there already, as sgr-2" in existed


def test_an_exemption_is_shown_as_the_rule_has_it() -> None:
    answer = {"ok": True, "exempted": RULE | {"tags": {"cachegate:exempt": "me|2027-01-31|why"}}}
    excuse = ["--owner", "me", "--expires", "2027-01-31", "--reason", "why"]
    text = run(answering(answer), "exempt", "sgr-1", *excuse).stdout
    assert "sgr-1 in sg-1 is exempt: admits 0.0.0.0/0 to tcp 6379\n  me|2027-01-31|why\n" in text


REFUSED = {"ok": False, "error": {"code": "bad_request", "message": "no such rule"}}


@pytest.mark.parametrize(
    "command", ["guard plan", "guard sweep", "findings", "restore sgr-1", "release 6379",
                "exempt sgr-1 --owner a --expires 2027-01-31 --reason b", "detach", "plan", "sync",
                "explain 6380", "move i-1", "status"]
)  # fmt: skip
def test_a_refusal_is_one_line_and_nothing_is_drawn(command: str) -> None:
    ended = run(answering(REFUSED), *command.split())
    assert ended.exit_code == 1
    assert ended.stderr == "cachegate: no such rule (bad_request)\n"
    assert ended.stdout.strip() == ""


def test_text_from_aws_does_not_steer_the_terminal() -> None:
    finding = {key: HOSTILE if isinstance(value, str) else value for key, value in FINDING.items()}
    text = run(answering(LOOKED | {"findings": [finding], "mode": HOSTILE}), "guard", "plan").stdout
    assert "\x1b" not in text
    assert "[red]x[/red]" in text
