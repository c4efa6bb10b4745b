"""Decide which caches are asked to announce their changes to our SNS topic. Pure.

A cache has one topic, and somebody may need the one that is there: it is replaced only where AWS
says, in two passes that agree, that it does not exist any more.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from cachegate.domain.cache import Evidence
from cachegate.domain.enrolment import Enrolment, Existence, Notices, Step
from cachegate.domain.ledger import Enrolling
from cachegate.domain.plan import Problem
from cachegate.planning.notices import notices_of, topics_of
from cachegate.planning.text import listing, moment

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from cachegate.domain.cache import Cache, Observation
    from cachegate.domain.ledger import Ledger
    from cachegate.domain.policy import Policy

MOST_AT_ONCE = 5  # requests in one VPC and pass, so that a slow AWS cannot use up a pass's time
AVAILABLE = "available"
ENOUGH_DOUBLINGS = 64  # beyond these any cap is reached, and floats would overflow some day
UNASKED = Existence(Evidence.UNKNOWN, "AWS was not asked")


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What the decisions go by, apart from the caches themselves."""

    ours: str  # ARN of our topic
    topics: Mapping[str, Existence] = field(default_factory=dict)  # other ones
    off: str | None = None  # why nothing is asked of AWS at all, None where it may be


def decide(
    seen: Observation, ledger: Ledger, terms: Terms, policy: Policy
) -> tuple[Enrolment, ...]:
    """Decide for every cache that is forwarded, sorted by kind and name."""
    forwarded = {lease.cache for lease in ledger.leases.values()}
    caches = [cache for cache in seen.caches if cache.name in forwarded]
    decisions: list[Enrolment] = []
    for cache in sorted(caches, key=lambda cache: (cache.kind, cache.name)):
        former = ledger.enrolling.get(f"{cache.kind}/{cache.name}")
        if former is None or former.topic != terms.ours:
            former = Enrolling(topic=terms.ours)  # another topic of ours: a former stack's
        full = sum(each.step is Step.ENROL for each in decisions) >= MOST_AT_ONCE
        decisions.append(_Case(cache, former, terms, policy, seen.at, full).decision())
    return tuple(decisions)


def remember(
    ledger: Ledger, decisions: Iterable[Enrolment], *, listed: bool
) -> Mapping[str, Enrolling]:
    """Return what the ledger is to note. What is not listed is not gone where `listed` is false."""
    noted = {} if listed else dict(ledger.enrolling)
    noted |= {each.name: each.note for each in decisions}
    return {name: note for name, note in noted.items() if note != Enrolling(topic=note.topic)}


def problems(decisions: Iterable[Enrolment]) -> Iterator[Problem]:
    """Yield what a person should know; all these caches are forwarded, by the schedule at least."""
    for each in decisions:
        if each.notices is Notices.INACTIVE:
            message = (
                "AWS does not publish to our topic (its status is inactive): leave the topic "
                "unencrypted and its policy as the template has them, then set the cache's "
                "NotificationTopicStatus to active"
            )
            yield _problem("topic_inactive", each, message)
        elif each.step is Step.REPORT:
            message = f"{each.reason}; until it is taken off, the schedule notices changes"
            yield _problem("other_topic", each, message)
        if each.step is Step.NOTHING:
            continue
        if each.note.error is not None:
            yield _problem("not_enrolled", each, f"AWS did not set our topic: {each.note.error}")
        elif each.note.attempts > 1:
            message = f"asked {each.note.attempts} times, and AWS does not show our topic"
            yield _problem("not_enrolled", each, message)


def back_off(attempts: int, policy: Policy) -> float:
    """Return the seconds to wait after so many requests that were not read back (1 or more)."""
    doubled = policy.enrol_backoff * 2.0 ** min(attempts - 1, ENOUGH_DOUBLINGS)
    return min(doubled, policy.enrol_backoff_most)


