"""The entry point: who called is told apart, and a failed pass comes back in seconds."""

from __future__ import annotations

import json
from dataclasses import replace
from ipaddress import IPv4Address
from typing import TYPE_CHECKING, Any

import pytest

from cachegate.domain.address import ElasticIp
from cachegate.domain.agent import Reply
from cachegate.domain.cache import Notified
from cachegate.errors import ConfigurationError, RuleRefusedError
from cachegate.metrics import Metric
from cachegate.protocols import Heartbeat
from cachegate.retry import RECEIVES
from tests.function import CONTEXT
from tests.unit.passes.entry import batch, counted, logged, printed, recheck
from tests.unit.passes.fakes import NAT, TOPIC, VPC

if TYPE_CHECKING:
    from tests.unit.passes.fakes import FakeWorld


def test_a_batch_of_triggers_is_one_pass(app: Any, world: FakeWorld) -> None:
    world.add_cluster("cart", "10.0.1.5")

    answer = app.handler(batch(world, "a", "b", "c"), CONTEXT)

    assert answer == {"batchItemFailures": []}
    assert [action for _, action in world.gateways.calls] == ["inspect", "apply"]
    assert world.rechecks.retried == []


def test_a_failed_pass_hands_back_one_message_for_a_retry_in_seconds(
    app: Any, world: FakeWorld
) -> None:
    app.handler(batch(world, "a"), CONTEXT)
    world.gateways.failing[NAT] = Reply(instance_id=NAT, failure="timed out")

    answer = app.handler(batch(world, "b", "c"), CONTEXT)

    assert answer == {"batchItemFailures": [{"itemIdentifier": "b"}]}
    assert world.rechecks.retried == [("receipt-b", 10.0)]


def test_an_unexpected_error_is_raised_and_one_message_comes_back_in_seconds(
    app: Any, world: FakeWorld, capsys: pytest.CaptureFixture[str]
) -> None:
    world.network.nat_instances = None  # type: ignore[assignment, method-assign]

    with pytest.raises(TypeError):
        app.handler(batch(world, "a", "b"), CONTEXT)

    assert world.rechecks.retried == [("receipt-a", 10.0)]
    (line,) = logged(capsys, "the pass broke off")
    assert (line["level"], line["correlation_id"], line["messages"]) == ("ERROR", "a", ["a"])
    assert "TypeError" in line["exception"]


def test_an_unexpected_error_of_rechecks_brings_each_of_them_back(
    app: Any, world: FakeWorld
) -> None:
    world.network.nat_instances = None  # type: ignore[assignment, method-assign]
    live = Heartbeat(token="live")  # noqa: S106
    world.ledgers.heartbeats = {VPC: live, "vpc-2": live}
    records = [recheck(world, "1", VPC), recheck(world, "2", "vpc-2")]

    with pytest.raises(TypeError):
        app.handler({"Records": records}, CONTEXT)

    assert [receipt for receipt, _ in world.rechecks.retried] == ["receipt-1", "receipt-2"]


@pytest.mark.parametrize(("receives", "delay"), [(1, 10.0), (2, 30.0), (3, 90.0), (4, 0.0)])
def test_each_retry_waits_longer_and_the_last_receive_waits_for_nothing(
    app: Any, world: FakeWorld, receives: int, delay: float
) -> None:
    world.gateways.failing[NAT] = Reply(instance_id=NAT, failure="timed out")
    message = batch(world, "a")
    message["Records"][0]["attributes"]["ApproximateReceiveCount"] = str(receives)

    app.handler(message, CONTEXT)

    assert world.rechecks.retried == [("receipt-a", delay)]


