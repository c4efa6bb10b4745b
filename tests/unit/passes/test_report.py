"""One line of log for each VPC of a pass, by which an event's id leads to what it caused."""

from __future__ import annotations

import json
from dataclasses import replace
from ipaddress import IPv4Network
from typing import TYPE_CHECKING, Any

import pytest

from cachegate.domain.agent import Reply
from cachegate.errors import RuleRefusedError
from tests.function import CONTEXT
from tests.unit.passes.entry import batch, logged, printed, recheck
from tests.unit.passes.fakes import NAT, STACK, VPC
from tests.unit.passes.nat_side import (
    ADDRESS,
    SECOND,
    add_guarded_cluster,
    fail,
    give,
    hold_address,
    manage_groups,
    rewire,
    stop,
)

if TYPE_CHECKING:
    from tests.unit.passes.fakes import FakeWorld

REPLACED = {
    "Type": "Notification",
    "MessageId": "notice-1",
    "Message": json.dumps({"ElastiCache:CacheNodeReplaceComplete": "cart"}),
}
Capture = pytest.CaptureFixture[str]


def send(app: Any, world: FakeWorld, *bodies: object) -> None:
    records = batch(world, *(f"m{i}" for i, _ in enumerate(bodies)))["Records"]
    for record, body in zip(records, bodies, strict=True):
        record["body"] = json.dumps(body)
    app.handler({"Records": records}, CONTEXT)
    world.now += 100


def test_a_pass_is_one_line_with_decision_reasons_and_the_events_id(
    app: Any, world: FakeWorld, capsys: Capture
) -> None:
    world.add_cluster("cart", "10.0.1.5")
    send(app, world, {})
    capsys.readouterr()
    world.move("cart", "10.0.1.6")

    send(app, world, REPLACED)

    lines = printed(capsys)
    (line,) = [each for each in lines if each.get("message") == "pass"]
    assert (line["level"], line["vpc"], line["decision"]) == ("INFO", VPC, "changed")
    assert (line["correlation_id"], line["caused_by"]) == ("notice-1", ["notice-1"])
    assert line["reasons"] == ["cart.cache resolves to 10.0.1.6"]
    assert line["changes"][0]["after"] == ["10.0.1.6:6379"]
    assert line["nat_instances"] == {NAT: "verified"}
    # Beside it only what asked for the pass, and the metrics.
    assert [each.get("message", "metrics") for each in lines] == ["triggers", "pass", "metrics"]


def test_the_recheck_that_follows_is_found_by_the_line_before(
    app: Any, world: FakeWorld, capsys: Capture
) -> None:
    world.add_cluster("cart", "10.0.1.5")
    send(app, world, REPLACED)
    (line,) = logged(capsys, "pass")

    app.handler({"Records": [recheck(world, "again", VPC)]}, CONTEXT)

    (after,) = logged(capsys, "pass")
    assert after["correlation_id"] == line["recheck"]
    assert line["recheck_after"] == world.settings.policy.recheck


def test_each_vpc_has_its_line_and_only_one_that_failed_is_an_error(
    app: Any, world: FakeWorld, capsys: Capture
) -> None:
    world.add_vpc("vpc-2", "10.1.0.0/16")
    world.add_instance("i-second", "vpc-2")
    world.gateways.failing["i-second"] = Reply(instance_id="i-second", failure="timed out")

    send(app, world, {})

    levels = {line["vpc"]: (line["level"], line["decision"]) for line in logged(capsys, "pass")}
    assert levels == {VPC: ("INFO", "changed"), "vpc-2": ("ERROR", "failed")}


def test_a_failed_pass_says_first_why_it_failed(
    app: Any, world: FakeWorld, capsys: Capture
) -> None:
    send(app, world, {})
    capsys.readouterr()
    world.add_cluster("cart", "10.0.1.5")
    world.gateways.failing[NAT] = Reply(instance_id=NAT, failure="timed out")

    send(app, world, {})

    (line,) = logged(capsys, "pass")
    assert line["reasons"][0] == f"not_verified: {VPC}: {NAT}: timed out"
    assert line["nat_instances"] == {NAT: "failed"}


def test_an_offline_instance_is_a_reason_and_no_error(
    app: Any, world: FakeWorld, capsys: Capture
) -> None:
    world.gateways.failing[NAT] = Reply(instance_id=NAT, failure="no agent", unreached=True)

    send(app, world, {})

    (line,) = logged(capsys, "pass")
    assert line["level"] == "INFO"
    assert f"{NAT} is offline: no agent" in line["reasons"]
    assert line["decision"] == "offline"


def test_a_repaired_drift_is_the_decision_of_a_pass(
    app: Any, world: FakeWorld, capsys: Capture
) -> None:
    send(app, world, {})
    send(app, world, {})
    capsys.readouterr()
    world.gateways.report = {"changed": True}

    send(app, world, {})

    (line,) = logged(capsys, "pass")
    assert (line["decision"], line["changes"]) == ("repaired", [])
    assert line["reasons"] == ["a NAT instance had proved this very rule set, and differed"]


