"""When a message whose pass failed is received again, and when it is given up. Pure."""

from __future__ import annotations

RECEIVES = 4  # of one message at most: the queue's maxReceiveCount, to which a test holds it
FACTOR = 3  # each pause is that much longer than the one before: 10, 30 and 90 s


def pause(receives: int, first: float) -> float:
    """Return in how many seconds a message comes back that was received so often, and failed.

    Left alone it would stay hidden for the queue's own visibility timeout, which is six times the
    function's and there for a function that ended without a word. Nothing is waited for after the
    last receive: SQS moves the message to the dead-letter queue when it would be received once
    more, so 0 is what makes a given-up message, and its alarm, quick
    (https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html).
    """
    return 0.0 if receives >= RECEIVES else first * FACTOR ** (receives - 1)
