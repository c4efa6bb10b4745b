"""What goes wrong at the calls of one run of the function, and where in it that happens."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from collections.abc import Callable

    from cachegate.domain.cache import Observation
    from tests.faults.clock import Clock

TIMEOUT = 120.0  # seconds, the function's own


class Dead(BaseException):
    """The process of the function is no more; it makes no call."""


def refusal(code: str, operation: str, status: int = 400) -> ClientError:
    """Return what boto3 raises for a refused call."""
    return ClientError(
        {
            "Error": {"Code": code, "Message": "as the fault says"},
            "ResponseMetadata": {"HTTPStatusCode": status},  # type: ignore[typeddict-item]
        },
        operation,
    )


@dataclass
class Invocation:
    """One run of the function."""

    ends: float  # seconds since the epoch
    dies_before: int = 0  # the call that it does not live to make; 0: it lives
    between: tuple[int, Callable[[], None]] | None = None  # before which call something happens
    calls: int = 0
    dead: bool = False
    seen: Observation | None = None  # what the pass that is planned now saw


@dataclass
class Faults:
    """What will go wrong. Everything that is used up here is counted."""

    clock: Clock
    answers: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    dies_before: int = 0  # for the next invocation
    between: tuple[int, Callable[[], None]] | None = None
    running: list[Invocation] = field(default_factory=list)
    met: Counter[str] = field(default_factory=Counter)

    def begin(self) -> Invocation:
        """Begin a run of the function, with the death and the disturbance that wait for it."""
        invocation = Invocation(
            ends=self.clock.now + TIMEOUT, dies_before=self.dies_before, between=self.between
        )
        self.dies_before, self.between = 0, None
        self.running.append(invocation)
        return invocation

    def end(self) -> None:
        self.running.pop()

    @property
    def current(self) -> Invocation:
        return self.running[-1]

    def call(self, operation: str) -> str | None:
        """Go through a call to AWS; return the fault of its answer, or None.

        Raises Dead where the process does not live to make the call, ClientError where the call
        is refused.
        """
        if self.running:
            self._live(self.current)
        waiting = self.answers.get(operation)
        if not waiting:
            return None
        fault = waiting.pop(0)
        self.met[f"{operation}: {fault}"] += 1
        if fault == "throttled":
            raise refusal("ThrottlingException", operation)
        if fault == "broken":
            raise refusal("InternalFailure", operation, status=500)
        return fault

    def _live(self, invocation: Invocation) -> None:
        if not invocation.dead:
            invocation.calls += 1
            if invocation.between and invocation.between[0] <= invocation.calls:
                (_, happen), invocation.between = invocation.between, None
                self.met["something in the middle of a pass"] += 1
                happen()
        if invocation.calls == invocation.dies_before and not invocation.dead:
            self.met["function killed"] += 1
            invocation.dead = True
        if self.clock.now >= invocation.ends and not invocation.dead:
            self.met["function out of time"] += 1
            invocation.dead = True
        if invocation.dead:
            raise Dead

    def clear(self) -> None:
        self.answers.clear()
        self.dies_before, self.between = 0, None