@pytest.mark.parametrize("known", [True, False], ids=["known", "no ledger yet"])
def test_an_instance_that_stays_offline_fails_no_pass_and_fills_no_queue(
    app: Any, world: FakeWorld, capsys: pytest.CaptureFixture[str], *, known: bool
) -> None:
    if known:
        app.handler(batch(world, "first"), CONTEXT)
    before = len(world.rechecks.sent)
    world.gateways.failing[NAT] = Reply(instance_id=NAT, failure="no agent", unreached=True)
    capsys.readouterr()

    for number in range(40):  # more than the chain of re-checks has links
        messages = batch(world, f"schedule-{number}")["Records"]
        if world.ledgers.heartbeat(VPC).token:
            messages.append(recheck(world, f"again-{number}", VPC))
        assert app.handler({"Records": messages}, CONTEXT) == {"batchItemFailures": []}
        world.now += 300

    assert world.rechecks.retried == []
    assert len(world.rechecks.sent) - before <= world.settings.most_rechecks
    # An alarm tells once as long as its metric does not come and go.
    offline = [m["NatInstancesOffline"] for m in counted(capsys) if "NatInstancesOffline" in m]
    assert offline == [[1.0]] * 40


def test_needless_triggers_end_without_a_pass(app: Any, world: FakeWorld) -> None:
    app.handler(batch(world, "a"), CONTEXT)
    late = batch(world, "b")
    world.now += 1000
    app.handler(batch(world, "c"), CONTEXT)
    before = len(world.gateways.calls)

    assert app.handler(late, CONTEXT) == {"batchItemFailures": []}
    assert len(world.gateways.calls) == before


def test_a_direct_invocation_gets_its_answer(app: Any) -> None:
    assert app.handler({"action": "describe"}, CONTEXT)["ok"]
    assert not app.handler({"hello": 1}, CONTEXT)["ok"]


def stack_event(request: str) -> dict[str, Any]:
    return {"RequestType": request, "ResponseURL": "https://example.com/answer"}


@pytest.mark.parametrize("request_type", ["Create", "Update"])
def test_a_new_stack_asks_for_a_pass_and_is_not_overdue_before_it(
    app: Any, world: FakeWorld, capsys: pytest.CaptureFixture[str], request_type: str
) -> None:
    app.handler(stack_event(request_type), CONTEXT)

    assert len(world.rechecks.asked) == 1
    (line,) = counted(capsys)
    assert (line["VerifiedAge"], line["FindingsOpen"]) == ([0.0], [0.0])
    assert app.answers == [(request_type, None)]


def test_a_deleted_stack_takes_its_agents_off(app: Any, world: FakeWorld) -> None:
    app.handler(batch(world, "a"), CONTEXT)

    app.handler(stack_event("Delete"), CONTEXT)

    assert world.gateways.held == {}
    assert app.answers == [("Delete", None)]


def test_a_stack_can_be_deleted_also_where_detaching_breaks(app: Any, world: FakeWorld) -> None:
    world.network.nat_instances = None  # type: ignore[assignment, method-assign]

    with pytest.raises(TypeError):
        app.handler(stack_event("Delete"), CONTEXT)

    assert app.answers == [("Delete", None)]


def deleted(
    app: Any, world: FakeWorld, monkeypatch: pytest.MonkeyPatch, **settings: Any
) -> FakeWorld:
    """Delete a stack with a managed rule, which has an Elastic IP, set up as told."""
    world.addresses.addresses["eipalloc-1"] = ElasticIp(
        allocation_id="eipalloc-1", address=IPv4Address("203.0.113.73")
    )
    world.manage_groups()
    world.settings = replace(world.settings, **settings)
    monkeypatch.setattr(app, "wired", app.Wired(world.adapters, world.settings))
    app.handler(batch(world, "a"), CONTEXT)
    assert world.group_rules.held
    app.handler(stack_event("Delete"), CONTEXT)
    return world


