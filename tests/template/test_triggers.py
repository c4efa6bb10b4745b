"""What the template promises of its triggers; tests/system sends real ones through it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import botocore.session
import pytest

from cachegate.domain.cache import NAT_TAG
from local.event_pattern import matches
from tests.template.parsed import RESOURCES, properties
from tests.template.resolved import RESOLVED, Deployment

RULES = sorted(name for name, each in RESOURCES.items() if each["Type"] == "AWS::Events::Rule")
QUEUES = sorted(name for name, each in RESOURCES.items() if each["Type"] == "AWS::SQS::Queue")
GUARD = sorted(name for name in RULES if name.startswith("Guard"))
EVENTS = Path(__file__).parents[2] / "events"
UNDELIVERED = {"Fn::GetAtt": "UndeliveredQueue.Arn"}


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_sends_to_its_functions_queue_and_else_to_the_undelivered_ones(rule: str) -> None:
    (target,) = properties(rule)["Targets"]

    queue = "GuardQueue" if rule in GUARD else "SyncQueue"
    assert target["Arn"] == {"Fn::GetAtt": f"{queue}.Arn"}
    assert target["Id"] == queue
    assert target["DeadLetterConfig"] == {"Arn": UNDELIVERED}
    assert properties(rule).get("State", "ENABLED") == "ENABLED"


def test_the_topic_sends_to_the_same_queues_in_its_envelope() -> None:
    subscription = properties("NotificationsToQueue")

    assert subscription["TopicArn"] == {"Ref": "NotificationTopic"}
    assert subscription["Endpoint"] == {"Fn::GetAtt": "SyncQueue.Arn"}
    assert subscription["RedrivePolicy"] == {"deadLetterTargetArn": UNDELIVERED}
    assert subscription["RawMessageDelivery"] is False


def test_elasticache_can_publish_to_the_topic() -> None:
    """It lets go of an encrypted topic, and of one without AWS:SourceOwner."""
    (statement,) = properties("NotificationTopicPolicy")["PolicyDocument"]["Statement"]

    assert "Properties" not in RESOURCES["NotificationTopic"]
    assert properties("NotificationTopicPolicy")["Topics"] == [{"Ref": "NotificationTopic"}]
    assert statement["Action"] == "sns:Publish"
    assert statement["Resource"] == {"Ref": "NotificationTopic"}
    assert statement["Condition"] == {
        "StringEquals": {"AWS:SourceOwner": {"Ref": "AWS::AccountId"}}
    }


def test_people_are_told_by_another_topic_than_caches_tell_us() -> None:
    alarms = [each for each in RESOURCES.values() if each["Type"] == "AWS::CloudWatch::Alarm"]

    told = [topic for each in alarms for topic in each["Properties"]["AlarmActions"]]
    assert told
    assert {"Ref": "NotificationTopic"} not in told


@pytest.mark.parametrize("queue", QUEUES)
def test_no_queue_is_under_a_key_that_rules_and_topics_cannot_use(queue: str) -> None:
    assert properties(queue)["SqsManagedSseEnabled"] is True
    assert "KmsMasterKeyId" not in properties(queue)


@pytest.mark.parametrize(
    ("rule", "service"),
    [
        ("ApiCalls", "elasticache"),
        ("GuardCacheCalls", "elasticache"),
        ("GuardEc2Calls", "ec2"),
        ("GuardTagCalls", "ec2"),
    ],
)
def test_the_calls_that_are_heard_exist_and_change_something(rule: str, service: str) -> None:
    pattern = properties(rule)["EventPattern"]
    named = pattern["detail"]["eventName"]
    operations = botocore.session.get_session().get_service_model(service)

    assert pattern["source"] == [f"aws.{service}"]
    assert pattern["detail"]["eventSource"] == [f"{service}.amazonaws.com"]

    assert set(named) <= set(operations.operation_names)
    assert len(named) == len(set(named))
    assert not [name for name in named if name.startswith(("Describe", "List", "Get"))]


def test_the_tag_that_is_heard_is_the_one_that_makes_an_instance_a_nat_instance() -> None:
    assert properties("InstanceTags")["EventPattern"]["detail"]["changed-tag-keys"] == [NAT_TAG]


CREATE = {"NatInstances": "create", "NatVpc": "vpc-0a1b2c3d", "NatSubnet": "subnet-0a1b2c3d"}
ALARM = "arn:aws:cloudwatch:eu-central-1:123456789012:alarm:"


def alarm(name: str, state: str = "ALARM") -> dict[str, Any]:
    """Return what CloudWatch says of an alarm with this name."""
    event: dict[str, Any] = json.loads((EVENTS / "instance-alarm.json").read_text())
    event["resources"] = [ALARM + name]
    event["detail"]["state"]["value"] = state
    return event


@pytest.mark.parametrize("logical_id", ["NatStatusOneAlarm", "NatStatusTwoAlarm"])
def test_status_checks_of_nat_instances_that_fail_are_heard(logical_id: str) -> None:
    dimension = RESOLVED[logical_id]["Properties"]["Dimensions"][0]

    assert heard_by(alarm(f"cachegate-{logical_id}-1A2B")) == ["NatAlarms"]
    assert dimension["Name"] == "AutoScalingGroupName"
    assert RESOLVED[dimension["Value"]]["Type"] == "AWS::AutoScaling::AutoScalingGroup"


@pytest.mark.parametrize(
    "event",
    [
        alarm("cachegate-NatStatusOneAlarm-1A2B", "OK"),
        alarm("cachegate-NatStatusOneAlarm-1A2B", "INSUFFICIENT_DATA"),
        alarm("another-NatStatusOneAlarm-1A2B"),
        alarm("cachegate-HolderAlarm-1A2B"),  # a pass raised it itself
    ],
)
def test_no_other_alarm_is_heard(event: dict[str, Any]) -> None:
    assert heard_by(event) == []


@pytest.mark.parametrize(
    ("chosen", "rate"),
    [
        ({}, "rate(5 minutes)"),
        ({"ManageSecurityGroups": "true"}, "rate(5 minutes)"),
        (CREATE, "rate(1 minute)"),
        ({"ElasticIp": "eipalloc-0a1b2c3d", "NatVpc": "vpc-0a1b2c3d"}, "rate(1 minute)"),
    ],
)
def test_where_an_address_is_held_the_schedule_looks_each_minute(
    chosen: dict[str, str], rate: str
) -> None:
    resources = Deployment.of(**chosen).resources()

    assert resources["Schedule"]["Properties"]["ScheduleExpression"] == rate


def test_calls_are_heard_by_one_rule_only() -> None:
    trail = properties("ApiCalls")["EventPattern"]["detail-type"]

    assert properties("CacheEvents")["EventPattern"]["detail-type"] == [{"anything-but": trail}]


CASES = {
    "authorize-ingress": ["GuardEc2Calls"],
    "authorize-ingress-flat": ["GuardEc2Calls"],
    "delete-exemption": ["GuardTagCalls"],
    "failed-call": [],
    "modify-cache-cluster": ["ApiCalls", "GuardCacheCalls"],  # the NAT instance's port may change
    "modify-prefix-list": ["GuardEc2Calls"],
    "modify-rules": ["GuardEc2Calls"],
    "own-authorize": ["GuardEc2Calls"],  # the function ignores it
    "run-instances": ["GuardEc2Calls"],
}


def heard_by(event: dict[str, Any]) -> list[str]:
    """Return the rules that take an event."""
    patterns = {rule: RESOLVED[rule]["Properties"].get("EventPattern") for rule in RULES}
    return [rule for rule, pattern in patterns.items() if pattern and matches(pattern, event)]


def guard_event(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((EVENTS / "guard" / f"{name}.json").read_text())
    return found


def test_each_event_of_the_guard_has_its_case() -> None:
    assert sorted(path.stem for path in (EVENTS / "guard").iterdir()) == sorted(CASES)


@pytest.mark.parametrize("name", CASES)
def test_an_event_of_the_guard_is_heard_by_these_rules_and_no_other(name: str) -> None:
    assert heard_by(guard_event(name)) == CASES[name]


@pytest.mark.parametrize("path", sorted(EVENTS.glob("*.json")), ids=lambda path: path.stem)
def test_of_the_sync_s_events_the_guard_hears_those_that_may_give_a_cache_groups(
    path: Path,
) -> None:
    heard = set(heard_by(json.loads(path.read_text())))

    assert heard & set(GUARD) == (
        {"GuardCacheCalls"} if path.stem == "api-call-modify-cache-cluster" else set()
    )


@pytest.mark.parametrize("resource", ["i-0123456789abcdef0", "sg-0123456789abcdef0"])
def test_tags_of_anything_but_rules_are_not_heard(resource: str) -> None:
    event = guard_event("delete-exemption")
    items = event["detail"]["requestParameters"]["resourcesSet"]["items"]

    items[:] = [{"resourceId": resource}]
    assert heard_by(event) == []
    items.append({"resourceId": "sgr-0123456789abcdef0"})  # one of several is enough
    assert heard_by(event) == ["GuardTagCalls"]


@pytest.mark.parametrize(
    "call", ["RevokeSecurityGroupIngress", "AuthorizeSecurityGroupEgress", "TerminateInstances"]
)
def test_a_call_that_makes_no_ingress_wider_is_not_heard(call: str) -> None:
    event = guard_event("authorize-ingress")

    event["detail"]["eventName"] = call
    assert heard_by(event) == []


@pytest.mark.parametrize(
    ("service", "call"),
    [
        *(
            ("ec2", call)
            for call in (
                "AuthorizeSecurityGroupIngress",
                "ModifySecurityGroupRules",
                "ModifyManagedPrefixList",
                "RestoreManagedPrefixListVersion",
                "RunInstances",
                "CreateNetworkInterface",
                "AttachNetworkInterface",
                "ModifyNetworkInterfaceAttribute",
                "ModifyInstanceAttribute",
                "AssociateAddress",
                "AssociateSecurityGroupVpc",
            )
        ),
        *(
            ("elasticache", call)
            for call in (
                "CreateCacheCluster",
                "ModifyCacheCluster",
                "CreateReplicationGroup",
                "ModifyReplicationGroup",
                "CreateServerlessCache",
                "ModifyServerlessCache",
            )
        ),
    ],
)
def test_each_call_that_may_make_a_rule_dangerous_is_heard(service: str, call: str) -> None:
    event = guard_event("authorize-ingress")
    event["source"] = f"aws.{service}"
    event["detail"] |= {"eventSource": f"{service}.amazonaws.com", "eventName": call}

    assert set(heard_by(event)) & set(GUARD)

    event["detail"]["errorCode"] = "Client.UnauthorizedOperation"
    assert not set(heard_by(event)) & set(GUARD)
