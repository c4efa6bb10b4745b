"""The queue of triggers: delayed re-checks into it, and a shorter pause before a retry."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from cachegate.aws.failures import code

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

LONGEST_DELAY = 900  # seconds, SQS's limit
# The message is visible again already, deleted, or its receipt has ended: nothing to shorten.
_NOT_HELD = {
    "MessageNotInflight",
    "AWS.SimpleQueueService.MessageNotInflight",
    "ReceiptHandleIsInvalid",
    "InvalidParameterValue",
}


class SqsRechecks:
    """Asks for later passes."""

    def __init__(self, sqs: SQSClient, queue_url: str) -> None:
        self._sqs = sqs
        self._queue_url = queue_url

    def send(self, vpc_id: str, token: str, delay: float) -> None:
        """Ask for another look at a VPC after some seconds (whole ones, at most 900)."""
        self._sqs.send_message(
            QueueUrl=self._queue_url,
            MessageBody=json.dumps({"recheck": vpc_id, "token": token}),
            DelaySeconds=min(LONGEST_DELAY, math.ceil(delay)),
        )

    def ask(self, reason: str) -> None:
        """Ask for a whole pass now; the reason is for people who look into the queue."""
        self._sqs.send_message(QueueUrl=self._queue_url, MessageBody=json.dumps({"ask": reason}))

    def retry(self, receipt: str, delay: float) -> None:
        """Let a message that failed come back after some seconds, not the queue's long timeout."""
        try:
            self._sqs.change_message_visibility(
                QueueUrl=self._queue_url,
                ReceiptHandle=receipt,
                VisibilityTimeout=math.ceil(delay),
            )
        except ClientError as error:
            if code(error) not in _NOT_HELD:
                raise
