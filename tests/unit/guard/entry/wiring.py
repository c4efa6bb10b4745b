"""How the guard's entry point is started and called, and the bodies that call it."""

from __future__ import annotations

import importlib
import json
from typing import TYPE_CHECKING, Any

from tests.function import ENVIRONMENT
from tests.unit.passes.entry import Stdout

if TYPE_CHECKING:
    import pytest

    from cachegate.domain.ingress import IngressRule
    from tests.unit.guard.fakes import World

ROLE = "arn:aws:iam::123456789012:role/gate/guard-role"
ALICE = {"type": "IAMUser", "arn": "arn:aws:iam::123456789012:user/alice"}
SCHEDULE = {"source": "aws.events", "detail-type": "Scheduled Event", "id": "tick"}
COMPLETE = {
    "CACHEGATE_STACK": "gate",
    "CACHEGATE_GUARD_TABLE": "guard-table",
    "CACHEGATE_GUARD_QUEUE_URL": "https://sqs/queue",
    "CACHEGATE_ALERT_TOPIC": "arn:aws:sns:eu-west-1:123456789012:alerts",
    "CACHEGATE_GUARD_ROLE": ROLE,
    "CACHEGATE_ACCOUNT": "123456789012",
    "AWS_REGION": "eu-west-1",
    "AWS_LAMBDA_FUNCTION_NAME": "gate-guard",
}


def entry_point(world: World, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return the module wired to the fakes; it logs where `print` prints."""
    for name, value in (ENVIRONMENT | COMPLETE).items():
        monkeypatch.setenv(name, value)
    module = importlib.import_module("functions.guard_ingress.app")
    monkeypatch.setattr(module, "wired", module.actions_on(world.adapters, world.settings))
    monkeypatch.setattr(module.logger.registered_handler, "stream", Stdout())
    return module


def call(name: str, identity: object = None, **detail: Any) -> dict[str, Any]:
    """Return a call of EC2 as EventBridge hands it over."""
    return {
        "source": "aws.ec2",
        "detail-type": "AWS API Call via CloudTrail",
        "id": f"e-{name}",
        "detail": {
            "eventName": name,
            "eventID": f"trail-{name}",
            "eventTime": "2027-01-15T08:00:00Z",
            "userIdentity": ALICE if identity is None else identity,
            **detail,
        },
    }


def authorize(rule: IngressRule, identity: object = None, **detail: Any) -> dict[str, Any]:
    """Return the call that added a rule."""
    added = {"securityGroupRuleSet": {"items": [{"securityGroupRuleId": rule.rule_id}]}}
    return call("AuthorizeSecurityGroupIngress", identity, responseElements=added, **detail)


def session(role: str, name: str = "guard") -> dict[str, Any]:
    """Return who calls under a role."""
    _, partition, _, _, account, resource = role.split(":", 5)
    short = resource.rsplit("/", 1)[-1]
    return {
        "type": "AssumedRole",
        "arn": f"arn:{partition}:sts::{account}:assumed-role/{short}/{name}",
        "sessionContext": {"sessionIssuer": {"type": "Role", "arn": role}},
    }


def batch(world: World, *bodies: object) -> dict[str, Any]:
    """Return messages m0, m1 ... of the queue, each a second younger than the one before."""
    return {
        "Records": [
            {
                "messageId": f"m{number}",
                "receiptHandle": f"receipt-m{number}",
                "body": body if isinstance(body, str) else json.dumps(body),
                "attributes": {
                    "SentTimestamp": str(int((world.now + number) * 1000)),
                    "ApproximateReceiveCount": "1",
                },
            }
            for number, body in enumerate(bodies)
        ]
    }
