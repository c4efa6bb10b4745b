"""The event source mapping from a queue to a function, as Lambda's pollers do it.

https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html: batches within a window, at most so
many at a time; messages of a batch that succeeded are deleted, all others come back when their
visibility timeout ends, until the queue's redrive policy sends them to the dead-letter queue.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from local.lambda_runtime import Function, Outcome

POLL_S = 0.02
logger = logging.getLogger(__name__)


@dataclass(slots=True, kw_only=True)
class EventSource:
    """One mapping, polling while it is entered."""

    sqs: Any
    queue_url: str
    queue_arn: str
    function: Function
    # Whether the queue has a message for anybody: a call that receives none is left out, since
    # each takes some milliseconds from those that are tested.
    waiting: Callable[[], bool]
    batch_size: int = 10
    window_s: float = 0.0
    partial: bool = False  # ReportBatchItemFailures
    concurrency: int = 2
    paused: threading.Event = field(default_factory=threading.Event)
    _stop: threading.Event = field(default_factory=threading.Event)
    _threads: ThreadPoolExecutor = field(init=False)
    _free: threading.Semaphore = field(init=False)
    _poller: threading.Thread = field(init=False)

    def __enter__(self) -> Self:
        self._threads = ThreadPoolExecutor(self.concurrency)
        self._free = threading.Semaphore(self.concurrency)
        self._poller = threading.Thread(target=self._poll, daemon=True)
        self._poller.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._poller.join()
        self._threads.shutdown()

    def _poll(self) -> None:
        """Gather batches and hand them over; nothing is received while all invocations are busy."""
        while not self._stop.is_set():
            if not self._free.acquire(timeout=POLL_S):
                continue
            batch = self._gather()
            if batch:
                self._threads.submit(self._handle, batch).add_done_callback(self._done)
            else:
                self._free.release()

    def _gather(self) -> list[dict[str, Any]]:
        """Wait for a first message, then for the window to end or the batch to be full."""
        batch: list[dict[str, Any]] = []
        ends = float("inf")
        while not self._stop.is_set() and len(batch) < self.batch_size and time.monotonic() < ends:
            if not self.paused.is_set() and self.waiting():
                batch += self._receive(min(10, self.batch_size - len(batch)))
            if batch and ends == float("inf"):
                ends = time.monotonic() + self.window_s
            self._stop.wait(POLL_S)
        return batch

    def _receive(self, most: int) -> list[dict[str, Any]]:
        answer = self.sqs.receive_message(
            QueueUrl=self.queue_url, MaxNumberOfMessages=most,
            MessageSystemAttributeNames=["All"], MessageAttributeNames=["All"], WaitTimeSeconds=0,
        )  # fmt: skip
        return list(answer.get("Messages", []))

    def _handle(self, batch: list[dict[str, Any]]) -> None:
        records = [self._record(message) for message in batch]
        outcome = self.function.invoke(json.dumps({"Records": records}).encode())
        failed = failed_ids(outcome, {m["MessageId"] for m in batch}, partial=self.partial)
        for message in batch:
            if message["MessageId"] not in failed:
                self.sqs.delete_message(
                    QueueUrl=self.queue_url, ReceiptHandle=message["ReceiptHandle"]
                )

    def _done(self, handled: Any) -> None:
        self._free.release()
        error = handled.exception()
        if error is not None:
            logger.error("a batch could not be handled: %s", error)

    def _record(self, message: dict[str, Any]) -> dict[str, Any]:
        """Return a message as a function sees it."""
        attributes = {
            name: {
                "stringValue": value.get("StringValue"),
                "dataType": value["DataType"],
                "stringListValues": [],
                "binaryListValues": [],
            }
            for name, value in message.get("MessageAttributes", {}).items()
        }
        return {
            "messageId": message["MessageId"],
            "receiptHandle": message["ReceiptHandle"],
            "body": message["Body"],
            "attributes": message.get("Attributes", {}),
            "messageAttributes": attributes,
            "md5OfBody": message["MD5OfBody"],
            "eventSource": "aws:sqs",
            "eventSourceARN": self.queue_arn,
            "awsRegion": self.queue_arn.split(":")[3],
        }


def failed_ids(outcome: Outcome, ids: set[str], *, partial: bool) -> set[str]:
    """Return which messages come back: all where the answer does not make sense, as on AWS."""
    if outcome.failed:
        return ids
    if not partial:
        return set()
    result = outcome.result
    if result is None or result == {}:
        return set()
    try:
        named = {failure["itemIdentifier"] for failure in result["batchItemFailures"] or []}
    except (KeyError, TypeError):
        return ids
    return ids if named - ids else named
