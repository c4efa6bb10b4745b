"""What is decided about the notification topic of a cache, and why."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cachegate.domain.cache import CacheKind


class Step(StrEnum):
    """What a pass does about the topic of one cache."""

    ENROL = "enrol"  # ask AWS for our topic
    WAIT = "wait"  # something must pass first
    REPORT = "report"  # a person has to decide
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrolment:
    """One decision about one cache. An enrolment counts once it is read back, as NOTHING to do."""

    cache: str
    kind: CacheKind
    step: Step
    reason: str
    topics: tuple[str, ...] = ()  # those that its clusters have now, sorted
    inactive: bool = False  # ours is among them, and AWS does not publish to it
    attempts: int = 0  # requests that were not read back, this one included
    error: str | None = None  # why AWS refused the request of this pass
