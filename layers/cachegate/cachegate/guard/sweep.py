"""One pass of the guard: look, find, carry out where that is asked for, and keep what was found."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from cachegate.domain.finding import Step
from cachegate.domain.revocation import RevocationState
from cachegate.errors import CachegateError
from cachegate.guard.authors import known_authors, late_authors
from cachegate.guard.describe import describe_finding
from cachegate.guard.look import look
from cachegate.guard.protocols import Sweep
from cachegate.guard.results import SweepResult
from cachegate.guard.revoke import Revoker
from cachegate.planning.findings import find
from cachegate.planning.text import moment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from cachegate.domain.finding import Finding
    from cachegate.domain.revocation import Revocation
    from cachegate.guard.look import Looked
    from cachegate.guard.protocols import GuardAdapters
    from cachegate.guard.revoke import Asked
    from cachegate.guard.settings import GuardSettings

    Described = Mapping[str, Any]


def sweep(
    adapters: GuardAdapters,
    settings: GuardSettings,
    asked: Asked,
    tell: Callable[[SweepResult], SweepResult],
) -> SweepResult:
    """Run one pass. A rule that cannot be revoked stops no other one.

    An error that is none of ours breaks the pass off. What was found is kept, and what was revoked
    is settled, only after it was told: so the next pass finds it new or pending, and tells it. An
    alert that was not taken is no telling of what was revoked: nothing else shows that. Findings
    are kept all the same, for they stand there, and alarms go by them.
    """
    looked = look(adapters)
    found = find(looked.view, settings.policy)
    authors = {**known_authors(looked.book), **asked.authors}
    known = {each["rule"]: each for former in looked.book.findings.values() for each in former}
    kept = {each.rule.rule_id: each for each in looked.view.revocations}
    revoker = Revoker(adapters, settings, replace(asked, authors=authors), kept)
    revoked: list[Revocation] = []
    failures: dict[str, CachegateError] = {}
    late: set[str] = set()
    for rule_id, carry_out in _work(looked, found, revoker):
        if adapters.clock() - looked.view.at >= settings.work:
            late.add(rule_id)
            continue
        try:
            revoked.append(carry_out())
        except CachegateError as error:
            failures[rule_id] = error
    findings = tuple(_left(each) if each.rule.rule_id in late else each for each in found)
    swept = SweepResult(
        looked=looked,
        findings=findings,
        enforces=settings.enforces,
        ended_at=adapters.clock(),
        fresh=tuple(each for each in findings if _is_fresh(each, known)),
        revoked=tuple(revoked),
        failures=failures,
        authors=authors,
    )
    result = tell(swept)
    _keep(result, known, adapters, settings)
    told = result.revoked if result.unsent is None else ()
    for revocation in (*told, *late_authors(looked.book, asked.authors)):
        adapters.records.settle(revocation)
    return result


def _work(
    looked: Looked, findings: tuple[Finding, ...], revoker: Revoker
) -> Iterator[tuple[str, Callable[[], Revocation]]]:
    """Yield what there is to do: what a pass that broke off left unproved comes first.

    What was tried in vain comes last: it may take all the time that there is.
    """
    pending = {
        each.rule.rule_id: each
        for each in looked.view.revocations
        if each.state is RevocationState.PENDING
    }
    there = revoker.adapters.groups.present(pending) if pending else frozenset()
    gone = pending.keys() - there
    for rule_id in sorted(gone):
        yield rule_id, partial(revoker.prove, pending[rule_id])
    acting = findings if revoker.settings.enforces else ()
    for finding in sorted(acting, key=lambda each: each.rule.rule_id in pending):
        if finding.step.acts and finding.rule.rule_id not in gone:
            yield finding.rule.rule_id, partial(revoker.carry_out, finding)


def _left(finding: Finding) -> Finding:
    """Leave a rule to a later pass, for want of time."""
    reason = f"this pass had no time left for it; {finding.reason}"
    return replace(finding, step=Step.WAIT, reason=reason, carved=(), paths=())


def _keep(
    result: SweepResult,
    known: Mapping[str, Described],
    adapters: GuardAdapters,
    settings: GuardSettings,
) -> None:
    """Write the findings of groups where they differ from the former ones, and the time."""
    view, book = result.looked.view, result.looked.book
    now: dict[str, list[Described]] = {group_id: [] for group_id in book.findings}
    for finding in result.standing:
        told = describe_finding(finding, result.authors.get(finding.rule.rule_id))
        former = known.get(finding.rule.rule_id)
        since = former["since"] if former else moment(view.at)
        now.setdefault(finding.group.group_id, []).append({"since": since} | told)
    for group_id, findings in now.items():
        if findings != list(book.findings.get(group_id, [])):
            adapters.records.keep_findings(group_id, findings)
    adapters.records.keep_sweep(
        Sweep(
            at=view.at,
            mode=settings.mode.value,
            trail=result.looked.trail.value,
            groups=len(view.groups),
        )
    )


def _is_fresh(finding: Finding, known: Mapping[str, Described]) -> bool:
    """Tell whether the former pass did not have it, or had it with another step or class."""
    former = known.get(finding.rule.rule_id)
    now = (finding.step.value, finding.judgement.source_class.value)
    return former is None or (former["step"], former["class"]) != now
