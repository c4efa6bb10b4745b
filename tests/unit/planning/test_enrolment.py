"""Which caches are asked for our topic: never one whose own topic may exist."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cachegate.domain.cache import CacheKind, Evidence, Notified
from cachegate.domain.enrolment import Enrolment, Existence, Notices, Step
from cachegate.domain.forward import ForwardKind
from cachegate.domain.ledger import Enrolling, Lease, Ledger
from cachegate.planning.enrolment import (
    MOST_AT_ONCE,
    Terms,
    back_off,
    decide,
    problems,
    remember,
)
from cachegate.planning.notices import other_topics
from tests.unit.planning.builders import POLICY, START, group, memcached, observe, serverless

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from cachegate.domain.cache import Cache

OURS = "arn:aws:sns:eu-west-1:123456789012:ours"
OTHER = "arn:aws:sns:eu-west-1:123456789012:other"
THIRD = "arn:aws:sns:eu-west-1:123456789012:third"
PRESENT, ABSENT = Existence(Evidence.PRESENT), Existence(Evidence.ABSENT)
UNKNOWN = Existence(Evidence.UNKNOWN, "GetTopicAttributes: Throttled")


def told(cluster: str, topic: str | None = None, **fields: Any) -> Notified:
    shown: dict[str, Any] = {"status": "available", "topic_active": topic is not None} | fields
    return Notified(cluster_id=cluster, topic=topic, **shown)


def sessions(
    first: str | None = None, second: str | None = None, nodes: int = 2, **fields: Any
) -> Cache:
    """A group of two, with a topic for each member."""
    notified = (told("sessions-001", first), told("sessions-002", second))
    return group("sessions", nodes, **{"notified": notified, **fields})


def cart(topic: str | None = None, **fields: Any) -> Cache:
    """A standalone cluster."""
    return memcached("cart", notified=(told("cart", topic, **fields),))


def ledger(caches: Iterable[Cache], enrolling: Mapping[str, Enrolling] | None = None) -> Ledger:
    """A ledger in which each cache has a forward."""
    leases = {
        cache.name: Lease(
            key=cache.name,
            cache=cache.name,
            kind=ForwardKind.NODE,
            listen=6379 + number,
            leased_at=START,
            changed_at=START,
            reason="",
        )
        for number, cache in enumerate(caches)
    }
    return Ledger(vpc_id="vpc-1", leases=leases, enrolling=enrolling or {})


def one(
    cache: Cache,
    at: float = 0.0,
    former: Enrolling | None = None,
    topics: Mapping[str, Existence] | None = None,
    off: str | None = None,
) -> Enrolment:
    """Decide about one cache at START + at."""
    noted = {f"{cache.kind}/{cache.name}": former} if former else {}
    terms = Terms(ours=OURS, topics=topics or {}, off=off)
    (found,) = decide(observe(at, [cache], {}), ledger([cache], noted), terms, POLICY)
    return found


def gone(since: float) -> Enrolling:
    """What is noted of a cache whose topic was first seen absent at START + since."""
    return Enrolling(topic=OURS, absent=(OTHER,), absent_since=START + since)


ASKED = Enrolling(topic=OURS, attempts=1, asked_at=START)


@pytest.mark.parametrize(
    ("cache", "notices", "step"),
    [
        (sessions(), Notices.NOT_ENROLLED, Step.ENROL),
        (sessions(OURS, OURS), Notices.ENROLLED, Step.NOTHING),
        (sessions(OURS, None), Notices.NOT_ENROLLED, Step.ENROL),
        (cart(), Notices.NOT_ENROLLED, Step.ENROL),
        (cart(OURS), Notices.ENROLLED, Step.NOTHING),
        (cart(OURS, topic_active=False), Notices.INACTIVE, Step.ENROL),
        (serverless("fast"), Notices.EVENTBRIDGE, Step.NOTHING),
        (sessions(whole=False), Notices.UNKNOWN, Step.WAIT),
        (sessions(notified=(told("sessions-001"),)), Notices.UNKNOWN, Step.WAIT),
        (sessions(nodes=0, notified=()), Notices.UNKNOWN, Step.WAIT),
        (sessions(status="modifying"), Notices.NOT_ENROLLED, Step.WAIT),
        (cart(status="snapshotting"), Notices.NOT_ENROLLED, Step.WAIT),
        (cart(pending=True), Notices.NOT_ENROLLED, Step.WAIT),
    ],
)
def test_a_cache_without_a_topic_of_others_is_asked_for_ours_when_it_can_be_modified(
    cache: Cache, notices: Notices, step: Step
) -> None:
    decision = one(cache)

    assert (decision.notices, decision.step) == (notices, step)
    assert decision.note.attempts == (1 if step is Step.ENROL else 0)


@pytest.mark.parametrize(
    ("first", "second", "topics", "step"),
    [
        (OTHER, OTHER, {OTHER: PRESENT}, Step.REPORT),
        (OURS, OTHER, {OTHER: PRESENT}, Step.REPORT),
        (None, OTHER, {OTHER: PRESENT}, Step.REPORT),
        (OTHER, THIRD, {OTHER: ABSENT, THIRD: PRESENT}, Step.REPORT),
        (OTHER, THIRD, {OTHER: ABSENT, THIRD: UNKNOWN}, Step.REPORT),
        (OTHER, OTHER, {OTHER: UNKNOWN}, Step.REPORT),
        (OTHER, OTHER, {}, Step.REPORT),
        (OTHER, OTHER, {OTHER: ABSENT}, Step.ENROL),
        (OURS, OTHER, {OTHER: ABSENT}, Step.ENROL),
        (OTHER, THIRD, {OTHER: ABSENT, THIRD: ABSENT}, Step.WAIT),  # noted for OTHER alone
    ],
)
def test_a_topic_of_others_is_replaced_only_where_all_of_them_are_absent(
    first: str | None, second: str, topics: dict[str, Existence], step: Step
) -> None:
    decision = one(sessions(first, second), 100, gone(since=0), topics)

    assert (decision.notices, decision.step) == (Notices.OTHER_TOPIC, step)


def test_an_absent_topic_is_replaced_by_the_second_pass_that_agrees() -> None:
    first = one(cart(OTHER), 0, None, {OTHER: ABSENT})
    early = one(cart(OTHER), 59, first.note, {OTHER: ABSENT})
    second = one(cart(OTHER), 60, early.note, {OTHER: ABSENT})

    assert [each.step for each in (first, early, second)] == [Step.WAIT, Step.WAIT, Step.ENROL]
    assert (first.recheck_after, early.recheck_after) == (60.0, 1.0)


def test_a_topic_that_was_seen_again_begins_anew() -> None:
    back = one(cart(OTHER), 30, gone(since=0), {OTHER: PRESENT})
    lost = one(cart(OTHER), 30, gone(since=0), {OTHER: UNKNOWN})
    taken_off = one(cart(status="modifying"), 30, gone(since=0))

    assert one(cart(OTHER), 61, back.note, {OTHER: ABSENT}).step is Step.WAIT
    assert one(cart(OTHER), 61, lost.note, {OTHER: ABSENT}).step is Step.WAIT
    assert one(cart(OTHER), 61, taken_off.note, {OTHER: ABSENT}).step is Step.WAIT


def test_what_is_unknown_is_reported_with_the_reason() -> None:
    decision = one(cart(OTHER), 0, None, {OTHER: UNKNOWN})

    (problem,) = problems([decision])
    assert problem.code == "other_topic"
    assert OTHER in problem.message
    assert "Throttled" in problem.message


@pytest.mark.parametrize("attempts", [1, 2, 3, 8, 9, 10_000])
def test_a_request_that_is_not_read_back_is_repeated_after_a_pause_that_doubles_to_a_day(
    attempts: int,
) -> None:
    former = replace(ASKED, attempts=attempts)
    pause = back_off(attempts, POLICY)

    assert pause == min(300 * 2 ** min(attempts - 1, 20), 86400)
    assert one(cart(), pause - 1, former).step is Step.WAIT
    again = one(cart(), pause, former)
    assert (again.step, again.note.attempts) == (Step.ENROL, attempts + 1)


def test_a_request_is_looked_for_soon_then_by_the_schedule() -> None:
    assert one(cart(), 0).recheck_after == 0.0
    assert one(cart(status="modifying"), 200, ASKED).recheck_after == 0.0
    assert one(cart(), 301, replace(ASKED, attempts=2)).recheck_after is None
    assert one(cart(), 200, replace(ASKED, error="AccessDenied")).recheck_after is None
    assert one(cart(OURS), 200, ASKED).recheck_after is None


def test_a_refusal_is_told_until_the_next_request() -> None:
    refused = one(cart(), 10, replace(ASKED, error="AccessDenied"))

    assert refused.step is Step.WAIT
    assert [(p.code, p.forwarded) for p in problems([refused])] == [("not_enrolled", True)]
    assert one(cart(), 300, refused.note).note.error is None


def test_a_second_request_without_effect_is_a_problem_and_the_first_is_none() -> None:
    first = one(cart())
    second = one(cart(), 300, first.note)

    assert list(problems([first])) == []
    assert [problem.code for problem in problems([second])] == ["not_enrolled"]


def test_an_inactive_topic_of_ours_is_a_problem_also_where_nothing_is_asked() -> None:
    decision = one(cart(OURS, topic_active=False), off="off")

    assert decision.step is Step.NOTHING
    assert [problem.code for problem in problems([decision])] == ["topic_inactive"]


@pytest.mark.parametrize("cache", [cart(), cart(OTHER), sessions(OURS, None), cart(pending=True)])
def test_off_means_nothing_is_asked_noted_or_complained_of(cache: Cache) -> None:
    former = Enrolling(topic=OURS, attempts=3, asked_at=START)

    decision = one(cache, 1, former, topics={OTHER: ABSENT}, off="EnrolNotifications is false")

    assert decision.step is Step.NOTHING
    assert "EnrolNotifications is false" in decision.reason
    assert (decision.note, decision.recheck_after) == (former, None)
    assert list(problems([decision])) == []


def test_a_cache_that_is_not_forwarded_is_left_alone() -> None:
    seen = observe(0, [cart(), sessions()], {})

    decisions = decide(seen, ledger([cart()]), Terms(ours=OURS), POLICY)

    assert [each.cache for each in decisions] == ["cart"]


def test_what_was_asked_for_another_topic_of_ours_counts_not() -> None:
    former = Enrolling(topic=THIRD, attempts=9, asked_at=START, error="AccessDenied")

    decision = one(cart(), 1, former)

    assert (decision.step, decision.note.attempts) == (Step.ENROL, 1)


def test_a_few_are_asked_for_in_one_pass_and_the_rest_in_the_next() -> None:
    caches = [memcached(f"c{n}", notified=(told(f"c{n}"),)) for n in range(MOST_AT_ONCE + 2)]
    terms, before = Terms(ours=OURS), ledger(caches)

    first = decide(observe(0, caches, {}), before, terms, POLICY)
    noted = replace(before, enrolling=remember(before, first, listed=True))
    second = decide(observe(30, caches, {}), noted, terms, POLICY)

    asked = [{d.cache for d in ds if d.step is Step.ENROL} for ds in (first, second)]
    assert [len(names) for names in asked] == [MOST_AT_ONCE, 2]
    assert not asked[0] & asked[1]


def test_a_note_ends_when_the_topic_is_read_back_or_the_cache_is_gone() -> None:
    before = ledger([cart()], {"cluster/cart": ASKED, "cluster/old": ASKED})
    done = decide(observe(9, [cart(OURS)], {}), before, Terms(ours=OURS), POLICY)

    assert remember(before, done, listed=True) == {}
    assert remember(before, done, listed=False) == {"cluster/old": ASKED}


def test_the_topics_to_look_at_are_those_of_others() -> None:
    assert other_topics([sessions(OURS, OTHER), cart(THIRD)], OURS) == {OTHER, THIRD}
    assert other_topics([sessions(OURS, None)], OURS) == frozenset()


# -- whatever happens ---------------------------------------------------------------------------

TOPICS = st.sampled_from([None, OURS, OTHER, THIRD])
STATUSES = st.sampled_from(["available", "available", "modifying", "snapshotting"])


@dataclass
class Account:
    """Two caches and two topics of others, and passes over them that may lose anything."""

    now: float = START
    living: set[str] = field(default_factory=lambda: {OURS, OTHER, THIRD})
    topics: dict[str, str | None] = field(default_factory=dict)
    requests: dict[str, list[float]] = field(default_factory=dict)
    ledger: Ledger = field(default_factory=lambda: ledger([cart(), sessions()]))
    accepted: list[str] = field(default_factory=list)  # AWS works on them

    def caches(self, status: str, hidden: int) -> list[Cache]:
        first, second, alone = (self.topics.get(k) for k in ("s1", "s2", "cart"))
        members = (told("sessions-001", first), told("sessions-002", second))
        return [
            sessions(status=status, notified=members[hidden:]),
            cart(alone, status=status),
        ]

    def run(
        self, status: str, hidden: int, lost: set[str], *, listed: bool, late: float, crash: bool
    ) -> None:
        """Observe, decide, note, ask; `late` makes the pass one that began before others."""
        caches = self.caches(status, hidden)[0 if listed else 1 :]
        seen = replace(observe(0, caches, {}, listed=listed), at=self.now - late)
        existing = {
            topic: UNKNOWN if topic in lost else PRESENT if topic in self.living else ABSENT
            for topic in other_topics(seen.caches, OURS)
        }
        decisions = decide(seen, self.ledger, Terms(ours=OURS, topics=existing), POLICY)
        noted = remember(self.ledger, decisions, listed=listed)
        self.ledger = replace(self.ledger, enrolling=noted)
        for each in decisions:
            if each.step is Step.ENROL and not crash:
                self.ask(each, seen.at, status)

    def ask(self, decision: Enrolment, at: float, status: str) -> None:
        keys = ["s1", "s2"] if decision.kind is CacheKind.REPLICATION_GROUP else ["cart"]
        foreign = {self.topics.get(key) for key in keys} - {None, OURS}
        assert not foreign & self.living
        assert status == "available"
        former = self.requests.setdefault(decision.cache, [])
        if former and decision.note.attempts > 1:
            assert at >= former[-1] + back_off(decision.note.attempts - 1, POLICY)
        former.append(at)
        self.accepted += keys

    def settle(self) -> None:
        """Let AWS end what it works on."""
        self.topics |= dict.fromkeys(self.accepted, OURS)
        self.accepted = []

    def step(self, name: str, *of: Any) -> None:
        match name:
            case "pass":
                status, hidden, lost, listed, late, crash = of
                self.run(status, hidden, lost, listed=listed, late=late, crash=crash)
            case "wait":
                self.now += of[0]
            case "create":
                self.living.add(of[0])
            case "delete":
                self.living.discard(of[0])
            case "set":
                self.topics[of[0]] = of[1]
            case "settle":
                self.settle()
            case "lose":
                self.accepted = []


OTHERS = st.sampled_from([OTHER, THIRD])
PASSES = st.tuples(
    st.just("pass"),
    STATUSES,
    st.sampled_from([0, 0, 1]),
    st.sets(OTHERS),
    st.booleans(),
    st.sampled_from([0.0, 0.0, 5.0, 90.0]),
    st.booleans(),
)
STEPS = st.one_of(
    PASSES,
    PASSES,
    st.tuples(st.just("wait"), st.sampled_from([1.0, 30.0, 61.0, 301.0, 90_000.0])),
    st.tuples(st.just("create"), OTHERS),
    st.tuples(st.just("delete"), OTHERS),
    st.tuples(st.just("set"), st.sampled_from(["s1", "s2", "cart"]), TOPICS),
    st.tuples(st.just("settle")),
    st.tuples(st.just("lose")),
)


@given(st.lists(STEPS, max_size=40))
def test_a_living_topic_is_never_replaced_requests_keep_their_pause_and_all_ends_well(
    steps: list[tuple[Any, ...]],
) -> None:
    account = Account()
    for name, *of in steps:
        account.step(name, *of)

    account.settle()
    for _ in range(3):  # the topic is absent, a second pass agrees and asks, the third reads back
        account.now += 90_000
        account.run("available", 0, set(), listed=True, late=0.0, crash=False)
        account.settle()

    for keys in (["s1", "s2"], ["cart"]):
        shown = {account.topics.get(key) for key in keys}
        assert shown == {OURS} or shown & (account.living - {OURS})
    assert account.ledger.enrolling == {}
