"""Decide which caches are asked to announce their changes to our SNS topic. Pure.

A cache has one topic, and somebody may need the one that is there: it is replaced only where AWS
says, in two passes that agree, that it does not exist any more.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from cachegate.domain.cache import CacheKind, Evidence
from cachegate.domain.enrolment import Enrolment, Step
from cachegate.domain.ledger import Enrolling
from cachegate.domain.plan import Problem
from cachegate.planning.text import listing, moment

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from cachegate.domain.cache import Cache, Observation
    from cachegate.domain.policy import Policy

MOST_AT_ONCE = 5  # requests in one VPC and pass, so that a slow AWS cannot use up a pass's time
AVAILABLE = "available"
ENOUGH_DOUBLINGS = 64  # beyond these any cap is reached, and floats would overflow some day


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What the decisions go by, apart from the caches themselves."""

    ours: str  # ARN of our topic
    existing: Mapping[str, Evidence] = field(default_factory=dict)  # of other topics
    off: str | None = None  # why nothing is asked of AWS at all, None where it may be


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrolments:
    """A decision for each cache, and what the ledger is to remember of them."""

    decisions: tuple[Enrolment, ...] = ()
    enrolling: Mapping[str, Enrolling] = field(default_factory=dict)


def other_topics(caches: Iterable[Cache], ours: str) -> frozenset[str]:
    """Return the topics that are not ours: whether they exist decides about their caches."""
    return frozenset(t for cache in caches for t in _topics(cache)) - {ours}


def decide(
    seen: Observation, enrolling: Mapping[str, Enrolling], terms: Terms, policy: Policy
) -> Enrolments:
    """Decide for every cache of a VPC; `enrolling` is the ledger's. Sorted by kind and name."""
    decisions, noted, asked = [], {}, 0
    for cache in sorted(seen.caches, key=_name):
        name = _name(cache)
        former = enrolling.get(name)
        if former is not None and former.topic != terms.ours:
            former = None  # about another topic of ours, as after a new deployment
        case = _Case(cache=cache, former=former, terms=terms, policy=policy, at=seen.at)
        verdict = case.verdict()
        if verdict.step is Step.ENROL and asked == MOST_AT_ONCE:
            why = f"{MOST_AT_ONCE} caches are asked for in one pass: this one in a later pass"
            verdict = _Verdict(Step.WAIT, why, former)
        asked += verdict.step is Step.ENROL
        decisions.append(case.decision(verdict))
        if verdict.note is not None:
            noted[name] = verdict.note
    if not seen.listed or terms.off is not None:  # absent is not gone, and off is not done
        noted = dict(enrolling) | noted
    return Enrolments(decisions=tuple(decisions), enrolling=noted)


def back_off(attempts: int, policy: Policy) -> float:
    """Return the seconds to wait after so many requests that were not read back (1 or more)."""
    doubled = policy.enrol_backoff * 2.0 ** min(attempts - 1, ENOUGH_DOUBLINGS)
    return min(doubled, policy.enrol_backoff_most)


def problems(decisions: Iterable[Enrolment]) -> Iterator[Problem]:
    """Yield what a person should know; all these caches are forwarded, by the schedule at least."""
    for each in decisions:
        if each.inactive:
            message = (
                f"AWS does not publish to our topic for {each.cache} (its status is inactive): "
                f"leave the topic unencrypted and its policy as the template has them, then set "
                f"the cache's NotificationTopicStatus to active"
            )
            yield _problem("topic_inactive", each, message)
        elif each.step is Step.REPORT:
            message = (
                f"{each.cache}: {each.reason}; until it is taken off the cache, changes are "
                f"noticed by the schedule"
            )
            yield _problem("other_topic", each, message)
        if each.error is not None:
            yield _problem("not_enrolled", each, f"{each.cache}: AWS refused: {each.error}")
        elif each.attempts > 1:
            message = f"{each.cache}: asked {each.attempts} times, and AWS still shows no change"
            yield _problem("not_enrolled", each, message)


@dataclass(frozen=True, slots=True)
class _Verdict:
    step: Step
    reason: str
    note: Enrolling | None  # for the ledger


