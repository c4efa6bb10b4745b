"""How a service puts a message into a queue: by the queue's policy and key, or nowhere.

A message that may not be sent goes to the target's dead-letter queue, without another try, as
EventBridge and SNS do where permissions are missing
(https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html,
https://docs.aws.amazon.com/sns/latest/dg/sns-dead-letter-queues.html).
"""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from local.aws_server import backend
from local.caches import ACCOUNT
from local.resource_policy import allows

if TYPE_CHECKING:
    from collections.abc import Mapping

# No other service may use a key that AWS manages for one, and its policy cannot be changed
# (https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-key-management.html).
MANAGED_KEYS = ("alias/aws/sqs", "alias/aws/sns")
logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """The rule or topic that sends, and in which service's name."""

    service: str  # the principal in policies, for example events.amazonaws.com
    arn: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Parcel:
    """A message on its way."""

    body: str
    attributes: Mapping[str, str] = field(default_factory=dict)
    dead_letter_arn: str | None = None
    dead_letter_attributes: Mapping[str, str] = field(default_factory=dict)


def deliver(queue_arn: str, parcel: Parcel, sender: Sender) -> None:
    """Put a message into a queue, else into the dead-letter queue, else lose it."""
    problem = refusal(queue_arn, sender)
    if problem is None:
        _send(queue_arn, parcel.body, parcel.attributes)
        return
    last = parcel.dead_letter_arn
    lost = "it has no dead-letter queue" if last is None else refusal(last, sender)
    if last is None or lost is not None:
        logger.error("%s lost a message: %s; %s", sender.arn, problem, lost)
        return
    _send(last, parcel.body, {**parcel.attributes, **parcel.dead_letter_attributes})


def refusal(queue_arn: str, sender: Sender) -> str | None:
    """Return why a sender may not send to a queue, None where it may."""
    queue = backend("sqs").queues.get(queue_arn.rsplit(":", 1)[1])
    if queue is None:
        return f"{queue_arn} does not exist"
    if queue.kms_master_key_id in MANAGED_KEYS:
        return f"{queue_arn} is encrypted by {queue.kms_master_key_id}"
    policy = json.loads(queue.policy or "{}")
    context = {"aws:SourceArn": sender.arn, "aws:SourceAccount": ACCOUNT}
    if not allows(policy, sender.service, "sqs:SendMessage", queue_arn, context):
        return f"the policy of {queue_arn} does not let {sender.arn} send"
    return None


def _send(queue_arn: str, body: str, attributes: Mapping[str, str]) -> None:
    typed = {
        name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()
    }
    backend("sqs").send_message(queue_arn.rsplit(":", 1)[1], body, message_attributes=typed)