@dataclass(frozen=True, slots=True)
class _Case:
    cache: Cache
    former: Enrolling
    terms: Terms
    policy: Policy
    at: float
    full: bool  # enough others are asked for in this pass

    def decision(self) -> Enrolment:
        """Decide; the first rule that fits."""
        notices = notices_of(self.cache, self.terms.ours)
        others = tuple(topic for topic in topics_of(self.cache) if topic != self.terms.ours)
        what = {
            Notices.EVENTBRIDGE: "serverless caches have no topic: EventBridge hears of them",
            Notices.ENROLLED: "its notifications come to our topic",
            Notices.INACTIVE: "our topic is inactive: AWS does not publish to it",
            Notices.OTHER_TOPIC: f"its topic is {listing(others)}",
            Notices.NOT_ENROLLED: "not all its clusters have a topic",
            Notices.UNKNOWN: "AWS does not show all its clusters now",
        }[notices]
        if notices.heard:
            return self._is(Step.NOTHING, what, self._blank)
        if self.terms.off is not None:
            return self._is(Step.NOTHING, f"{what}; {self.terms.off}", self.former)
        if notices is Notices.UNKNOWN:
            return self._is(Step.WAIT, what, self.former)
        if notices is Notices.OTHER_TOPIC:
            return self._other(others)
        return self._ask(what, replace(self.former, absent=(), absent_since=None))

    def _other(self, others: tuple[str, ...]) -> Enrolment:
        """Two passes must agree: somebody may just be making the topic anew under its name."""
        found = {topic: self.terms.topics.get(topic, UNASKED) for topic in others}
        if present := [t for t in others if found[t].evidence is Evidence.PRESENT]:
            reason = f"its topic {listing(present)} exists, and is never replaced"
            return self._is(Step.REPORT, reason, self._blank)
        for topic, existence in found.items():
            if existence.evidence is not Evidence.ABSENT:
                reason = f"whether its topic {topic} exists is not known: {existence.reason}"
                note = replace(self.former, absent=(), absent_since=None)
                return self._is(Step.REPORT, reason, note)
        note = self.former
        if note.absent != others or note.absent_since is None:
            note = replace(note, absent=others, absent_since=self.at)
        gone = f"its topic {listing(others)} does not exist any more"
        if self._until_agreed(note) > 0:
            return self._is(Step.WAIT, f"{gone}; a second pass must agree", note)
        return self._ask(gone, note)

    def _ask(self, reason: str, note: Enrolling) -> Enrolment:
        hurdle = self._hurdle(note)
        if hurdle is not None:
            return self._is(Step.WAIT, f"{reason}; {hurdle}", note)
        asked = replace(note, attempts=note.attempts + 1, asked_at=self.at, error=None)
        return self._is(Step.ENROL, reason, asked)

    def _hurdle(self, note: Enrolling) -> str | None:
        """Say why AWS is not asked now, if so."""
        statuses = {self.cache.status, *(each.status for each in self.cache.notified)}
        if statuses != {AVAILABLE}:
            return f"its status is {listing(sorted(statuses - {AVAILABLE}))}"
        # AWS replaces a pending modification of a cluster by the next request, and does not say
        # what it does with one of a replication group
        # (https://docs.aws.amazon.com/AmazonElastiCache/latest/APIReference/API_ModifyCacheCluster.html).
        if any(each.pending for each in self.cache.notified):
            return "a modification is pending, which a request might replace"
        again = note.asked_at + back_off(note.attempts, self.policy)
        if note.attempts and self.at < again:
            return f"asked {moment(note.asked_at)}, not read back yet: again {moment(again)}"
        return f"{MOST_AT_ONCE} others come first in this pass" if self.full else None

    def _is(self, step: Step, reason: str, note: Enrolling) -> Enrolment:
        return Enrolment(
            cache=self.cache.name,
            kind=self.cache.kind,
            notices=notices_of(self.cache, self.terms.ours),
            step=step,
            reason=reason,
            topics=topics_of(self.cache),
            note=note,
            recheck_after=None if step is Step.NOTHING else self._recheck(note),
        )

    def _recheck(self, note: Enrolling) -> float | None:
        """Return when more is known. AWS shows a request within minutes, or the schedule looks."""
        if note.absent and self._until_agreed(note) > 0:
            return self._until_agreed(note)
        shown = note.asked_at + self.policy.enrol_backoff
        return 0.0 if note.attempts and note.error is None and self.at < shown else None

    def _until_agreed(self, note: Enrolling) -> float:
        since = self.at if note.absent_since is None else note.absent_since
        return since + self.policy.agreement - self.at

    @property
    def _blank(self) -> Enrolling:
        return Enrolling(topic=self.terms.ours)


def _problem(code: str, decision: Enrolment, message: str) -> Problem:
    text = f"{decision.cache}: {message}"
    return Problem(code=code, cache=decision.cache, message=text, forwarded=True)
