"""Resources that moto's CloudFormation lacks: policies of queues and topics, and subscriptions."""

from __future__ import annotations

import json
from abc import abstractmethod
from typing import Any, Self

from moto.cloudformation import parsing
from moto.core.common_models import CloudFormationModel

from local.aws_server import backend


class _Resource:
    """One resource: it has a name made by CloudFormation, and no attributes."""

    def __init__(self, name: str) -> None:
        """Keep the name; everything else is in the service."""
        self.physical_resource_id = name

    @staticmethod
    @abstractmethod
    def make(properties: dict[str, Any]) -> None:
        """Do what its properties say, again at each update."""

    @staticmethod
    def cloudformation_name_type() -> str:
        """Return the property that names it: there is none."""
        return ""

    @classmethod
    def has_cfn_attr(cls, _attribute: str) -> bool:
        """Say that it has no attribute."""
        return False

    @classmethod
    def create_from_cloudformation_json(
        cls, resource_name: str, cloudformation_json: dict[str, Any], *_: str, **__: str
    ) -> Self:
        """Create it."""
        cls.make(_without_nothing(cloudformation_json["Properties"]))
        return cls(resource_name)

    @classmethod
    def update_from_cloudformation_json(
        cls, original_resource: Self, cloudformation_json: dict[str, Any], **_: str
    ) -> Self:
        """Change it."""
        cls.make(_without_nothing(cloudformation_json["Properties"]))
        return original_resource


def _without_nothing(value: Any) -> Any:
    """Leave out of all lists what AWS::NoValue stands for: moto keeps its place."""
    if isinstance(value, dict):
        return {key: _without_nothing(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_without_nothing(each) for each in value if each is not None]
    return value


class QueuePolicy(_Resource, CloudFormationModel):  # type: ignore[misc]  # moto has no types
    """Who may send to some queues."""

    @staticmethod
    def cloudformation_type() -> str:
        """Return the type in templates."""
        return "AWS::SQS::QueuePolicy"

    @staticmethod
    def make(properties: dict[str, Any]) -> None:
        """Set the policy of each queue."""
        for url in properties["Queues"]:
            queue = backend("sqs").queues[url.rsplit("/", 1)[1]]
            queue.policy = json.dumps(properties["PolicyDocument"])


class TopicPolicy(_Resource, CloudFormationModel):  # type: ignore[misc]
    """Who may publish to some topics."""

    @staticmethod
    def cloudformation_type() -> str:
        """Return the type in templates."""
        return "AWS::SNS::TopicPolicy"

    @staticmethod
    def make(properties: dict[str, Any]) -> None:
        """Set the policy of each topic."""
        for arn in properties["Topics"]:
            backend("sns").topics[arn].policy = json.dumps(properties["PolicyDocument"])


class TopicSubscription(_Resource, CloudFormationModel):  # type: ignore[misc]
    """Where messages of a topic go."""

    @staticmethod
    def cloudformation_type() -> str:
        """Return the type in templates."""
        return "AWS::SNS::Subscription"

    @staticmethod
    def make(properties: dict[str, Any]) -> None:
        """Subscribe, and set the attributes; policies become text, as the API takes them."""
        attributes = dict(properties)
        wanted = (attributes.pop(key) for key in ("TopicArn", "Endpoint", "Protocol"))
        subscription = backend("sns").subscribe(*wanted)
        for name, value in attributes.items():
            plain = json.dumps(value) if isinstance(value, dict) else value
            backend("sns").set_subscription_attributes(subscription.arn, name, plain)


def register() -> None:
    """Make moto's CloudFormation look again for what it can create."""
    for known in (parsing.get_model_list, parsing.get_model_map, parsing.get_name_type_map):
        known.cache_clear()
