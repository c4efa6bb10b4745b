"""Bring the notifications of caches to our topic, once their forwards stand."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

from cachegate.domain.enrolment import Step
from cachegate.errors import LedgerConflictError
from cachegate.planning.enrolment import MOST_AT_ONCE, Terms, decide, remember
from cachegate.planning.notices import other_topics

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cachegate.domain.cache import Observation
    from cachegate.domain.enrolment import Enrolment
    from cachegate.domain.ledger import Ledger
    from cachegate.protocols import Adapters, Record
    from cachegate.settings import SyncSettings


def look(
    adapters: Adapters,
    settings: SyncSettings,
    seen: Observation,
    ledger: Ledger,
    off: str | None = None,
) -> tuple[Enrolment, ...]:
    """Decide for each cache of a VPC; `off` is why nothing may be asked now, if so.

    AWS is asked about topics only where something may follow from the answer.
    """
    if not settings.enrol:
        off = "EnrolNotifications is false"
    elif ledger.detached:
        off = "the stack is detached"
    others = frozenset[str]() if off else other_topics(seen.caches, settings.topic)
    topics = adapters.notifications.existing(others) if others else {}
    terms = Terms(ours=settings.topic, topics=topics, off=off)
    return decide(seen, ledger, terms, settings.policy)


def enrol(
    adapters: Adapters,
    settings: SyncSettings,
    seen: Observation,
    record: Record,
    off: str | None = None,
) -> tuple[Enrolment, ...]:
    """Ask AWS for what was decided, and return the decisions with what AWS refused.

    Each request is in the ledger before it is made: of a pass that ends in between nobody knows
    whether it made it, so the back-off must hold.
    """
    decisions = look(adapters, settings, seen, record.ledger, off)
    try:
        record = _note(adapters, record, decisions, listed=seen.listed)
    except LedgerConflictError:
        return look(adapters, settings, seen, record.ledger, "another pass wrote the ledger")
    decisions = _ask(adapters, decisions)
    try:
        _note(adapters, record, decisions, listed=seen.listed)
    except LedgerConflictError:
        return decisions  # the request is noted; what AWS said to it is told by this pass alone
    return decisions


def _note(
    adapters: Adapters, record: Record, decisions: Iterable[Enrolment], *, listed: bool
) -> Record:
    """Write what the ledger is to remember, where that is something new."""
    enrolling = remember(record.ledger, decisions, listed=listed)
    if enrolling == record.ledger.enrolling:
        return record
    return adapters.ledgers.save(replace(record.ledger, enrolling=enrolling), record.version)


def _ask(adapters: Adapters, decisions: tuple[Enrolment, ...]) -> tuple[Enrolment, ...]:
    """Make the requests, at the same time; what AWS refused becomes part of the decision."""
    asked = [each for each in decisions if each.step is Step.ENROL]
    if not asked:
        return decisions
    with ThreadPoolExecutor(max_workers=MOST_AT_ONCE) as pool:
        errors = pool.map(lambda e: adapters.notifications.enrol(e.kind, e.cache), asked)
        refusals = dict(zip(asked, errors, strict=True))
    return tuple(_refused(each, refusals.get(each)) for each in decisions)


def _refused(decision: Enrolment, error: str | None) -> Enrolment:
    if error is None:
        return decision
    return replace(decision, note=replace(decision.note, error=error), recheck_after=None)
