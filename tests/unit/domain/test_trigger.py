"""What a body is taken for: every known form, and anything else without an error."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cachegate.domain.body import LONGEST_WORD
from cachegate.domain.trigger import Cause, CauseKind, read

EVENTS = Path(__file__).parents[3] / "events"
NOON = 1795348800.0  # 2026-11-22T12:00:00Z
N, C = CauseKind.NOTIFICATION, CauseKind.CACHE_EVENT


def envelope(message: object) -> dict[str, Any]:
    """Return what SNS puts around a message."""
    return {
        "Type": "Notification",
        "MessageId": "m-1",
        "TopicArn": "arn:aws:sns:us-east-1:123456789012:topic",
        "Message": message if isinstance(message, str) else json.dumps(message),
        "Timestamp": "2026-11-22T12:00:00.000Z",
    }


def event(source: str, detail_type: str, detail: object = None, **more: Any) -> dict[str, Any]:
    """Return an event of EventBridge."""
    return {
        "id": "e-1",
        "source": source,
        "detail-type": detail_type,
        "time": "2026-11-22T12:00:00Z",
        "detail": {} if detail is None else detail,
        **more,
    }


OLDER = {
    "Date": "2026-11-22T12:00:00.000Z",
    "Message": "Cache cluster created",
    "SourceIdentifier": "pages",
    "SourceType": "cache-cluster",
}


@pytest.mark.parametrize(
    ("message", "name", "subject"),
    [
        ({"ElastiCache:FailoverComplete": "sessions"}, "FailoverComplete", "sessions"),
        ({"Elasticache:CacheNodeReplaceComplete": "s-1"}, "CacheNodeReplaceComplete", "s-1"),
        ({"ELASTICACHE:FAILOVERCOMPLETE": "sessions"}, "FAILOVERCOMPLETE", "sessions"),
        ({"Cache Cluster ID": "x", "ElastiCache:A": "s", "n": 1}, "A", "s"),
        ({"ElastiCache:SnapshotComplete": "s", "ElastiCache:FailoverComplete": "s"},
         "FailoverComplete", "s"),
        ({"ElastiCache:FailoverComplete": None}, "FailoverComplete", ""),
        ({"ElastiCache:": "s"}, "", "s"),
        (OLDER, "Cache cluster created", "pages"),
        ({key.upper(): value for key, value in OLDER.items()}, "Cache cluster created", "pages"),
        (OLDER | {"more": [1]}, "Cache cluster created", "pages"),
        ("ElastiCache:AddCacheNodeComplete : pages", "AddCacheNodeComplete", "pages"),
        ("elasticache:addcachenodecomplete:pages\n", "addcachenodecomplete", "pages"),
        ("ElastiCache:CacheClusterProvisioningComplete s-0001-005",
         "CacheClusterProvisioningComplete", "s-0001-005"),
        ("CacheClusterScalingComplete : pages", "CacheClusterScalingComplete", "pages"),
        ("ElastiCache:CertificateRenewalComplete", "CertificateRenewalComplete", ""),
        ("Service update is available for cache node 1.",
         "Service update is available for cache node 1.", ""),
        ("", "", ""),
        ("[1, 2]", "[1, 2]", ""),
        ({"unknown": "form"}, '{"unknown": "form"}', ""),
        ({"recheck": "vpc-1", "token": "t"}, '{"recheck": "vpc-1", "token": "t"}', ""),
    ],
)  # fmt: skip
def test_a_notification_is_read_in_each_of_its_forms(
    message: object, name: str, subject: str
) -> None:
    cause = read(json.dumps(envelope(message)))

    assert cause == Cause(
        kind=N, name=name, subject=subject, happened_at=NOON, correlation_id="m-1"
    )


@pytest.mark.parametrize(
    ("body", "name", "subject"),
    [
        ('{"ElastiCache:FailoverComplete": "sessions"}', "FailoverComplete", "sessions"),
        (json.dumps(OLDER), "Cache cluster created", "pages"),
        ("ElastiCache:FailoverComplete : sessions", "FailoverComplete", "sessions"),
    ],
)
def test_a_notification_is_read_without_its_envelope_too(
    body: str, name: str, subject: str
) -> None:
    cause = read(body)

    assert (cause.kind, cause.name, cause.subject) == (N, name, subject)


TRAIL = "AWS API Call via CloudTrail"
STATE = "EC2 Instance State-change Notification"
COMMAND = "EC2 Command Invocation Status-change Notification"
TAGS = "Tag Change on Resource"
ALARM = "CloudWatch Alarm State Change"
ARN = "arn:aws:ec2:us-east-1:123456789012:instance/i-1"


@pytest.mark.parametrize(
    ("body", "kind", "name", "subject"),
    [
        (event("aws.elasticache", "Cache Updated", {"SourceIdentifier": "e"}),
         C, "Cache Updated", "e"),
        (event("aws.elasticache", "Cache Of The Future"), C, "Cache Of The Future", ""),
        (event("aws.elasticache", "Cache Updated", []), C, "Cache Updated", ""),
        (event("aws.elasticache", TRAIL,
               {"eventName": "X", "requestParameters": {"replicationGroupId": "s"}}),
         CauseKind.API_CALL, "X", "s"),
        (event("aws.elasticache", TRAIL, {"eventName": "X", "requestParameters": None}),
         CauseKind.API_CALL, "X", ""),
        (event("aws.elasticache", "Amazon API Call via CloudTrail", {"eventName": "X"}),
         CauseKind.API_CALL, "X", ""),
        (event("aws.ec2", STATE, {"instance-id": "i-1", "state": "running"}),
         CauseKind.INSTANCE_STATE, "running", "i-1"),
        (event("aws.ec2", STATE, {"state": "running"}),
         CauseKind.UNKNOWN, f"aws.ec2: {STATE}", ""),
        (event("aws.ssm", COMMAND, {"instance-id": "i-1", "status": "Failed"}),
         CauseKind.COMMAND_FAILED, "Failed", "i-1"),
        (event("aws.tag", TAGS, {"tags": {"cachegate:nat": "gate"}}, resources=[ARN]),
         CauseKind.INSTANCE_TAG, "gate", "i-1"),
        (event("aws.tag", TAGS, {"tags": {"Name": "x"}},
               resources=["arn:aws-cn:ec2:cn-north-1:123456789012:instance/i-1"]),
         CauseKind.INSTANCE_TAG, "", "i-1"),
        (event("aws.tag", TAGS, {"tags": ["cachegate:nat"]}, resources=[ARN]),
         CauseKind.INSTANCE_TAG, "", "i-1"),
        (event("aws.tag", TAGS, {"tags": {"cachegate:nat": "gate"}}),
         CauseKind.UNKNOWN, f"aws.tag: {TAGS}", ""),
        (event("aws.tag", TAGS, resources=[ARN, ARN]), CauseKind.UNKNOWN, f"aws.tag: {TAGS}", ""),
        (event("aws.tag", TAGS, resources=[7]), CauseKind.UNKNOWN, f"aws.tag: {TAGS}", ""),
        (event("aws.tag", TAGS, resources=[ARN.replace("ec2", "connect")]),
         CauseKind.UNKNOWN, f"aws.tag: {TAGS}", ""),
        (event("aws.tag", TAGS, resources=[ARN.replace("instance", "volume")]),
         CauseKind.UNKNOWN, f"aws.tag: {TAGS}", ""),
        (event("my.app", TAGS, resources=[ARN]), CauseKind.UNKNOWN, f"my.app: {TAGS}", ""),
        (event("aws.cloudwatch", ALARM, {"alarmName": "gate-a", "state": {"value": "ALARM"}}),
         CauseKind.INSTANCE_ALARM, "ALARM", "gate-a"),
        (event("aws.cloudwatch", ALARM), CauseKind.INSTANCE_ALARM, "", ""),
        (event("aws.cloudwatch", ALARM, {"alarmName": ["a"], "state": "ALARM"}),
         CauseKind.INSTANCE_ALARM, "", ""),
        (event("aws.cloudwatch", "Something Else", {"alarmName": "gate-a"}),
         CauseKind.UNKNOWN, "aws.cloudwatch: Something Else", ""),
        (event("my.app", ALARM), CauseKind.UNKNOWN, f"my.app: {ALARM}", ""),
        (event("aws.events", "Scheduled Event"), CauseKind.SCHEDULE, "Scheduled Event", ""),
        (event("my.app", "Something"), CauseKind.UNKNOWN, "my.app: Something", ""),
    ],
)  # fmt: skip
def test_an_event_is_told_by_its_source_and_detail_type(
    body: object, kind: CauseKind, name: str, subject: str
) -> None:
    cause = read(json.dumps(body))

    assert cause == Cause(
        kind=kind, name=name, subject=subject, happened_at=NOON, correlation_id="e-1"
    )


def test_a_call_happened_when_it_was_made() -> None:
    body = event("aws.elasticache", TRAIL, {"eventTime": "2026-11-22T11:59:00Z"})

    assert read(json.dumps(body)).happened_at == NOON - 60


@pytest.mark.parametrize(
    "time",
    [None, 7, "", "soon", "2026-13-01T00:00:00Z", "9999-12-31T23:59:59-23:59", "0001-01-01", {}],
)
def test_a_time_that_is_none_is_left_out_and_the_event_is_read(time: object) -> None:
    cause = read(json.dumps(event("aws.events", "Scheduled Event", time=time)))

    assert cause.kind is CauseKind.SCHEDULE


@pytest.mark.parametrize(
    ("body", "cause"),
    [
        ({"recheck": "vpc-0a1b", "token": "t"},
         Cause(kind=CauseKind.RECHECK, subject="vpc-0a1b", token="t", correlation_id="t")),  # noqa: S106
        ({"ask": "stack event Create"}, Cause(kind=CauseKind.ASK, name="stack event Create")),
    ],
)  # fmt: skip
def test_our_own_messages_are_known(body: object, cause: Cause) -> None:
    assert read(json.dumps(body)) == cause


@pytest.mark.parametrize(
    "body",
    [
        {"recheck": "vpc-0a1b"},
        {"recheck": "vpc-0a1b", "token": ""},
        {"recheck": "vpc-0a1b", "token": ["t"]},
        {"recheck": "", "token": "t"},
        {"recheck": "vpc-" + "a" * LONGEST_WORD + "/", "token": "t"},
        {"recheck": "vpc-\ud800", "token": "t"},
        {"recheck": "*", "token": "t"},
        {"recheck": 7, "token": "t"},
    ],
)
def test_what_only_looks_like_a_recheck_asks_for_a_look_at_everything(body: object) -> None:
    assert read(json.dumps(body)).kind is CauseKind.UNKNOWN


HOSTILE = {
    "empty": "",
    "no JSON": "{",
    "a number": "7",
    "a number beyond all": "1" * 10_000,
    "not a number": "NaN",
    "a list": "[]",
    "null": "null",
    "deeply nested": "[" * 200_000,
    "deeply nested in a message": json.dumps(envelope("[" * 200_000)),
    "deeply nested objects": '{"a":' * 100_000,
    "huge": json.dumps({"ElastiCache:" + "x" * 200_000: "y" * 50_000}),
    "huge text": "elasticache:" + " x:" * 80_000,
    "spaces": "ElastiCache:a" + " " * 250_000 + "b c",
    "a lone surrogate": '{"ElastiCache:\\ud800": "\\udfff"}',
    "twice the same key": '{"detail-type": "a", "detail-type": 7, "source": "b"}',
    "a message that is no text": json.dumps({"Type": "Notification", "Message": {"a": 1}}),
    "code": "ElastiCache:$(reboot) : `id`",
    "a line break for the log": json.dumps({"ElastiCache:a\nb": 'c"\r\n{"level":"INFO"}'}),
}


@pytest.mark.parametrize("body", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_body_is_read_short_and_is_nothing_of_ours(body: str) -> None:
    cause = read(body)

    assert cause.kind in {CauseKind.UNKNOWN, CauseKind.NOTIFICATION}
    words = (cause.name, cause.subject, cause.correlation_id, cause.token)
    assert all(len(word) <= LONGEST_WORD for word in words)


@pytest.mark.parametrize("path", sorted(EVENTS.glob("*.json")), ids=lambda path: path.stem)
def test_each_file_of_events_is_known(path: Path) -> None:
    cause = read(path.read_text())

    unknown = cause.kind is CauseKind.UNKNOWN
    assert unknown is path.stem.startswith("invoke-")  # no body of the queue
    assert unknown or (cause.happened_at is not None and cause.correlation_id)


IDLE = (
    "CacheClusterParametersChanged", "CertificateRenewalComplete", "SnapshotComplete",
    "SnapshotFailed", "ServiceUpdateAvailableForNode",
)  # fmt: skip


@pytest.mark.parametrize("name", [*IDLE, *(name.upper() for name in IDLE)])
def test_a_notification_that_moves_nothing_is_idle(name: str) -> None:
    assert read(json.dumps(envelope({f"ElastiCache:{name}": "sessions"}))).idle


@pytest.mark.parametrize(
    "body",
    [
        envelope({"ElastiCache:SnapshotCompleted": "sessions"}),
        envelope({"ElastiCache:NodeReplacementScheduled": "sessions"}),
        envelope({"ElastiCache:AddCacheNodeFailed": "sessions"}),
        envelope({"ElastiCache:": "sessions"}),
        event("my.app", "Snapshot Created"),
        event("aws.elasticache", TRAIL, {"eventName": "SnapshotComplete"}),
    ],
)
def test_what_is_not_known_to_be_idle_is_looked_at(body: object) -> None:
    assert not read(json.dumps(body)).idle


def test_what_the_world_says_announces_a_change_and_what_we_say_does_not() -> None:
    announcing = {kind for kind in CauseKind if Cause(kind=kind).announces}

    of_instances = {CauseKind.INSTANCE_STATE, CauseKind.INSTANCE_TAG, CauseKind.INSTANCE_ALARM}
    assert announcing == {N, C, CauseKind.API_CALL} | of_instances


KEYS = st.sampled_from(
    ["recheck", "token", "ask", "source", "detail-type", "detail", "Type", "Message", "time", "id",
     "ElastiCache:FailoverComplete", "SourceIdentifier", "Date", "instance-id", "eventTime",
     "resources", "tags", "cachegate:nat", "alarmName", "state"]
)  # fmt: skip
WORDS = st.sampled_from(
    [
        "Notification",
        "aws.ec2",
        "aws.elasticache",
        "aws.ssm",
        TRAIL,
        STATE,
        COMMAND,
        "vpc-1",
        "t",
        "aws.tag",
        TAGS,
        ARN,
    ]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | WORDS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(KEYS | st.text(), inner, max_size=5)
    ),
    max_leaves=20,
)


@given(VALUES.map(json.dumps) | st.text() | VALUES.map(lambda value: json.dumps(envelope(value))))
@example('{"recheck": "vpc-1", "token": "t"}')
def test_no_body_raises_and_a_recheck_is_in_our_own_form_only(body: str) -> None:
    cause = read(body)

    if cause.kind is CauseKind.RECHECK:
        content = json.loads(body)
        assert content["recheck"].strip() == cause.subject
        assert content["token"][:LONGEST_WORD].strip() == cause.token != ""
