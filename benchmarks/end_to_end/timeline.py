"""The steps from an event to the end of its pass, from what was seen of it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from benchmarks.end_to_end.watch import Seen

QUEUE, START = "waiting in the queue", "start of the function"
OBSERVING, PLANNING = "observing", "planning"
LEDGER, SENDING = "reading and writing the ledger", "sending the command"
DELIVERY, PROCESS = "the command's way", "the agent's process"
AGENT, RESULT = "the agent's work", "waiting for the result"
TELLING, CLOSING = "publishing events", "the end of the pass"
STEPS = (
    QUEUE, START, OBSERVING, PLANNING, LEDGER, SENDING, DELIVERY, PROCESS, AGENT, RESULT, TELLING,
    CLOSING,
)  # fmt: skip
_OBSERVED = frozenset({"ec2", "elasticache", "tagging"})
_TOLD = frozenset({"events", "sqs"})  # and the next look, which is asked for beside


class TimelineError(RuntimeError):
    """What was seen is not one pass that pushed once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lived:
    """What was seen of one event; moments are seconds since the epoch."""

    put: float  # on the bus
    in_kernel: float
    began: float  # the function's invocation
    ended: float
    calls: Sequence[Seen]  # of the function, in the order of their beginnings
    started: float  # the command, on the NAT instance
    finished: float
    agent: float  # seconds of that, by the agent's own report

    @property
    def sent(self) -> Seen:
        """The one SendCommand; raise TimelineError where there was none, or several."""
        sent = [call for call in self.calls if call.name == "SendCommand"]
        if len(sent) != 1:
            raise TimelineError(f"{len(sent)} commands in one pass")
        return sent[0]

    @property
    def read_back(self) -> float:
        """When the function had the command's result: the proof."""
        return max(call.ended for call in self.calls if call.name == "GetCommandInvocation")

    @property
    def observed(self) -> float:
        """When the last look at caches and network was answered."""
        return max(c.ended for c in self.calls if _observes(c) and c.ended <= self.sent.began)

    def steps(self) -> Mapping[str, float]:
        """Return the seconds of each step; together they are the time from the event to the end."""
        first, sent = self.calls[0], self.sent
        asked = min(call.began for call in self.calls if call.service == "ssm")
        # The command may run before the answer to its sending is there.
        left = min(sent.ended, self.started)
        observing, planning, closing = (
            (first.began, self.observed), (self.observed, asked), (self.read_back, self.ended),
        )  # fmt: skip
        ledger, telling = self._within({"dynamodb"}), self._within(_TOLD)
        return {
            QUEUE: self.began - self.put,
            START: first.began - self.began,
            OBSERVING: _length(observing) - _shared(ledger, observing),
            PLANNING: _length(planning) - _shared(ledger, planning),
            LEDGER: sum(_shared(ledger, span) for span in (observing, planning, closing)),
            SENDING: left - asked,
            DELIVERY: self.started - left,
            PROCESS: self.finished - self.started - self.agent,
            AGENT: self.agent,
            RESULT: self.read_back - self.finished,
            TELLING: _shared(telling, closing),
            CLOSING: _length(closing) - _shared(ledger, closing) - _shared(telling, closing),
        }

    def _within(self, services: Iterable[str]) -> list[tuple[float, float]]:
        return [(call.began, call.ended) for call in self.calls if call.service in services]


def _observes(call: Seen) -> bool:
    return call.service in _OBSERVED


def _length(span: tuple[float, float]) -> float:
    return span[1] - span[0]


def _shared(calls: Iterable[tuple[float, float]], span: tuple[float, float]) -> float:
    """Return how long calls, of which no two overlap, were under way in a span."""
    return sum(max(0.0, min(end, span[1]) - max(begin, span[0])) for begin, end in calls)
