"""What the entry points do alike: write log and metrics, and let messages come back."""

from __future__ import annotations

import gc
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from cachegate.counts import count_triggers
from cachegate.log import describe_trigger
from cachegate.retry import pause

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from aws_lambda_powertools import Logger, Metrics

    from cachegate.heed import Heeded
    from cachegate.log import Line
    from cachegate.metrics import Metric
    from cachegate.triggers import Trigger


@contextmanager
def made_to_stay() -> Iterator[None]:
    """Keep the garbage collector out of what is made here for the whole life of the process.

    The models of AWS's services are objects by the hundred thousand. It would look through them
    again and again while they are made, and in passes later, and could give back none.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


class Queue(Protocol):
    """The queue from which messages come."""

    def retry(self, receipt: str, delay: float) -> None:
        """Let a message that failed come back after some seconds."""
        ...


@dataclass(frozen=True, slots=True)
class Outlet:
    """Where an entry point writes."""

    logger: Logger
    metrics: Metrics

    def write(self, lines: Iterable[Line]) -> None:
        """Write lines of the log."""
        for line in lines:
            getattr(self.logger, line.level)(line.message, **line.fields)

    def count(self, counts: Mapping[Metric, float]) -> None:
        """Write metrics, as one line in CloudWatch's embedded metric format."""
        for metric, value in counts.items():
            self.metrics.add_metric(metric.value, metric.unit, value)
        if counts:
            self.metrics.flush_metrics()

    def write_triggers(self, heeded: Heeded) -> None:
        """Write what asks for a pass, and what is ignored and why.

        The first that asks names the pass.
        """
        asking = sorted(heeded.asking, key=lambda trigger: trigger.happened_at)
        if asking:
            self.logger.set_correlation_id(asking[0].correlation_id)
        self.logger.info(
            "triggers",
            asking=[describe_trigger(trigger) for trigger in asking],
            ignored=[describe_trigger(e.trigger) | {"why": e.reason} for e in heeded.ignored],
        )
        self.count(count_triggers(heeded))


@dataclass(frozen=True, slots=True)
class Redelivery:
    """Lets messages come back in seconds, where a pass failed."""

    queue: Queue
    first: float  # seconds before a message comes back for the first time; see retry.py

    def hand_back(self, triggers: Sequence[Trigger], due: float | None = None) -> dict[str, Any]:
        """Return the answer to SQS by which these messages come back, each after its pause.

        Or in `due` seconds, where something can be decided before that.
        """
        for trigger in triggers:
            pauses = [pause(trigger.receives, self.first), *([] if due is None else [due])]
            self.queue.retry(trigger.receipt, min(pauses))
        return {"batchItemFailures": [{"itemIdentifier": each.message_id} for each in triggers]}

    @contextmanager
    def raised_again(self, soon: Sequence[Trigger], logger: Logger) -> Iterator[None]:
        """Let an error that nobody expected end the invocation, and these messages come back soon.

        Lambda counts the error and hands back the whole batch, which is what makes it loud. These
        few stand for all of it; the others stay hidden for the queue's own visibility timeout, and
        are needless when they come back, for the schedule has looked meanwhile.
        """
        try:
            yield
        except BaseException:
            messages = [trigger.message_id for trigger in soon]
            logger.exception("the pass broke off", messages=messages)
            self.hand_back(soon)
            raise
