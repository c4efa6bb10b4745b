"""Schedules by the world's clock: EventBridge rules with a schedule reach their queues."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from local.caches import ACCOUNT, REGION


@dataclass(frozen=True, slots=True)
class Schedules:
    """The scheduled rules of the account; they fire when the world says so."""

    events: Any
    sqs: Any

    def tick(self) -> int:
        """Fire every enabled schedule once and return how many messages were sent."""
        sent = 0
        for rule in self.events.list_rules()["Rules"]:
            if rule.get("ScheduleExpression") and rule["State"] == "ENABLED":
                targets = self.events.list_targets_by_rule(Rule=rule["Name"])["Targets"]
                for target in targets:
                    self._send(target, rule["Arn"])
                    sent += 1
        return sent

    def _send(self, target: dict[str, Any], rule_arn: str) -> None:
        queue = target["Arn"].rsplit(":", 1)[1]
        url = self.sqs.get_queue_url(QueueName=queue)["QueueUrl"]
        body = target.get("Input") or json.dumps(scheduled_event(rule_arn))
        self.sqs.send_message(QueueUrl=url, MessageBody=body)


def scheduled_event(rule_arn: str) -> dict[str, Any]:
    """Return the event that a schedule sends."""
    return {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": ACCOUNT,
        "time": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "region": REGION,
        "resources": [rule_arn],
        "detail": {},
    }