def test_a_change_that_waits_is_held_and_says_for_what(
    app: Any, world: FakeWorld, capsys: Capture
) -> None:
    world.add_cluster("cart", "10.0.1.5")
    send(app, world, {})
    capsys.readouterr()
    world.inventory.caches.clear()

    send(app, world, {})

    (line,) = logged(capsys, "pass")
    assert line["decision"] == "held"
    assert line["changes"][0]["change"] == "hold"
    assert line["reasons"] == [line["changes"][0]["reason"]]


def test_a_detached_vpc_and_one_without_an_instance_say_so(
    app: Any, world: FakeWorld, capsys: Capture
) -> None:
    send(app, world, {})
    app.handler({"action": "detach"}, CONTEXT)
    send(app, world, {})
    assert logged(capsys, "pass")[-1]["decision"] == "detached"

    world.network.instances.clear()
    world.ledgers.records.clear()
    send(app, world, {})

    (line,) = logged(capsys, "pass")
    assert line["decision"] == "idle"
    assert line["reasons"] == ["no NAT instance carries this stack's tag, and no VPC has a ledger"]


def test_a_first_pass_over_many_nodes_is_a_line_that_cloudwatch_takes_whole(
    app: Any, world: FakeWorld, capsys: Capture
) -> None:
    for number in range(700):
        world.add_cluster(
            f"a-cluster-with-quite-a-long-name-{number:04}",
            f"10.0.{number // 250}.{number % 250 + 1}",
        )

    send(app, world, {})

    (line,) = logged(capsys, "pass")
    assert len(line["changes"]) == len(line["reasons"]) == 100
    assert line["changes_left_out"] == 702 - 100  # networks and sources too
    assert len(json.dumps(line)) < 256_000


def test_what_the_bus_did_not_take_is_an_error_of_its_own(
    app: Any, world: FakeWorld, capsys: Capture
) -> None:
    world.bus.refusals = ("ThrottlingException: later", "ThrottlingException: later")
    world.add_cluster("cart", "10.0.1.5")

    send(app, world, {})

    (line,) = logged(capsys, "events not published")
    assert (line["level"], line["reasons"]) == ("ERROR", ["ThrottlingException: later"])


def test_ignored_triggers_say_why_and_cause_no_pass(
    app: Any, world: FakeWorld, capsys: Capture
) -> None:
    send(app, world, REPLACED | {"Message": json.dumps({"ElastiCache:SnapshotComplete": "cart"})})

    lines = printed(capsys)
    (line,) = [each for each in lines if each.get("message") == "triggers"]
    assert line["asking"] == []
    assert line["ignored"][0]["why"] == "it concerns neither nodes nor access"
    assert [each["TriggersIgnored"] for each in lines if "_aws" in each] == [[1.0]]
    assert len(lines) == 2


def test_a_direct_invocation_is_a_line_with_its_request_and_its_error(
    app: Any, capsys: Capture
) -> None:
    app.handler({"action": "destroy"}, CONTEXT)
    app.handler(["describe"], CONTEXT)

    first, second = logged(capsys, "direct invocation")
    assert (first["correlation_id"], first["action"]) == ("request", "destroy")
    assert not first["ok"]
    assert [each["error"]["code"] for each in (first, second)] == ["bad_request"] * 2


def test_one_invocations_id_is_not_the_next_ones(
    app: Any, world: FakeWorld, capsys: Capture
) -> None:
    send(app, world, REPLACED)
    app.handler({"action": "sync"}, CONTEXT)

    assert [line["correlation_id"] for line in logged(capsys, "pass")] == ["notice-1", "request"]


def test_a_cache_in_a_vpc_without_a_nat_instance_is_a_warning(
    app: Any, world: FakeWorld, capsys: Capture
) -> None:
    world.add_cluster("far", "10.9.0.1", vpc_id="vpc-9")

    send(app, world, {})

    (line,) = logged(capsys, "not forwarded as asked")
    assert line["level"] == "WARNING"
    assert [problem["cache"] for problem in line["problems"]] == ["far"]


def test_half_a_character_in_a_body_loses_no_line(
    app: Any, world: FakeWorld, capsys: Capture
) -> None:
    send(app, world, {"source": "\ud800", "detail-type": "News", "id": "\udfff"})

    (line,) = logged(capsys, "triggers")
    assert line["asking"][0]["name"] == "?: News"


def passed(app: Any, world: FakeWorld, capsys: Capture) -> dict[str, Any]:
    """Run a pass and return its line."""
    capsys.readouterr()
    send(app, world, {})
    (line,) = logged(capsys, "pass")
    return line


def test_a_move_is_the_decision_of_a_pass_and_its_first_reason(
    app: Any, world: FakeWorld, capsys: Capture
) -> None:
    hold_address(world)
    rewire(app, world)
    held = passed(app, world, capsys)["address"]
    assert (held["address"], held["holder"], held["state"]) == (ADDRESS, NAT, "held")
    stop(world, NAT)
    world.add_cluster("cart", "10.0.1.5")  # what else changed is among the reasons

    line = passed(app, world, capsys)

    assert line["decision"] == "moved"
    moved = f"{ADDRESS} moved to {SECOND}: {NAT}, the holder until then, is stopped"
    assert line["reasons"][0] == moved
    assert "cart.cache resolves to 10.0.1.5" in line["reasons"]
    assert (line["address"]["state"], line["address"]["moved_from"]) == ("moved", NAT)
    after = passed(app, world, capsys)
    assert (after["decision"], after["address"]["holder"]) == ("kept", SECOND)


