"""The guard's entry point: one pass a batch, one message back where it failed, no error lost."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from cachegate.domain.revocation import RevocationState
from cachegate.errors import ConfigurationError, RuleRefusedError, TransientError
from cachegate.guard.settings import GuardSettings, Mode
from tests.function import CONTEXT
from tests.unit.guard.entry.wiring import (
    ALICE,
    COMPLETE,
    ROLE,
    SCHEDULE,
    authorize,
    batch,
    call,
    entry_point,
    session,
)
from tests.unit.guard.fakes import GROUP, Crash
from tests.unit.passes.entry import counted, logged

if TYPE_CHECKING:
    from tests.unit.guard.fakes import World

Capture = pytest.CaptureFixture[str]
NOTHING: dict[str, Any] = {"batchItemFailures": []}


def back(*ids: str) -> dict[str, Any]:
    return {"batchItemFailures": [{"itemIdentifier": each} for each in ids]}


def test_a_batch_is_one_pass_that_knows_who_added_the_rule(app: Any, world: World) -> None:
    rule = world.add_rule("tcp 6379", "0.0.0.0/0")

    answer = app.handler(batch(world, SCHEDULE, authorize(rule), "look"), CONTEXT)

    assert answer == NOTHING
    assert world.wire.names().count("caches.guarded") == 1
    kept = world.store.revocations[rule.rule_id]
    assert kept.state is RevocationState.REVOKED
    assert kept.author is not None
    assert (kept.author.who, kept.author.event_id) == (
        ALICE["arn"],
        "trail-AuthorizeSecurityGroupIngress",
    )
    assert kept.triggers == ("tick", "e-AuthorizeSecurityGroupIngress", "m2")
    assert world.rest.retries == []


def test_where_all_is_ignored_nobody_is_asked(app: Any, world: World, capsys: Capture) -> None:
    failed = call("AuthorizeSecurityGroupIngress", errorCode="Client.InvalidPermission.Duplicate")

    answer = app.handler(batch(world, failed, call("CreateTags", session(ROLE))), CONTEXT)

    assert answer == NOTHING
    assert world.wire.names() == []
    (line,) = logged(capsys, "triggers")
    assert [each["why"] for each in line["ignored"]] == [
        "the call failed: Client.InvalidPermission.Duplicate",
        "the guard itself made the call",
    ]


def test_an_unknown_body_is_looked_at_and_counted(app: Any, world: World, capsys: Capture) -> None:
    app.handler(batch(world, "look", "\ud800", SCHEDULE), CONTEXT)

    assert "caches.guarded" in world.wire.names()
    assert [each["TriggersUnknown"] for each in counted(capsys) if "TriggersUnknown" in each] == [
        [2.0]
    ]


def test_a_rule_that_is_not_gone_brings_one_message_back_in_seconds(
    app: Any, world: World, capsys: Capture
) -> None:
    rule = world.add_rule("tcp 6379", "0.0.0.0/0")
    world.wire.lies = {"groups.revoke"}
    own = call("CreateTags", session(ROLE))

    answer = app.handler(batch(world, SCHEDULE, "look", own), CONTEXT)

    assert answer == back("m1")  # the youngest that asks
    assert world.rest.retries == [("receipt-m1", 10.0)]
    (line,) = logged(capsys, "guard pass")
    assert (line["level"], line["decision"]) == ("ERROR", "failed")
    assert line["failures"][rule.rule_id].startswith("not_verified: ")


def test_of_a_failed_batch_the_call_comes_back_for_it_says_who_made_the_rule(
    app: Any, world: World
) -> None:
    rule = world.add_rule("tcp 6379", "0.0.0.0/0")
    world.wire.lies = {"groups.revoke"}

    answer = app.handler(batch(world, authorize(rule), SCHEDULE), CONTEXT)

    assert answer == back("m0")


@pytest.mark.parametrize(("receives", "delay"), [(1, 10.0), (2, 30.0), (3, 90.0), (4, 0.0)])
def test_each_retry_waits_longer_and_the_last_receive_waits_for_nothing(
    app: Any, world: World, receives: int, delay: float
) -> None:
    world.add_rule("tcp 6379", "0.0.0.0/0")
    world.wire.lies = {"groups.revoke"}
    message = batch(world, SCHEDULE)
    message["Records"][0]["attributes"]["ApproximateReceiveCount"] = str(receives)

    app.handler(message, CONTEXT)

    assert world.rest.retries == [("receipt-m0", delay)]


def test_a_look_that_misses_a_part_is_a_failed_pass_and_no_broken_function(
    app: Any, world: World, capsys: Capture
) -> None:
    world.wire.fail("caches.guarded", TransientError("ElastiCache did not answer"))

    answer = app.handler(batch(world, SCHEDULE, SCHEDULE), CONTEXT)

    assert answer == back("m1")
    (line,) = logged(capsys, "guard pass")
    assert line["level"] == "ERROR"
    assert line["reasons"] == ["try_again: ElastiCache did not answer"]
    assert line["caused_by"] == ["tick", "tick"]


def test_a_failed_look_is_counted(app: Any, world: World, capsys: Capture) -> None:
    world.wire.fail("caches.guarded", TransientError("ElastiCache did not answer"))

    app.handler(batch(world, SCHEDULE), CONTEXT)

    assert [each["GuardPassesFailed"] for each in counted(capsys)] == [[1.0]]


def test_an_unexpected_error_is_raised_and_one_message_comes_back_in_seconds(
    app: Any, world: World, capsys: Capture
) -> None:
    world.wire.fail("groups.rules", Crash("AccessDenied"))

    with pytest.raises(Crash):
        app.handler(batch(world, SCHEDULE, "look"), CONTEXT)

    assert world.rest.retries == [("receipt-m1", 10.0)]
    (line,) = logged(capsys, "the pass broke off")
    assert "AccessDenied" in line["exception"]


def test_a_pass_that_breaks_off_after_its_alert_is_told_again_and_not_lost(
    app: Any, world: World
) -> None:
    rule = world.add_rule("tcp 6379", "0.0.0.0/0")
    world.wire.fail("records.settle", Crash("the function ended"))
    with pytest.raises(Crash):
        app.handler(batch(world, authorize(rule)), CONTEXT)
    world.wire.calm()

    app.handler(batch(world, SCHEDULE), CONTEXT)

    assert world.store.revocations[rule.rule_id].state is RevocationState.REVOKED
    assert len(world.rest.mails) == 2
    for _, text in world.rest.mails:
        assert ALICE["arn"] in text


def test_who_added_a_rule_is_known_when_it_goes_by_a_later_pass(app: Any, world: World) -> None:
    world.set_policy(most_revocations=1)
    rules = [world.add_rule("tcp 6379", source) for source in ("0.0.0.0/0", "::/0")]
    app.wired = app.actions_on(world.adapters, world.settings)
    app.handler(batch(world, *map(authorize, rules)), CONTEXT)

    app.handler(batch(world, SCHEDULE), CONTEXT)

    authors = [world.store.revocations[rule.rule_id].author for rule in rules]
    assert [author and author.who for author in authors] == [ALICE["arn"]] * 2
    assert [author and author.at for author in authors] == [1800000000.0] * 2


def test_a_direct_sweep_is_told_logged_and_counted_as_any_other(
    app: Any, world: World, capsys: Capture
) -> None:
    rule = world.add_rule("tcp 6379", "0.0.0.0/0")

    answer = app.handler({"action": "sweep"}, CONTEXT)

    assert answer["ok"]
    assert [each["rule"] for each in answer["revoked"]] == [rule.rule_id]
    assert len(world.rest.mails) == 1
    assert "Ingress Revoked" in [event.kind for event in world.rest.events]
    (line,) = logged(capsys, "guard pass")
    assert (line["revoked"], line["correlation_id"]) == ([rule.rule_id], "request")


def test_a_rule_that_is_given_back_is_an_event_and_no_alert(
    app: Any, world: World, capsys: Capture
) -> None:
    rule = world.add_rule("tcp 6379", "0.0.0.0/0")
    app.handler({"action": "sweep"}, CONTEXT)
    world.rest.events.clear()
    world.rest.mails.clear()
    capsys.readouterr()

    answer = app.handler({"action": "restore", "rule": rule.rule_id, "force": True}, CONTEXT)

    assert answer["ok"]
    assert [event.kind.value for event in world.rest.events] == ["Ingress Restored"]
    assert world.rest.mails == []
    lines = capsys.readouterr().out.splitlines()
    found = [json.loads(line) for line in lines]
    (line,) = [each for each in found if each.get("message") == "rule restored"]
    assert line["restored_as"] == answer["restored"]["restored_as"]
    assert [each["RulesRestored"] for each in found if "_aws" in each] == [[1.0]]


def test_what_is_refused_is_an_answer_and_a_line(app: Any, world: World, capsys: Capture) -> None:
    world.add_rule("tcp 6379", "0.0.0.0/0")
    world.wire.fail("records.load", RuleRefusedError("no"))

    answers = [
        app.handler(event, CONTEXT)
        for event in ({"action": "destroy"}, ["sweep"], {"action": "findings"})
    ]

    assert [answer["error"]["code"] for answer in answers] == [
        "bad_request",
        "bad_request",
        "rule_refused",
    ]
    assert [line.get("action") for line in logged(capsys, "direct invocation")] == [
        "destroy",
        None,
        "findings",
    ]


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("CACHEGATE_GUARD_TABLE", "", "CACHEGATE_GUARD_TABLE is missing"),
        ("CACHEGATE_GUARD_ROLE", "guard-role", "CACHEGATE_GUARD_ROLE is no ARN of a role"),
        ("CACHEGATE_GUARD_ROLE", "arn:aws:iam::1:user/x", "CACHEGATE_GUARD_ROLE is no ARN"),
    ],
)
def test_a_wrong_setting_is_told_to_whoever_calls(
    app: Any, world: World, monkeypatch: pytest.MonkeyPatch, name: str, value: str, sentence: str
) -> None:
    with pytest.raises(ConfigurationError, match=sentence) as told:
        app.wire(COMPLETE | {name: value})
    monkeypatch.setattr(app, "wired", told.value)

    answer = app.handler({"action": "findings"}, CONTEXT)

    assert answer["error"]["code"] == "configuration"
    assert sentence in answer["error"]["message"]
    with pytest.raises(ConfigurationError, match=sentence):
        app.handler(batch(world, SCHEDULE), CONTEXT)


def test_the_environment_of_the_template_wires_everything(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = entry_point(world, monkeypatch)

    actions = app.wire(COMPLETE)

    settings: GuardSettings = actions.settings
    assert (settings.function, settings.region, settings.role) == ("gate-guard", "eu-west-1", ROLE)
    assert settings.mode is Mode.OBSERVE
    assert not settings.may_restore


def test_in_the_mode_observe_nothing_changes_and_people_hear_once(app: Any, world: World) -> None:
    world.set(mode=Mode.OBSERVE)
    app.wired = app.actions_on(world.adapters, world.settings)
    rule = world.add_rule("tcp 6379", "0.0.0.0/0")

    for _ in range(3):
        assert app.handler(batch(world, authorize(rule)), CONTEXT) == NOTHING

    assert list(world.ec2.held) == [rule.rule_id]
    assert len(world.rest.mails) == 1
    assert [event.kind.value for event in world.rest.events] == ["Ingress Found"]
    assert [each["added_by"]["who"] for each in world.store.findings[GROUP]] == [ALICE["arn"]]
