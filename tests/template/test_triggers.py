"""What the template promises of its triggers; tests/system sends real ones through it."""

from __future__ import annotations

import boto3
import pytest

from cachegate.domain.cache import NAT_TAG
from tests.template.parsed import RESOURCES, properties

RULES = sorted(name for name, each in RESOURCES.items() if each["Type"] == "AWS::Events::Rule")
QUEUES = sorted(name for name, each in RESOURCES.items() if each["Type"] == "AWS::SQS::Queue")
UNDELIVERED = {"Fn::GetAtt": "UndeliveredQueue.Arn"}


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_sends_to_the_one_queue_and_else_to_the_undelivered_ones(rule: str) -> None:
    (target,) = properties(rule)["Targets"]

    assert target["Arn"] == {"Fn::GetAtt": "SyncQueue.Arn"}
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


def test_the_calls_that_are_heard_exist_and_change_something() -> None:
    named = properties("ApiCalls")["EventPattern"]["detail"]["eventName"]
    operations = boto3.client("elasticache", region_name="us-east-1").meta.service_model

    assert set(named) <= set(operations.operation_names)
    assert len(named) == len(set(named))
    assert not [name for name in named if name.startswith(("Describe", "List", "Get"))]


def test_the_tag_that_is_heard_is_the_one_that_makes_an_instance_a_nat_instance() -> None:
    assert properties("InstanceTags")["EventPattern"]["detail"]["changed-tag-keys"] == [NAT_TAG]


def test_calls_are_heard_by_one_rule_only() -> None:
    trail = properties("ApiCalls")["EventPattern"]["detail-type"]

    assert properties("CacheEvents")["EventPattern"]["detail-type"] == [{"anything-but": trail}]
