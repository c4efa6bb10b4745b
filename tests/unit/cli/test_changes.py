"""What `plan`, `sync` and `move` show: a sign for each change, and its reason."""

from __future__ import annotations

from typing import Any

import pytest

from cachegate.domain.plan import ChangeKind
from cachegate_cli.show_changes import SIGNS
from tests.unit.cli.asked import answering, run
from tests.unit.cli.told import (
    HOSTILE,
    ONE,
    PUBLIC,
    TWO,
    address,
    change,
    planned,
    problem,
    proof,
    rule,
    synced,
)

KEY = "sessions/sessions-002/0001"
CHANGES = [
    (change("add", KEY, 6380, after=["10.0.1.2:6379"]), f"+ 6380 {KEY} → 10.0.1.2:6379"),
    (change("return", KEY, 6380, after=["10.0.1.2:6379"]), f"+ 6380 {KEY} → 10.0.1.2:6379"),
    (
        change("move", KEY, 6380, before=["10.0.1.1:6379"], after=["10.0.1.2:6379"]),
        f"~ 6380 {KEY} 10.0.1.1:6379 → 10.0.1.2:6379",
    ),
    (
        change("rest", KEY, 6380, before=["10.0.1.1:6379"]),
        f"- 6380 {KEY} 10.0.1.1:6379 will answer RST",
    ),
    (
        change("withhold", KEY, 6380, before=["10.0.1.1:6379"]),
        f"- 6380 {KEY} 10.0.1.1:6379 will answer RST",
    ),
    (change("resume", KEY, 6380, after=["10.0.1.2:6379"]), f"+ 6380 {KEY} → 10.0.1.2:6379"),
    (change("free", KEY, 6380), f"- 6380 {KEY} is free for others"),
    (change("hold", KEY, 6380), f"= 6380 {KEY} held"),
    (change("sources", None, None), "~ sources"),
    (change("networks", None, None), "~ networks"),
    (change("unheard", KEY, 6380, after=["a"]), f"~ 6380 {KEY} nothing → a"),
]


@pytest.mark.parametrize(("entry", "line"), CHANGES)
@pytest.mark.parametrize(("command", "answer"), [("plan", planned), ("sync", synced)])
def test_each_change_has_a_sign_and_its_reason_below(
    entry: dict[str, Any], line: str, command: str, answer: Any
) -> None:
    ended = run(answering(answer(entry)), command)
    lines = ended.stdout.splitlines()
    assert ended.exit_code == 0
    assert lines[0].startswith("vpc-0a1b2c3d generation 9")
    assert lines[1] == line
    assert lines[2] == f"  {entry['reason']}"


def test_every_kind_of_change_has_its_sign() -> None:
    assert {kind.value for kind in ChangeKind} == SIGNS.keys()


def test_a_plan_ends_with_how_much_it_is_and_what_makes_it() -> None:
    add, held = CHANGES[0][0], change("hold", KEY, 6380)
    groups = {"add": [rule()], "remove": [rule(rule="sgr-1")]}
    answer = planned(add, add, held, groups=groups, address=address("due", move_to=TWO))
    last = run(answering(answer), "plan").stdout.splitlines()[-1]
    assert last == (
        "plan: 2 to add, 1 held, 2 security-group rules, the address to move → cachegate sync"
    )


def test_nothing_to_change_is_said() -> None:
    assert run(answering(planned()), "plan").stdout.splitlines()[-1] == "✓ nothing to change"
    assert "nothing changed" in run(answering(synced()), "sync").stdout


def test_rules_and_the_address_are_part_of_the_difference() -> None:
    groups = {"add": [rule(vanished=True)], "remove": [rule(from_port=1, to_port=9)]}
    due = address("due", move_to=TWO, reason="i-0123 is stopped")
    text = run(answering(planned(groups=groups, address=due)), "plan").stdout
    assert "+ sg-0cac4e ingress tcp 6379 from sg-0a17 somebody removed it\n" in text
    assert "- sg-0cac4e ingress tcp 1-9 from sg-0a17\n" in text
    assert f"~ {PUBLIC} {ONE} → {TWO}\n  i-0123 is stopped\n" in text


def test_an_address_that_no_pass_can_move_says_why() -> None:
    text = run(
        answering(planned(address=address("stranded", reason="none is well"))), "plan"
    ).stdout
    assert f"= {PUBLIC} is stranded\n  none is well\n" in text


def test_who_was_asked_before_rules_were_added_need_not_have_answered() -> None:
    groups = {"added": [rule()], "removed": [], "in_place": 5, "errors": []}
    silent = proof(ONE, unreachable=[6380])
    text = run(answering(synced(nat_instances=[silent], groups=groups)), "sync").stdout
    assert "behind 6380, for it was asked before the rules above were there: looked at" in text