def test_an_address_that_stays_with_nobody_says_so_in_a_pass_that_failed(
    app: Any, world: FakeWorld, capsys: Capture
) -> None:
    hold_address(world)
    rewire(app, world)
    passed(app, world, capsys)
    fail(world, NAT, SECOND)

    line = passed(app, world, capsys)

    assert line["decision"] == "failed"
    assert line["reasons"][0].startswith("not_verified: ")
    assert line["reasons"][1].startswith(f"address stranded: {NAT}, which has the address, ")


def test_an_address_that_somebody_else_has_is_a_reason(
    app: Any, world: FakeWorld, capsys: Capture
) -> None:
    hold_address(world, holder="i-else")
    world.network.runs.add("i-else")
    rewire(app, world)

    line = passed(app, world, capsys)

    assert line["address"]["state"] == "elsewhere"
    assert line["reasons"][0].startswith("address elsewhere: i-else has the address, ")
    give(world, NAT)
    assert not any("address" in reason for reason in passed(app, world, capsys)["reasons"])


def test_rules_that_are_added_or_removed_are_a_change_and_those_that_came_back_a_repair(
    app: Any, world: FakeWorld, capsys: Capture
) -> None:
    add_guarded_cluster(world, "cart", "10.0.1.5")
    assert "groups" not in passed(app, world, capsys)
    manage_groups(world)
    rewire(app, world)

    opened = passed(app, world, capsys)

    assert (opened["decision"], opened["groups"]["in_place"]) == ("changed", 4)
    assert len(opened["groups"]["added"]) == 4
    assert "opened tcp 6379 from sg-nat in sg-cache" in opened["reasons"]
    assert len(opened["reasons"]) == 4
    assert passed(app, world, capsys)["decision"] == "kept"
    (lost,) = [r for r in world.group_rules.held.values() if r.opening.group_id == "sg-cache"]
    del world.group_rules.held[lost.rule_id]
    back = passed(app, world, capsys)
    assert back["decision"] == "repaired"
    assert back["reasons"] == ["somebody removed tcp 6379 from sg-nat in sg-cache, which came back"]
    assert [rule["vanished"] for rule in back["groups"]["added"]] == [True]
    stray = replace(lost, rule_id="sgr-99", opening=replace(lost.opening, group_id="sg-nat"))
    world.group_rules.held["sgr-99"] = stray
    gone = passed(app, world, capsys)
    assert gone["decision"] == "changed"
    assert [rule["rule"] for rule in gone["groups"]["removed"]] == ["sgr-99"]
    assert gone["reasons"] == [
        "somebody edited or tagged sgr-99 (tcp 6379 from sg-nat in sg-nat), which was removed"
    ]
    nobody = replace(world.settings.policy, sources=())
    world.settings = replace(world.settings, policy=nobody)
    rewire(app, world)
    assert (
        "closed tcp 6379 from 203.0.113.0/24 in sg-nat, which nothing needs any more"
        in passed(app, world, capsys)["reasons"]
    )


def test_problems_of_groups_are_among_the_problems_of_the_line(
    app: Any, world: FakeWorld, capsys: Capture
) -> None:
    add_guarded_cluster(world, "cart", "10.0.1.5")
    manage_groups(world)
    world.group_rules.refused["sg-cache"] = RuleRefusedError("sg-cache is not open: AccessDenied")
    rewire(app, world)

    line = passed(app, world, capsys)

    assert [(p["cache"], p["code"], p["forwarded"]) for p in line["problems"]] == [
        (STACK, "rule_refused", True)
    ]
    assert line["problems"][0]["message"] == "sg-cache is not open: AccessDenied"


def test_packets_that_ec2_dropped_are_a_reason(app: Any, world: FakeWorld, capsys: Capture) -> None:
    world.gateways.report = {"allowances": {"conntrack_allowance_exceeded": 2}}
    assert not any("EC2" in reason for reason in passed(app, world, capsys)["reasons"])
    world.gateways.report = {"allowances": {"conntrack_allowance_exceeded": 5}}

    (reason,) = passed(app, world, capsys)["reasons"]

    assert reason.startswith("EC2 dropped 3 packets since the last report: ")


def test_a_line_takes_a_hundred_rules(app: Any, world: FakeWorld, capsys: Capture) -> None:
    many = tuple(IPv4Network(f"198.51.{n}.0/24") for n in range(150))
    policy = replace(world.settings.policy, sources=many, rules_per_group=1000)
    world.settings = replace(world.settings, policy=policy)
    add_guarded_cluster(world, "cart", "10.0.1.5")
    manage_groups(world)
    rewire(app, world)

    groups = passed(app, world, capsys)["groups"]

    assert len(groups["added"]) == 100
    assert groups["added_left_out"] == 153 - 100
    assert groups["in_place"] == 153