@dataclass(frozen=True, slots=True, kw_only=True)
class _Case:
    cache: Cache
    former: Enrolling | None
    terms: Terms
    policy: Policy
    at: float

    def verdict(self) -> _Verdict:
        """Decide; the first rule that fits."""
        if self.cache.kind is CacheKind.SERVERLESS:
            return self._done("serverless caches have no topic: EventBridge hears of them")
        if not self._complete():
            return self._wait("AWS does not show all its clusters now")
        topics = _topics(self.cache)
        others = sorted(topics - {self.terms.ours})
        if topics == {self.terms.ours} and not self._empty() and not self._inactive():
            return self._done("its notifications come to our topic")
        if self.terms.off is not None:
            return self._off(others)
        return self._other(tuple(others)) if others else self._join(topics)

    def decision(self, verdict: _Verdict) -> Enrolment:
        """Return the verdict as the outside sees it."""
        return Enrolment(
            cache=self.cache.name,
            kind=self.cache.kind,
            step=verdict.step,
            reason=verdict.reason,
            topics=tuple(sorted(_topics(self.cache))),
            inactive=self._inactive(),
            attempts=verdict.note.attempts if verdict.note else 0,
        )

    def _complete(self) -> bool:
        described = {each.cluster_id for each in self.cache.notified}
        members = {node.id.cluster_id for node in self.cache.nodes}
        return self.cache.whole and bool(members) and described >= members

    def _empty(self) -> bool:
        return any(each.topic is None for each in self.cache.notified)

    def _inactive(self) -> bool:
        ours = (each for each in self.cache.notified if each.topic == self.terms.ours)
        return any(not each.topic_active for each in ours)

    def _done(self, reason: str) -> _Verdict:
        return _Verdict(Step.NOTHING, reason, None)

    def _wait(self, reason: str) -> _Verdict:
        return _Verdict(Step.WAIT, reason, self.former)

    def _off(self, others: list[str]) -> _Verdict:
        has = f"it has {listing(others)}" if others else "our topic is not on all its clusters"
        return _Verdict(Step.NOTHING, f"{has}, and {self.terms.off}", self.former)

    def _join(self, topics: set[str]) -> _Verdict:
        if self._inactive():
            return self._ask("our topic is inactive: AWS does not publish to it")
        return self._ask("it has no topic" if not topics else "not all its clusters have our topic")

    def _other(self, others: tuple[str, ...]) -> _Verdict:
        evidence = {topic: self.terms.existing.get(topic, Evidence.UNKNOWN) for topic in others}
        present = [topic for topic in others if evidence[topic] is Evidence.PRESENT]
        if present:
            reason = f"its topic {listing(present)} exists: never replaced"
            return _Verdict(Step.REPORT, reason, None)
        unknown = [topic for topic in others if evidence[topic] is Evidence.UNKNOWN]
        if unknown:
            reason = f"AWS does not tell whether its topic {listing(unknown)} exists: not replaced"
            return _Verdict(Step.REPORT, reason, self.former)
        return self._absent(others)

    def _absent(self, others: tuple[str, ...]) -> _Verdict:
        """Two passes must agree: somebody may just be making the topic anew under its name."""
        former = self.former or Enrolling(topic=self.terms.ours)
        if former.absent != others or former.absent_since is None:
            former = replace(former, absent=others, absent_since=self.at)
        since = former.absent_since if former.absent_since is not None else self.at
        if self.at - since < self.policy.agreement:
            reason = f"its topic {listing(others)} does not exist: a second pass must agree"
            return _Verdict(Step.WAIT, reason, former)
        return self._ask(f"its topic {listing(others)} does not exist any more", former)

    def _ask(self, reason: str, note: Enrolling | None = None) -> _Verdict:
        former = note or replace(
            self.former or Enrolling(topic=self.terms.ours), absent=(), absent_since=None
        )
        hurdle = self._hurdle(former)
        if hurdle is not None:
            return _Verdict(Step.WAIT, hurdle, former)
        asked = replace(former, attempts=former.attempts + 1, asked_at=self.at)
        return _Verdict(Step.ENROL, reason, asked)

    def _hurdle(self, former: Enrolling) -> str | None:
        """Say why AWS is not asked now, if so."""
        statuses = {self.cache.status, *(each.status for each in self.cache.notified)}
        if statuses != {AVAILABLE}:
            return f"its status is {listing(sorted(statuses - {AVAILABLE}))}"
        # AWS: a ModifyCacheCluster replaces a modification that is still pending
        # (https://docs.aws.amazon.com/AmazonElastiCache/latest/APIReference/API_ModifyCacheCluster.html).
        if self.cache.kind is CacheKind.CLUSTER and any(n.pending for n in self.cache.notified):
            return "a modification is pending, which a request would replace"
        again = former.asked_at + back_off(former.attempts, self.policy)
        if former.attempts and self.at < again:
            return f"asked {moment(former.asked_at)}, not read back yet: again {moment(again)}"
        return None


def _name(cache: Cache) -> str:
    return f"{cache.kind}/{cache.name}"


def _topics(cache: Cache) -> set[str]:
    return {each.topic for each in cache.notified if each.topic is not None}


def _problem(code: str, decision: Enrolment, message: str) -> Problem:
    return Problem(code=code, cache=decision.cache, message=message, forwarded=True)