def test_a_deleted_stack_takes_its_rules_away_and_keeps_its_address(
    app: Any, world: FakeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    deleted(app, world, monkeypatch, address="eipalloc-1", address_vpc=VPC)

    assert world.group_rules.held == {}
    assert set(world.addresses.addresses) == {"eipalloc-1"}
    assert app.answers == [("Delete", None)]


def test_a_deleted_stack_gives_its_address_back_where_that_was_asked_for(
    app: Any, world: FakeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: dict[str, Any] = {"address": "eipalloc-1", "release_address": True}

    deleted(app, world, monkeypatch, address_vpc=VPC, **asked)

    assert world.addresses.addresses == {}


def test_a_deleted_stack_without_an_address_gives_none_back(
    app: Any, world: FakeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.addresses.release = None  # type: ignore[assignment, method-assign]

    deleted(app, world, monkeypatch, release_address=True)

    assert app.answers == [("Delete", None)]


@pytest.mark.parametrize(
    ("former", "now", "stay"),
    [("true", False, False), ("true", True, True), ("false", False, True), (None, False, True)],
)
def test_an_update_that_turns_the_management_of_groups_off_takes_the_rules_away(
    app: Any,
    world: FakeWorld,
    monkeypatch: pytest.MonkeyPatch,
    *,
    former: str | None,
    now: bool,
    stay: bool,
) -> None:
    world.manage_groups()
    monkeypatch.setattr(app, "wired", app.Wired(world.adapters, world.settings))
    app.handler(batch(world, "a"), CONTEXT)
    assert world.group_rules.held
    settings = replace(world.settings, manage_groups=now)
    monkeypatch.setattr(app, "wired", app.Wired(world.adapters, settings))
    properties = {} if former is None else {"ManageGroups": former}

    app.handler(stack_event("Update") | {"OldResourceProperties": properties}, CONTEXT)

    assert bool(world.group_rules.held) == stay
    assert app.answers == [("Update", None)]


def test_rules_that_were_given_up_are_not_missed_when_groups_are_managed_again(
    app: Any, world: FakeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.manage_groups()
    for managed in (True, False):
        settings = replace(world.settings, manage_groups=managed)
        monkeypatch.setattr(app, "wired", app.Wired(world.adapters, settings))
        app.handler(batch(world, str(managed)), CONTEXT)
        world.now += 100

    record = world.ledgers.load(VPC)

    assert record is not None
    assert record.ledger.openings == ()


def test_what_a_deleted_stack_leaves_behind_is_logged_as_an_error(
    app: Any,
    world: FakeWorld,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def refuse(_: Any) -> None:
        raise RuleRefusedError("may still be there: denied")

    monkeypatch.setattr(world.group_rules, "close", refuse)
    monkeypatch.setattr(world.addresses, "release", refuse)
    asked: dict[str, Any] = {"address": "eipalloc-1", "release_address": True}

    deleted(app, world, monkeypatch, address_vpc=VPC, **asked)

    lines = {line["message"]: line for line in printed(capsys) if "message" in line}
    assert lines["stack deletion"]["level"] == "ERROR"
    assert lines["stack deletion"]["detached"]["rules_still_there"] == [
        "may still be there: denied"
    ]
    assert lines["address not given back"]["level"] == "ERROR"
    assert "denied" in lines["address not given back"]["exception"]
    assert app.answers == [("Delete", None)]


def test_an_agent_that_stays_does_not_keep_rules_of_a_deleted_stack(
    app: Any, world: FakeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.add_instance("i-stopped", VPC, state="stopped")

    deleted(app, world, monkeypatch)

    assert world.group_rules.held == {}


def test_the_address_is_given_back_also_where_detaching_breaks(
    app: Any, world: FakeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[str] = []
    monkeypatch.setattr(world.addresses, "release", given.append)
    monkeypatch.setattr(world.group_rules, "close", None)
    asked: dict[str, Any] = {"address": "eipalloc-1", "release_address": True}

    with pytest.raises(TypeError):
        deleted(app, world, monkeypatch, address_vpc=VPC, **asked)

    assert given == ["eipalloc-1"]
    assert app.answers == [("Delete", None)]


def test_a_wrong_setting_fails_the_deployment_with_its_sentence_and_never_a_deletion(
    app: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app, "wired", ConfigurationError("no such port range: 9-1"))

    for request in ("Create", "Update", "Delete"):
        app.handler(stack_event(request), CONTEXT)

    assert app.answers == [
        ("Create", "no such port range: 9-1"),
        ("Update", "no such port range: 9-1"),
        ("Delete", None),
    ]
    with pytest.raises(ConfigurationError):
        app.handler({"action": "sync"}, CONTEXT)


def test_a_wrong_setting_is_kept_at_init(app: Any) -> None:
    with pytest.raises(ConfigurationError, match="CACHEGATE_STACK"):
        app.wire({})


def test_a_recheck_that_fails_is_tried_again_until_it_is_given_up(
    app: Any, world: FakeWorld
) -> None:
    world.add_cluster("cart", "10.0.1.5")
    world.gateways.report = {"unreachable": [6379]}  # so that there is a chain of re-checks
    app.handler(batch(world, "a"), CONTEXT)
    message = {"Records": [recheck(world, "again", VPC)]}
    world.gateways.failing[NAT] = Reply(instance_id=NAT, failure="timed out")

    for _ in range(RECEIVES):  # receives of the same message, then it is in the dead-letter queue
        answer = app.handler(message, CONTEXT)
        assert answer == {"batchItemFailures": [{"itemIdentifier": "again"}]}
    assert len(world.rechecks.sent) == 1  # the message that comes back is the chain


def test_each_vpc_that_fails_in_a_batch_of_rechecks_is_tried_again(
    app: Any, world: FakeWorld
) -> None:
    world.add_vpc("vpc-2", "10.1.0.0/16")
    world.add_instance("i-second", "vpc-2")
    world.gateways.report = {"unreachable": [6379]}
    app.handler(batch(world, "a"), CONTEXT)
    world.gateways.failing = {i: Reply(instance_id=i, failure="lost") for i in (NAT, "i-second")}

    messages = [recheck(world, "1", VPC), recheck(world, "2", "vpc-2")]
    answer = app.handler({"Records": messages}, CONTEXT)

    assert answer["batchItemFailures"] == [{"itemIdentifier": "1"}, {"itemIdentifier": "2"}]


def test_of_a_mixed_batch_the_message_comes_back_that_asks_for_everything(
    app: Any, world: FakeWorld
) -> None:
    world.gateways.report = {"unreachable": [6379]}
    app.handler(batch(world, "a"), CONTEXT)
    world.gateways.failing[NAT] = Reply(instance_id=NAT, failure="timed out")
    late = batch(world, "late")["Records"]
    again = recheck(world, "again", VPC)
    world.now += 300

    answer = app.handler({"Records": [again, *late, *batch(world, "b")["Records"]]}, CONTEXT)

    assert answer["batchItemFailures"] == [{"itemIdentifier": "b"}]


def test_an_idle_vpc_raises_no_alarm_by_its_age(
    app: Any, world: FakeWorld, capsys: pytest.CaptureFixture[str]
) -> None:
    world.add_instance(NAT, VPC, state="stopped")

    app.handler(batch(world, "a"), CONTEXT)

    (age,) = [line["VerifiedAge"] for line in counted(capsys) if "VerifiedAge" in line]
    assert age == [0.0]


def test_a_cache_at_our_inactive_topic_is_counted(
    app: Any, world: FakeWorld, capsys: pytest.CaptureFixture[str]
) -> None:
    world.add_cluster("cart", "10.0.1.5")
    world.add_cluster("users", "10.0.1.6")
    for name, active in (("cart", True), ("users", False)):
        told = Notified(cluster_id=name, status="available", topic=TOPIC, topic_active=active)
        cache = world.inventory.caches[name]
        world.inventory.caches[name] = replace(cache, notified=(told,))

    app.handler(batch(world, "a"), CONTEXT)

    inactive = [line[Metric.TOPICS_INACTIVE] for line in counted(capsys) if "Forwards" in line]
    assert inactive == [[1.0]]


def test_of_a_failed_batch_the_message_comes_back_that_announced_a_change(
    app: Any, world: FakeWorld
) -> None:
    (announcing,) = batch(world, "announces")["Records"]
    announcing["body"] = json.dumps({"ElastiCache:CacheNodeReplaceComplete": "cart"})
    world.now += 1
    (schedule,) = batch(world, "schedule")["Records"]
    world.gateways.failing[NAT] = Reply(instance_id=NAT, failure="timed out")

    answer = app.handler({"Records": [announcing, schedule]}, CONTEXT)

    assert answer["batchItemFailures"] == [{"itemIdentifier": "announces"}]
