"""What AWS is asked about topics and caches, word for word, and what becomes of its answers."""

from __future__ import annotations

from typing import Any

import boto3
import pytest
from botocore.exceptions import ConnectTimeoutError, ParamValidationError
from botocore.stub import Stubber

from cachegate.aws.notifications import CacheNotifications
from cachegate.domain.cache import CacheKind, Evidence
from tests.unit.aws.fake_client import failing, fake_client

OURS = "arn:aws:sns:eu-west-1:123456789012:ours"
OTHER = "arn:aws:sns:eu-west-1:123456789012:other"
TOPIC = {"NotificationTopicArn": OURS, "NotificationTopicStatus": "active"}


def client(service: Any) -> Any:
    made: Any = boto3.client(service, region_name="eu-west-1", aws_access_key_id="none",
                             aws_secret_access_key="none")  # noqa: S106  # fmt: skip
    return made


@pytest.mark.parametrize(
    ("error", "evidence"),
    [
        (None, Evidence.PRESENT),
        ("NotFound", Evidence.ABSENT),
        ("AuthorizationError", Evidence.UNKNOWN),
        ("InvalidParameter", Evidence.UNKNOWN),
        ("InternalError", Evidence.UNKNOWN),
        ("Throttling", Evidence.UNKNOWN),
    ],
)
def test_only_what_aws_calls_not_found_is_absent(error: str | None, evidence: Evidence) -> None:
    sns = client("sns")
    with Stubber(sns) as stubber:
        if error is None:
            stubber.add_response("get_topic_attributes", {"Attributes": {}}, {"TopicArn": OTHER})
        else:
            for _ in range(5):  # botocore tries some of them again
                stubber.add_client_error("get_topic_attributes", error)

        found = CacheNotifications(client("elasticache"), sns, OURS).existing([OTHER])

    assert found[OTHER].evidence is evidence
    assert (error or "") in found[OTHER].reason or evidence is Evidence.ABSENT


@pytest.mark.parametrize(
    "topic",
    [
        "arn:aws:sns:eu-central-1:123456789012:other",
        "arn:aws:sns:eu-west-1:210987654321:other",
        "arn:aws-cn:sns:eu-west-1:123456789012:other",
    ],
)
def test_a_topic_elsewhere_is_unknown_without_a_question(topic: str) -> None:
    calls: list[Any] = []
    sns = fake_client("sns", {}, calls)

    found = CacheNotifications(client("elasticache"), sns, OURS).existing([topic])

    assert found[topic].evidence is Evidence.UNKNOWN
    assert "another account or Region" in found[topic].reason
    assert calls == []


def test_no_answer_leaves_a_topic_unknown() -> None:
    timeout = ConnectTimeoutError(endpoint_url="https://sns")
    sns = fake_client("sns", {"GetTopicAttributes": failing(timeout)})

    found = CacheNotifications(client("elasticache"), sns, OURS).existing([OTHER])

    assert found[OTHER].evidence is Evidence.UNKNOWN
    assert "https://sns" in found[OTHER].reason


@pytest.mark.parametrize(
    ("kind", "operation", "parameters"),
    [
        (
            CacheKind.REPLICATION_GROUP,
            "modify_replication_group",
            {"ReplicationGroupId": "sessions", **TOPIC},
        ),
        (CacheKind.CLUSTER, "modify_cache_cluster", {"CacheClusterId": "sessions", **TOPIC}),
    ],
)
def test_a_request_carries_the_topic_and_nothing_else(
    kind: CacheKind, operation: str, parameters: dict[str, str]
) -> None:
    elasticache = client("elasticache")
    with Stubber(elasticache) as stubber:
        stubber.add_response(operation, {}, parameters)

        assert CacheNotifications(elasticache, client("sns"), OURS).enrol(kind, "sessions") is None

        stubber.assert_no_pending_responses()


@pytest.mark.parametrize(
    "code", ["InvalidReplicationGroupState", "AccessDenied", "InvalidParameterValue"]
)
def test_a_refusal_is_told_in_the_words_of_aws(code: str) -> None:
    elasticache = client("elasticache")
    with Stubber(elasticache) as stubber:
        stubber.add_client_error("modify_replication_group", code, "as told by the test")

        told = CacheNotifications(elasticache, client("sns"), OURS).enrol(
            CacheKind.REPLICATION_GROUP, "sessions"
        )

    assert told == f"ModifyReplicationGroup: {code}: as told by the test"


def test_a_mistake_of_ours_is_raised() -> None:
    with pytest.raises(ParamValidationError):
        CacheNotifications(client("elasticache"), client("sns"), OURS).enrol(
            CacheKind.CLUSTER,
            None,  # type: ignore[arg-type]
        )
