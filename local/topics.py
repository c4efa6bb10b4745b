"""SNS: a topic's default policy as AWS writes it today, and queues that may refuse a message."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import moto.sns.models

from local.aws_server import backend
from local.delivery import Parcel, Sender, deliver


class UnknownDeliveryError(RuntimeError):
    """A subscription or a message is of a kind that cannot be played here."""


class Topic(moto.sns.models.Topic):
    """A topic whose default policy knows no AWS:SourceOwner any more.

    https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/ECEvents.SNS.html
    """

    def _create_default_topic_policy(self, *args: Any) -> dict[str, Any]:
        policy: dict[str, Any] = super()._create_default_topic_policy(*args)
        policy["Statement"][0]["Condition"] = {
            "StringEquals": {"aws:SourceAccount": self.account_id}
        }
        return policy


class Subscription(moto.sns.models.Subscription):
    """A subscription that puts messages into a queue only where its policy lets it."""

    def publish(  # noqa: PLR0913, PLR0917  moto's signature
        self,
        message: str,
        message_id: str,
        subject: str | None = None,
        message_attributes: dict[str, Any] | None = None,
        group_id: str | None = None,
        deduplication_id: str | None = None,
        message_structure: str | None = None,
    ) -> None:
        """Deliver a message; a filter may hold it back."""
        matcher = self._filter_policy_matcher
        if self.protocol != "sqs" or message_structure or group_id or deduplication_id:
            raise UnknownDeliveryError(f"{self.protocol}: {self.arn}")
        if matcher is not None and not matcher.matches(message_attributes, message):
            return
        raw = self.attributes["RawMessageDelivery"]
        envelope = self.get_post_data(message, message_id, subject, message_attributes)
        parcel = Parcel(
            body=message if raw else json.dumps(envelope, indent=2),
            dead_letter_arn=self._dead_letter_arn,
        )
        deliver(self.endpoint, parcel, Sender(service="sns.amazonaws.com", arn=self.topic_arn))

    @property
    def _dead_letter_arn(self) -> str | None:
        policy = self.attributes.get("RedrivePolicy")
        return json.loads(policy)["deadLetterTargetArn"] if policy else None


@dataclass(frozen=True, slots=True)
class Published:
    """A message that a topic took."""

    subject: str | None
    text: str


def published(arn: str) -> list[Published]:
    """Return everything that a topic took so far, whoever is subscribed to it."""
    sent = list(backend("sns").topics[arn].sent_notifications)
    return [Published(subject, text) for _, text, subject, *_ in sent]


def keep(original_resource: Topic, cloudformation_json: dict[str, Any], **_: str) -> Topic:
    """Leave a topic at an update of its stack; moto makes another one each time."""
    if cloudformation_json.get("Properties"):
        raise UnknownDeliveryError(f"a topic with properties: {original_resource.arn}")
    return original_resource


def register() -> None:
    """Let moto make topics and subscriptions of ours, and leave topics that stay."""
    # CloudFormation knows moto's own class only.
    Topic.__base__.update_from_cloudformation_json = staticmethod(keep)  # type: ignore[union-attr]
    moto.sns.models.Topic = Topic  # type: ignore[misc]
    moto.sns.models.Subscription = Subscription  # type: ignore[misc]
