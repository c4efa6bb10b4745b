"""Events, log and metrics of a pass: each thing once, by the published schema, nothing left out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest

from cachegate.domain.groups import STACK_TAG
from cachegate.guard.protocols import Trail
from cachegate.guard.settings import Mode
from tests.function import CONTEXT
from tests.unit.guard.entry.wiring import SCHEDULE, authorize, batch
from tests.unit.guard.fakes import GROUP
from tests.unit.passes.entry import counted, logged, printed

if TYPE_CHECKING:
    from cachegate.domain.ingress import IngressRule
    from cachegate.happenings import Happening
    from tests.unit.guard.fakes import World

Capture = pytest.CaptureFixture[str]
SCHEMA = json.loads((Path(__file__).parents[4] / "docs/events/schema.json").read_text())


def schema_of(event: Happening) -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(SCHEMA | {"$ref": f"#/$defs/{event.kind.value}"})


def observe(app: Any, world: World, **changes: Any) -> None:
    world.set(mode=Mode.OBSERVE, **changes)
    app.wired = app.actions_on(world.adapters, world.settings)


def run(app: Any, world: World, *rules: IngressRule) -> list[Happening]:
    """Run a pass that calls on these rules asked for, and return its events."""
    world.rest.events.clear()
    app.handler(batch(world, *map(authorize, rules), SCHEDULE), CONTEXT)
    for event in world.rest.events:
        schema_of(event).validate(json.loads(json.dumps(event.detail)))
        assert event.detail["stack"] == "gate"
    return list(world.rest.events)


def kinds(events: list[Happening]) -> list[str]:
    return [event.kind.value for event in events]


def totals(capsys: Capture) -> dict[str, float]:
    """Return all that was counted since the last call."""
    found: dict[str, float] = {}
    for line in counted(capsys):
        for metric in line["_aws"]["CloudWatchMetrics"][0]["Metrics"]:
            found[metric["Name"]] = found.get(metric["Name"], 0) + sum(line[metric["Name"]])
    return found


def test_a_rule_is_found_and_revoked_in_one_event_each(app: Any, world: World) -> None:
    rule = world.add_rule("tcp 6379", "0.0.0.0/0", team="shop")

    found, revoked = run(app, world, rule)

    assert kinds([found, revoked]) == ["Ingress Found", "Ingress Revoked"]
    assert (found.detail["rule"], found.detail["step"]) == (rule.rule_id, "revoke")
    assert (revoked.detail["rule"], revoked.detail["tags"]) == (rule.rule_id, {"team": "shop"})
    for event in (found, revoked):
        assert event.detail["added_by"]["event"] == "trail-AuthorizeSecurityGroupIngress"
        assert (event.detail["vpc"], event.detail["mode"]) == ("vpc-1", "enforce")
    assert run(app, world) == []


def test_a_rule_that_came_back_too_often_is_found_and_refused(app: Any, world: World) -> None:
    for _ in range(3):
        world.add_rule("tcp 6379", "0.0.0.0/0")
        assert kinds(run(app, world)) == ["Ingress Found", "Ingress Revoked"]
    world.add_rule("tcp 6379", "0.0.0.0/0", **{STACK_TAG: "shop"})

    events = run(app, world)

    assert kinds(events) == ["Ingress Found", "Ingress Refused"]
    assert "shop" in events[1].detail["advice"]


def test_every_class_of_finding_is_an_event_by_the_schema(app: Any, world: World) -> None:
    observe(app, world)
    world.set_policy(carve_ranges=True)
    app.wired = app.actions_on(world.adapters, world.settings)
    world.add_list("pl-wide", "13.0.0.0/8")
    for traffic, source in (
        ("tcp 6379", "0.0.0.0/0"),
        ("-1", "::/0"),
        ("tcp 6000-7000", "13.0.0.0/8"),
        ("icmp", "0.0.0.0/0"),
        ("udp 0-65535", "0.0.0.0/0"),
        ("47", "0.0.0.0/0"),
        ("tcp 6379", "pl-wide"),
        ("tcp 6379", "pl-unreadable"),
        ("tcp 6379", "172.16.0.0/11"),
    ):
        world.add_rule(traffic, source)

    events = run(app, world)

    assert kinds(events) == ["Ingress Found"] * 9
    assert {event.detail["class"] for event in events} == {"world", "wide", "unreadable", "spill"}


def test_a_rule_that_is_given_back_is_an_event_by_the_schema(app: Any, world: World) -> None:
    rule = world.add_rule("tcp 6379", "0.0.0.0/0")
    run(app, world, rule)
    world.rest.events.clear()

    app.handler({"action": "restore", "rule": rule.rule_id, "force": True}, CONTEXT)

    (event,) = world.rest.events
    schema_of(event).validate(json.loads(json.dumps(event.detail)))
    assert event.kind.value == "Ingress Restored"
    assert (event.detail["existed"], event.detail["closed"]) == (False, [])
    assert event.detail["restored_as"] in world.ec2.held


def test_a_rule_that_never_went_is_no_event_when_it_is_given_back(app: Any, world: World) -> None:
    rule = world.add_rule("tcp 6379", "0.0.0.0/0")
    world.wire.lies = {"groups.revoke"}
    run(app, world)
    world.wire.calm()
    world.rest.events.clear()

    answer = app.handler({"action": "restore", "rule": rule.rule_id, "force": True}, CONTEXT)

    assert (answer["ok"], answer["existed"]) == (True, True)
    assert world.rest.events == []


def test_the_schema_refuses_an_event_without_its_fields(app: Any, world: World) -> None:
    (found, revoked) = run(app, world, world.add_rule("tcp 6379", "0.0.0.0/0"))

    for event in (found, revoked):
        for name in event.detail:
            detail = {key: value for key, value in event.detail.items() if key != name}
            with pytest.raises(jsonschema.ValidationError):
                schema_of(event).validate(detail)


def test_a_pass_is_one_line_with_decision_reasons_and_the_events_ids(
    app: Any, world: World, capsys: Capture
) -> None:
    rule = world.add_rule("tcp 6379", "0.0.0.0/0")
    left = world.add_rule("tcp 22", "0.0.0.0/0")

    run(app, world, rule)

    (line,) = logged(capsys, "guard pass")
    assert (line["level"], line["decision"], line["mode"]) == ("INFO", "revoked", "enforce")
    assert line["caused_by"] == ["e-AuthorizeSecurityGroupIngress", "tick"]
    assert line["correlation_id"] in line["caused_by"]
    assert (line["revoked"], line["failures"]) == ([rule.rule_id], {})
    assert (line["findings"], line["fresh"], line["trail"]) == ({"report": 1}, 2, "logs")
    first, second = line["reasons"]
    assert first.startswith(f"{rule.rule_id} revoked: 0.0.0.0/0 admits every IPv4 address; ")
    assert second.startswith(f"{left.rule_id} report: 0.0.0.0/0 admits every IPv4 address; ")


@pytest.mark.parametrize(
    ("traffic", "mode", "decision"),
    [
        ("", Mode.ENFORCE, "kept"),
        ("tcp 22", Mode.ENFORCE, "kept"),
        ("tcp 6379", Mode.OBSERVE, "observed"),
        ("tcp 6379", Mode.ENFORCE, "refused"),  # the NAT instance's only way
    ],
)
def test_a_pass_that_changes_nothing_says_what_it_leaves(
    app: Any, world: World, capsys: Capture, traffic: str, mode: Mode, decision: str
) -> None:
    world.set(mode=mode)
    app.wired = app.actions_on(world.adapters, world.settings)
    if decision == "refused":
        world.add_nat()
        world.add_cache("cart", GROUP, exposed=True)
    if traffic:
        world.add_rule(traffic, "0.0.0.0/0")

    run(app, world)

    (line,) = logged(capsys, "guard pass")
    assert (line["level"], line["decision"]) == ("INFO", decision)


def test_hundreds_of_findings_are_a_line_that_cloudwatch_takes_whole(
    app: Any, world: World, capsys: Capture
) -> None:
    observe(app, world)
    for number in range(500):
        world.add_rule(f"tcp {number + 6000}-7000", "0.0.0.0/0")

    run(app, world)

    (line,) = logged(capsys, "guard pass")
    assert (len(line["reasons"]), line["reasons_left_out"]) == (100, 400)
    assert len(json.dumps(line)) < 256_000


def test_an_alert_that_was_not_sent_is_an_error_and_counted(
    app: Any, world: World, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(world.rest, "send", lambda *_: "AuthorizationError: no")
    world.set(mode=Mode.OBSERVE)
    app.wired = app.actions_on(world.adapters, world.settings)
    world.add_rule("tcp 6379", "0.0.0.0/0")

    answer = app.handler(batch(world, SCHEDULE), CONTEXT)

    lines = printed(capsys)
    (line,) = [each for each in lines if each.get("message") == "guard pass"]
    assert (line["level"], line["unsent"]) == ("ERROR", "AuthorizationError: no")
    assert [each["AlertsNotSent"] for each in lines if "_aws" in each] == [[1.0]]
    assert answer == {"batchItemFailures": []}  # the rule stands, and alarms go by that


def test_a_removal_of_which_no_alert_was_sent_is_told_again_soon(
    app: Any, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    rule = world.add_rule("tcp 6379", "0.0.0.0/0")
    with monkeypatch.context() as broken:
        broken.setattr(world.rest, "send", lambda *_: "InternalError: no")
        answer = app.handler(batch(world, SCHEDULE), CONTEXT)
    assert len(answer["batchItemFailures"]) == 1
    assert world.rest.mails == []

    answer = app.handler(batch(world, SCHEDULE), CONTEXT)

    assert answer == {"batchItemFailures": []}
    ((_, text),) = world.rest.mails
    assert rule.rule_id in text
    app.handler(batch(world, SCHEDULE), CONTEXT)
    assert len(world.rest.mails) == 1


def test_events_that_were_not_taken_are_an_error_of_their_own_and_counted(
    app: Any, world: World, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(world.rest, "publish", lambda events: ("Throttled: no",) * len([*events]))
    world.add_rule("tcp 6379", "0.0.0.0/0")

    app.handler(batch(world, SCHEDULE), CONTEXT)

    lines = printed(capsys)
    (line,) = [each for each in lines if each.get("message") == "events not published"]
    assert (line["level"], line["reasons"]) == ("ERROR", ["Throttled: no"])
    assert [each["EventsNotPublished"] for each in lines if "_aws" in each] == [[2.0]]


def test_how_things_are_is_counted_after_each_pass(app: Any, world: World, capsys: Capture) -> None:
    world.set_policy(most_revocations=1)
    app.wired = app.actions_on(world.adapters, world.settings)
    world.add_rule("tcp 6379", "0.0.0.0/0")
    world.add_rule("tcp 6379", "::/0")
    world.add_rule("tcp 22", "0.0.0.0/0")
    world.add_rule("tcp 6380", "0.0.0.0/0", **{"cachegate:exempt": "ops|2027-12-31|a migration"})

    run(app, world)

    assert totals(capsys) == {
        "FindingsOpen": 3,
        "FindingsDangerous": 1,  # that waits
        "FindingsRefused": 0,
        "FindingsExempt": 1,
        "GroupsGuarded": 1,
        "TrailsMissing": 0,
        "RulesRevoked": 1,
    }


def test_a_refused_rule_is_dangerous_and_refused(app: Any, world: World, capsys: Capture) -> None:
    world.add_nat()
    world.add_cache("cart", GROUP, exposed=True)
    world.add_rule("tcp 6379", "0.0.0.0/0")  # the NAT instance's only way

    run(app, world)

    counts = totals(capsys)
    assert (counts["FindingsDangerous"], counts["FindingsRefused"]) == (1, 1)


def test_a_permission_that_came_back_is_counted_when_it_is_revoked_again(
    app: Any, world: World, capsys: Capture
) -> None:
    for returned in (None, 1, 1):
        world.add_rule("tcp 6379", "0.0.0.0/0")
        run(app, world)
        assert totals(capsys).get("RulesReturned") == returned


def test_a_failed_pass_is_counted(app: Any, world: World, capsys: Capture) -> None:
    world.add_rule("tcp 6379", "0.0.0.0/0")
    world.wire.lies = {"groups.revoke"}

    run(app, world)

    counts = totals(capsys)
    assert counts["GuardPassesFailed"] == 1
    assert counts["FindingsDangerous"] == 1
    assert "RulesRevoked" not in counts


@pytest.mark.parametrize(
    ("trail", "missing"), [(Trail.LOGS, 0), (Trail.NONE, 1), (Trail.UNKNOWN, None)]
)
def test_a_missing_trail_is_counted_where_it_is_known(
    app: Any, world: World, capsys: Capture, trail: Trail, missing: int | None
) -> None:
    world.rest.trail = trail

    run(app, world)

    assert totals(capsys).get("TrailsMissing") == missing


def test_a_rule_that_was_there_already_is_not_counted_as_restored(
    app: Any, world: World, capsys: Capture
) -> None:
    rule = world.add_rule("tcp 6379", "0.0.0.0/0")
    run(app, world)
    world.add_rule("tcp 6379", "0.0.0.0/0")
    capsys.readouterr()

    answer = app.handler({"action": "restore", "rule": rule.rule_id}, CONTEXT)

    assert answer["existed"]
    assert totals(capsys) == {}