def test_a_pass_says_who_proved_it_and_what_did_not_answer() -> None:
    instances = [
        proof(ONE, flows_told=3),
        proof(TWO, state="offline", reason="SSM does not reach it", backend=None),
        proof("i-0789", unreachable=[6380, 6381], warnings=["forwarding was off"], outdated=True),
    ]
    text = run(answering(synced(nat_instances=instances, recheck_after=30)), "sync").stdout
    assert f"✓ NAT instance {ONE} verified nftables, 3 connections told\n" in text
    assert f"! NAT instance {TWO} offline\n  SSM does not reach it\n" in text
    assert "no answer from what is behind 6380, 6381: looked at again" in text
    assert "forwarding was off" in text
    assert "looked at again in 30 s" in text


def test_a_pass_that_moved_the_address_says_from_where() -> None:
    moved = {
        "address": PUBLIC, "holder": TWO, "state": "moved", "reason": "i-0123 is stopped",
        "moved_from": ONE, "unheld_seconds": 1.0, "error": None,
    }  # fmt: skip
    text = run(answering(synced(address=moved)), "move", TWO).stdout
    assert f"~ {PUBLIC} {ONE} → {TWO}\n  i-0123 is stopped\n" in text


def test_a_pass_that_is_not_verified_ends_with_1_and_says_why_once_on_stderr() -> None:
    why = "i-0123: the digest differs"
    failed = proof(ONE, state="failed", reason="the digest differs")
    answer = synced(verified=False, error=why, nat_instances=[failed])
    answer |= {"ok": False, "error": {"code": "not_verified", "message": why}}
    ended = run(answering(answer), "sync")
    assert ended.exit_code == 1
    assert ended.stderr == f"cachegate: {why} (not_verified)\n"
    assert why not in ended.stdout
    assert f"✗ NAT instance {ONE} failed" in ended.stdout


def test_a_vpc_that_could_not_be_planned_or_is_detached_is_drawn_even_so() -> None:
    empty: dict[str, Any] = {
        "verified": False,
        "generation": None,
        "address": None,
        "groups": None,
        "nat_instances": [],
    }
    text = run(answering(synced(detached=True, **empty)), "sync").stdout
    assert text.startswith("vpc-0a1b2c3d not verified detached: nothing is pushed\n")
    assert run(answering(synced(detached=None, **empty)), "sync").exit_code == 0


def test_problems_of_caches_are_told_after_the_changes() -> None:
    answer = planned() | {"problems": [problem("x", "no_vpc", "x is in no VPC")]}
    assert "✗ x is in no VPC\n" in run(answering(answer), "plan").stdout


PROPOSAL = {
    "cache": "sessions", "kind": "cluster", "vpc": "vpc-1", "groups": ["sg-1"],
    "shared": [{"group": "sg-1", "name": "default", "why": "it is the default group"}],
    "group": "cachegate-sessions", "admitted": [],
    "steps": [
        {"what": "make the group", "command": "aws ec2 create-security-group " + "x" * 200},
        {"what": "look", "command": None},
        {"what": "should anything fail", "command": "aws the-way-back"},
    ],
}  # fmt: skip


def test_a_proposal_is_named_and_its_commands_come_when_asked_for() -> None:
    answer = planned() | {"proposals": [PROPOSAL]}
    brief = run(answering(answer), "plan").stdout
    assert "sessions: what is no cache has sg-1 too" in brief
    assert "create-security-group" not in brief


def test_proposals_are_lines_for_a_shell_that_are_not_wrapped() -> None:
    answer = planned() | {"proposals": [PROPOSAL]}
    lines = run(answering(answer), "plan", "--proposals", COLUMNS="80").stdout.splitlines()
    commands = [line for line in lines if line and not line.startswith("# ")]
    assert commands == ["aws ec2 create-security-group " + "x" * 200]
    assert "# 2. look" in lines
    assert "# aws the-way-back" in lines  # and nobody runs it by running all of them


@pytest.mark.parametrize(("proposals", "says"), [(None, "nobody looked"), ([], "every cache")])
def test_no_proposals_is_a_comment(proposals: Any, says: str) -> None:
    text = run(answering(planned() | {"proposals": proposals}), "plan", "--proposals").stdout
    assert text.startswith(f"# {says}")


def test_a_plan_that_failed_does_not_say_that_nothing_is_to_change() -> None:
    error = {"ok": False, "error": {"code": "try_again", "message": "no ledger"}}
    ended = run(answering(planned() | error | {"vpcs": []}), "plan")
    assert ended.exit_code == 1
    assert "nothing to change" not in ended.stdout


@pytest.mark.parametrize(("command", "answer"), [("plan", planned), ("sync", synced)])
def test_names_and_reasons_do_not_steer_the_terminal(command: str, answer: Any) -> None:
    entry = change("move", HOSTILE, 6380, before=[HOSTILE], after=[HOSTILE], reason=HOSTILE)
    hostile = answer(entry) | {"problems": [problem(HOSTILE, HOSTILE, HOSTILE)]}
    text = run(answering(hostile), command).stdout
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "[red]x[/red]" in text
