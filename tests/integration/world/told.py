"""What EventBridge hears of calls: a rule for all of them, and the queue that it fills."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from local.caches import ACCOUNT

if TYPE_CHECKING:
    from local.aws_server import AwsServer


class Heard:
    """What a rule for all events of calls has put into its queue."""

    def __init__(self, aws: AwsServer) -> None:
        self._sqs, events = aws.client("sqs"), aws.client("events")
        pattern = {"detail-type": ["AWS API Call via CloudTrail"]}
        rule = events.put_rule(Name="calls", EventPattern=json.dumps(pattern))["RuleArn"]
        arn = f"arn:aws:sqs:us-east-1:{ACCOUNT}:calls"
        statement = {
            "Effect": "Allow", "Action": "sqs:SendMessage", "Resource": arn,
            "Principal": {"Service": "events.amazonaws.com"},
            "Condition": {"ArnEquals": {"aws:SourceArn": rule}},
        }  # fmt: skip
        policy = json.dumps({"Statement": [statement]})
        self._url = self._sqs.create_queue(QueueName="calls", Attributes={"Policy": policy})[
            "QueueUrl"
        ]
        events.put_targets(Rule="calls", Targets=[{"Id": "q", "Arn": arn}])

    def events(self) -> list[dict[str, Any]]:
        found = []
        while messages := self._sqs.receive_message(QueueUrl=self._url, MaxNumberOfMessages=10).get(
            "Messages"
        ):
            found += [json.loads(message["Body"]) for message in messages]
        return found

    def one(self) -> dict[str, Any]:
        (event,) = self.events()
        return dict(event["detail"])
