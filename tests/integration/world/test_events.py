"""The stand-ins for EventBridge and SNS judge patterns, policies and keys as AWS does."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from local import event_bus, topics
from local.aws_server import AwsServer
from local.caches import Options
from local.delivery import MANAGED_KEYS
from local.event_pattern import UnknownOperatorError, matches
from local.iam import UnknownConditionError
from local.notifications import announce
from local.resource_policy import allows

if TYPE_CHECKING:
    from collections.abc import Iterator

ACCOUNT = "123456789012"
RULE = f"arn:aws:events:us-east-1:{ACCOUNT}:rule/rule"
EVENT: dict[str, Any] = {
    "source": "aws.ec2",
    "count": 1,
    "yes": True,
    "none": None,
    "empty": [],
    "resources": ["arn:a", "arn:b"],
    "detail": {"state": "running", "items": [{"a": 1, "b": 2}, {"a": 3, "b": 4}]},
}


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ({"source": ["aws.ec2"]}, True),
        ({"source": ["aws.rds", "aws.ec2"]}, True),
        ({"source": ["aws.ec2"], "detail": {"state": ["stopped"]}}, False),
        ({"source": ["AWS.EC2"]}, False),
        ({"missing": ["x"]}, False),
        ({"resources": ["arn:b", "arn:c"]}, True),
        ({"resources": ["arn:c"]}, False),
        ({"count": [1]}, True),
        ({"count": ["1"]}, False),
        ({"count": [True]}, False),
        ({"yes": [1]}, False),
        ({"none": [None]}, True),
        ({"missing": [None]}, False),
        ({"source": [{"prefix": "aws."}]}, True),
        ({"source": [{"prefix": "ec2"}]}, False),
        ({"count": [{"prefix": "1"}]}, False),
        ({"source": [{"suffix": ".ec2"}]}, True),
        ({"source": [{"equals-ignore-case": "AWS.ec2"}]}, True),
        ({"source": [{"anything-but": ["aws.rds"]}]}, True),
        ({"source": [{"anything-but": "aws.ec2"}]}, False),
        ({"source": [{"anything-but": {"prefix": "aws."}}]}, False),
        ({"missing": [{"anything-but": ["x"]}]}, False),
        ({"resources": [{"anything-but": ["arn:a"]}]}, True),
        ({"resources": [{"anything-but": ["arn:a", "arn:b"]}]}, False),
        ({"source": [{"exists": True}]}, True),
        ({"source": [{"exists": False}]}, False),
        ({"missing": [{"exists": False}]}, True),
        ({"missing": {"inner": [{"exists": False}]}}, True),
        ({"none": [{"exists": True}]}, True),
        ({"detail": [{"exists": True}]}, False),  # operators see leaves only
        ({"detail": [{"exists": False}]}, True),
        ({"detail": {"state": [{"exists": False}, "running"]}}, True),
        ({"detail": {"items": {"a": [1], "b": [2]}}}, True),
        ({"detail": {"items": {"a": [1], "b": [4]}}}, False),  # of one object, not of two
    ],
)
def test_a_pattern_matches_as_its_manual_says(pattern: dict[str, Any], *, expected: bool) -> None:
    assert matches(pattern, EVENT) is expected


@pytest.mark.parametrize("operator", [{"wildcard": "a*"}, {"numeric": ["=", 1]}, {"prefix": ["a"]}])
def test_an_operator_that_is_not_known_does_not_pass_unseen(operator: dict[str, Any]) -> None:
    with pytest.raises(UnknownOperatorError):
        matches({"source": [operator]}, EVENT)


STATEMENT = {
    "Effect": "Allow", "Action": "SNS:Publish", "Resource": "arn:t", "Principal": {"AWS": "*"},
    "Condition": {"StringEquals": {"AWS:SourceOwner": ACCOUNT}},
}  # fmt: skip


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, True),
        ({"Principal": {"Service": "elasticache.amazonaws.com"}}, True),
        ({"Principal": {"Service": "sns.amazonaws.com"}}, False),
        ({"Action": ["sns:publish"]}, True),
        ({"Action": "sns:Subscribe"}, False),
        ({"Resource": "arn:*"}, True),
        ({"Resource": "arn:other"}, False),
        ({"Effect": "Deny"}, False),
        ({"Condition": {"StringEquals": {"aws:SourceAccount": ACCOUNT}}}, False),
        ({"Condition": {"ArnLike": {"aws:SourceArn": "arn:*"}}}, False),
    ],
)
def test_a_resource_s_policy_is_held_to_every_part_of_its_statement(
    change: dict[str, Any], *, expected: bool
) -> None:
    policy = {"Statement": [STATEMENT | change]}
    context = {"AWS:SourceOwner": ACCOUNT}

    judged = allows(policy, "elasticache.amazonaws.com", "SNS:Publish", "arn:t", context)

    assert judged is expected


def test_a_denial_outweighs_what_is_allowed() -> None:
    policy = {"Statement": [STATEMENT, {**STATEMENT, "Effect": "Deny"}]}
    context = {"AWS:SourceOwner": ACCOUNT}

    assert not allows(policy, "elasticache.amazonaws.com", "SNS:Publish", "arn:t", context)


def test_a_condition_of_a_resource_s_policy_does_not_pass_unseen() -> None:
    statement = STATEMENT | {"Condition": {"Bool": {"aws:SecureTransport": "true"}}}

    with pytest.raises(UnknownConditionError):
        allows({"Statement": [statement]}, "sns.amazonaws.com", "SNS:Publish", "arn:t", {})


# -- delivery --------------------------------------------------------------------------------------


@pytest.fixture
def aws() -> Iterator[AwsServer]:
    event_bus.register()
    topics.register()
    with AwsServer() as server:
        yield server


class Queue:
    """A queue that lets these senders in."""

    def __init__(self, aws: AwsServer, name: str, *senders: str, **attributes: str) -> None:
        self._sqs = aws.client("sqs")
        self.arn = f"arn:aws:sqs:us-east-1:{ACCOUNT}:{name}"
        statement = {
            "Effect": "Allow", "Action": "sqs:SendMessage", "Resource": self.arn,
            "Principal": {"Service": ["events.amazonaws.com", "sns.amazonaws.com"]},
            "Condition": {"ArnEquals": {"aws:SourceArn": list(senders)}},
        }  # fmt: skip
        attributes |= {"Policy": json.dumps({"Statement": [statement]})}
        self._url = self._sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]

    def messages(self) -> list[dict[str, Any]]:
        answer = self._sqs.receive_message(QueueUrl=self._url, MessageAttributeNames=["All"])
        return list(answer.get("Messages", []))


def put_rule(aws: AwsServer, target: Queue, dead: Queue | None = None, **more: Any) -> None:
    events = aws.client("events")
    pattern = more.pop("pattern", {"source": ["my.app"]})
    if pattern is not None:
        more["EventPattern"] = json.dumps(pattern)
    events.put_rule(Name="rule", **more)
    letters = {"DeadLetterConfig": {"Arn": dead.arn}} if dead else {}
    events.put_targets(Rule="rule", Targets=[{"Id": "q", "Arn": target.arn} | letters])


def put(aws: AwsServer, source: str = "my.app") -> dict[str, Any]:
    entry = {"Source": source, "DetailType": "Something", "Detail": '{"a": 1}'}
    answer: dict[str, Any] = aws.client("events").put_events(
        Entries=[entry, entry | {"Detail": "{"}]
    )
    return answer


def test_an_event_reaches_the_queue_as_eventbridge_writes_it(aws: AwsServer) -> None:
    queue = Queue(aws, "queue", RULE)
    put_rule(aws, queue)

    answer = put(aws)

    (message,) = queue.messages()
    event = json.loads(message["Body"])
    assert event.pop("id") == answer["Entries"][0]["EventId"]
    assert event.pop("time")[10] == "T"
    assert event == {
        "version": "0", "detail-type": "Something", "source": "my.app", "account": ACCOUNT,
        "region": "us-east-1", "resources": [], "detail": {"a": 1},
    }  # fmt: skip
    assert answer["FailedEntryCount"] == 1
    assert answer["Entries"][1]["ErrorCode"] == "MalformedDetail"


@pytest.mark.parametrize(
    "rule",
    [
        {"State": "DISABLED"},
        {"pattern": None, "ScheduleExpression": "rate(5 minutes)"},
        {"pattern": {"source": ["other.app"]}},
    ],
)
def test_a_rule_that_is_off_or_a_schedule_or_of_others_takes_no_event(
    aws: AwsServer, rule: dict[str, Any]
) -> None:
    queue = Queue(aws, "queue", RULE)
    put_rule(aws, queue, **rule)

    put(aws)

    assert queue.messages() == []


@pytest.mark.parametrize(
    ("state", "name", "heard"),
    [
        ("ENABLED", "DescribeCacheClusters", 0),
        ("ENABLED", "ModifyCacheCluster", 1),
        ("ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS", "DescribeCacheClusters", 1),
    ],
)
def test_a_call_that_only_reads_needs_a_rule_that_asks_for_it(
    aws: AwsServer, state: str, name: str, heard: int
) -> None:
    queue = Queue(aws, "queue", RULE)
    put_rule(aws, queue, pattern={"source": ["aws.elasticache"]}, State=state)

    trail = "AWS API Call via CloudTrail"
    event_bus.emit(event_bus.event("aws.elasticache", trail, {"eventName": name}, []))

    assert len(queue.messages()) == heard


def test_a_queue_that_does_not_name_the_rule_is_passed_over_for_the_dead_letter_queue(
    aws: AwsServer,
) -> None:
    queue, dead = Queue(aws, "queue", "arn:other"), Queue(aws, "dead", RULE)
    put_rule(aws, queue, dead)

    put(aws)

    assert queue.messages() == []
    (letter,) = dead.messages()
    assert json.loads(letter["Body"])["source"] == "my.app"
    assert letter["MessageAttributes"]["RULE_ARN"]["StringValue"] == RULE


def test_where_the_dead_letter_queue_does_not_name_the_rule_either_the_event_is_lost(
    aws: AwsServer, caplog: pytest.LogCaptureFixture
) -> None:
    queue, dead = Queue(aws, "queue", "arn:other"), Queue(aws, "dead", "arn:other")
    put_rule(aws, queue, dead)

    put(aws)

    assert (queue.messages(), dead.messages()) == ([], [])
    assert "lost a message" in caplog.text


@pytest.mark.parametrize("key", MANAGED_KEYS)
def test_a_queue_under_a_key_that_aws_manages_receives_from_nobody(
    aws: AwsServer, key: str
) -> None:
    queue, dead = Queue(aws, "queue", RULE, KmsMasterKeyId=key), Queue(aws, "dead", RULE)
    put_rule(aws, queue, dead)

    put(aws)

    assert queue.messages() == []
    assert len(dead.messages()) == 1


@pytest.mark.parametrize(("raw", "enveloped"), [("false", True), ("true", False)])
def test_a_topic_s_message_comes_in_its_envelope_unless_it_is_asked_for_raw(
    aws: AwsServer, raw: str, *, enveloped: bool
) -> None:
    sns = aws.client("sns")
    topic = sns.create_topic(Name="topic")["TopicArn"]
    queue = Queue(aws, "queue", topic)
    sns.subscribe(
        TopicArn=topic, Protocol="sqs", Endpoint=queue.arn, Attributes={"RawMessageDelivery": raw}
    )

    sns.publish(TopicArn=topic, Message="hello")

    (message,) = queue.messages()
    assert (message["Body"] != "hello") is enveloped
    assert "hello" in message["Body"]


def test_a_topic_that_the_queue_does_not_name_delivers_to_its_dead_letter_queue(
    aws: AwsServer,
) -> None:
    sns = aws.client("sns")
    topic = sns.create_topic(Name="topic")["TopicArn"]
    queue, dead = Queue(aws, "queue", "arn:other"), Queue(aws, "dead", topic)
    redrive = json.dumps({"deadLetterTargetArn": dead.arn})
    sns.subscribe(
        TopicArn=topic, Protocol="sqs", Endpoint=queue.arn, Attributes={"RedrivePolicy": redrive}
    )

    sns.publish(TopicArn=topic, Message="hello")

    assert (len(queue.messages()), len(dead.messages())) == (0, 1)


# -- what ElastiCache needs of a topic -------------------------------------------------------------

OWNER = {
    "Statement": [
        {
            "Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "SNS:Publish",
            "Resource": f"arn:aws:sns:us-east-1:{ACCOUNT}:topic",
            "Condition": {"StringEquals": {"AWS:SourceOwner": ACCOUNT}},
        }
    ]
}  # fmt: skip


@pytest.mark.parametrize(
    ("attributes", "status"),
    [
        ({"Policy": json.dumps(OWNER)}, "active"),
        ({}, "inactive"),  # the policy that topics are born with
        ({"Policy": json.dumps(OWNER), "KmsMasterKeyId": "alias/aws/sns"}, "inactive"),
        (None, "inactive"),  # there is no such topic
    ],
)
def test_elasticache_publishes_to_an_open_topic_of_its_own_account_or_lets_go_of_it(
    aws: AwsServer, attributes: dict[str, str] | None, status: str
) -> None:
    sns, arn = aws.client("sns"), f"arn:aws:sns:us-east-1:{ACCOUNT}:topic"
    queue = Queue(aws, "queue", arn)
    if attributes is not None:
        sns.create_topic(Name="topic", Attributes=attributes)
        sns.subscribe(TopicArn=arn, Protocol="sqs", Endpoint=queue.arn)
    options = Options(topic=arn)

    announce(options, "FailoverComplete", "sessions")

    told = [json.loads(message["Body"])["Message"] for message in queue.messages()]
    assert options.topic_status == status
    assert told == (['{"ElastiCache:FailoverComplete": "sessions"}'] if status == "active" else [])
