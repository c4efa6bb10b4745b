"""Where the notifications of a cache go, and what is done to bring them to our topic."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cachegate.domain.cache import CacheKind, Evidence
    from cachegate.domain.ledger import Enrolling


class Notices(StrEnum):
    """Where AWS announces what happens to a cache."""

    ENROLLED = "enrolled"  # at our topic
    INACTIVE = "inactive"  # at our topic, but AWS does not publish to it
    OTHER_TOPIC = "other_topic"  # at a topic that is not ours, for one of its clusters at least
    NOT_ENROLLED = "not_enrolled"  # nowhere, for one of its clusters at least
    EVENTBRIDGE = "eventbridge"  # serverless caches have no topic
    UNKNOWN = "unknown"  # AWS did not show all its clusters

    @property
    def heard(self) -> bool:
        """Tell whether changes are noticed within seconds; else the schedule notices them."""
        return self in {Notices.ENROLLED, Notices.EVENTBRIDGE}


class Step(StrEnum):
    """What a pass does about the topic of one cache."""

    ENROL = "enrol"  # ask AWS for our topic
    WAIT = "wait"  # something must pass first
    REPORT = "report"  # a person has to decide
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Existence:
    """Whether a topic exists, as far as AWS says; `reason` is why that is unknown."""

    evidence: Evidence
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrolment:
    """One decision about one cache. A request counts once it is read back, as ENROLLED."""

    cache: str
    kind: CacheKind
    notices: Notices
    step: Step
    reason: str
    topics: tuple[str, ...]  # ARNs that its clusters have now, sorted
    note: Enrolling  # for the ledger
    recheck_after: float | None = None  # seconds until more is known (0: soon); None: no matter

    @property
    def name(self) -> str:
        """Return what the ledger knows the cache by: kinds may share a name."""
        return f"{self.kind}/{self.cache}"
