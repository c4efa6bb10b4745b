"""Re-checks on SQS as moto plays it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from cachegate.aws.rechecks import SqsRechecks

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_sqs import SQSClient


@pytest.fixture
def sqs() -> Iterator[SQSClient]:
    with mock_aws():
        yield boto3.client("sqs", region_name="eu-central-1")


@pytest.fixture
def queue(sqs: SQSClient) -> str:
    return sqs.create_queue(QueueName="triggers", Attributes={"VisibilityTimeout": "720"})[
        "QueueUrl"
    ]


def held(sqs: SQSClient, queue: str) -> list[str]:
    messages = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", [])
    return [message["Body"] for message in messages]


def delayed(sqs: SQSClient, queue: str) -> int:
    answer = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["All"])
    return int(answer["Attributes"]["ApproximateNumberOfMessagesDelayed"])


def test_a_recheck_names_its_vpc_and_token(sqs: SQSClient, queue: str) -> None:
    SqsRechecks(sqs, queue).send("vpc-1", "token", 0)

    assert [json.loads(body) for body in held(sqs, queue)] == [
        {"recheck": "vpc-1", "token": "token"}
    ]


@pytest.mark.parametrize("delay", [0.2, 30, 5000])
def test_a_recheck_waits_whole_seconds_and_no_longer_than_sqs_can(
    sqs: SQSClient, queue: str, delay: float
) -> None:
    SqsRechecks(sqs, queue).send("vpc-1", "token", delay)

    assert delayed(sqs, queue) == 1
    assert held(sqs, queue) == []


def test_a_pass_can_be_asked_for(sqs: SQSClient, queue: str) -> None:
    SqsRechecks(sqs, queue).ask("stack update")

    assert [json.loads(body) for body in held(sqs, queue)] == [{"ask": "stack update"}]


def test_a_message_that_failed_comes_back_soon(sqs: SQSClient, queue: str) -> None:
    sqs.send_message(QueueUrl=queue, MessageBody="look")
    (message,) = sqs.receive_message(QueueUrl=queue)["Messages"]
    assert held(sqs, queue) == []

    SqsRechecks(sqs, queue).retry(message["ReceiptHandle"], 0)

    assert held(sqs, queue) == ["look"]


def test_a_message_that_is_no_longer_held_needs_no_retry(sqs: SQSClient, queue: str) -> None:
    sqs.send_message(QueueUrl=queue, MessageBody="look")
    (message,) = sqs.receive_message(QueueUrl=queue)["Messages"]
    sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])

    SqsRechecks(sqs, queue).retry(message["ReceiptHandle"], 5)


def test_a_queue_that_is_gone_is_an_error(sqs: SQSClient, queue: str) -> None:
    sqs.delete_queue(QueueUrl=queue)

    with pytest.raises(ClientError, match="NonExistentQueue"):
        SqsRechecks(sqs, queue).retry("receipt", 5)
