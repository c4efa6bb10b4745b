"""From what a pass of the guard saw to its findings: which rules go, which stay, and why. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

from cachegate.domain.finding import Finding, Severity, Step, Use
from cachegate.domain.judgement import SourceClass, Verdict
from cachegate.domain.revocation import RevocationState
from cachegate.planning.carving import beside, beside_in_words
from cachegate.planning.exemption import excuse
from cachegate.planning.judge import judge
from cachegate.planning.managed import kept
from cachegate.planning.returning import Past, maker
from cachegate.planning.severity import severity
from cachegate.planning.text import listing, moment
from cachegate.planning.undercut import keep_ways

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from cachegate.domain.groups import GuardedCache
    from cachegate.domain.guard_policy import GuardPolicy
    from cachegate.domain.guard_view import GuardView
    from cachegate.domain.ingress import IngressRule
    from cachegate.domain.judgement import Judgement

_GRAVEST_FIRST = tuple(reversed(Severity))
_WIDEST_FIRST = (
    SourceClass.WORLD,
    SourceClass.WIDE,
    SourceClass.UNION,
    SourceClass.UNREADABLE,
    SourceClass.SPILL,
)


def find(view: GuardView, policy: GuardPolicy) -> tuple[Finding, ...]:
    """Return every rule that the policy does not allow, the gravest first, each with its step."""
    rules: defaultdict[str | None, list[IngressRule]] = defaultdict(list)
    # Once each: a list that AWS gives by the page may name one twice while it changes.
    for rule in {rule.rule_id: rule for rule in view.rules}.values():
        rules[rule.group_id].append(rule)
    members: defaultdict[str, list[GuardedCache]] = defaultdict(list)
    for cache in view.caches:
        for group_id in cache.groups:
            members[group_id].append(cache)
    past = Past(view.revocations, view.at - policy.returns_within)
    found = [
        _finding(judgement, members[group_id], view, past, policy)
        for group_id in view.groups
        for judgement in _judged(rules[group_id], members[group_id], policy)
        if judgement.verdict is not Verdict.ALLOW
    ]
    found.sort(key=_order)
    tried = {
        each.rule.rule_id for each in view.revocations if each.state is RevocationState.PENDING
    }
    kept = tuple(keep_ways(found, view, policy))
    return tuple(_capped(kept, policy.most_revocations, tried))


def _order(finding: Finding) -> tuple[int, int, str, str]:
    source_class = finding.judgement.source_class
    return (
        _GRAVEST_FIRST.index(finding.severity),
        _WIDEST_FIRST.index(source_class) if source_class in _WIDEST_FIRST else len(_WIDEST_FIRST),
        finding.group.group_id,
        finding.rule.rule_id,
    )


def _judged(
    rules: Sequence[IngressRule], members: Iterable[GuardedCache], policy: GuardPolicy
) -> list[Judgement]:
    """Judge the rules of one group, whose caches' real ports are protected too."""
    ports = frozenset(port for cache in members for port in cache.ports)
    return judge(rules, replace(policy.judge, protected=policy.judge.protected | ports))


def _finding(
    judgement: Judgement,
    members: Iterable[GuardedCache],
    view: GuardView,
    past: Past,
    policy: GuardPolicy,
) -> Finding:
    group_id = judgement.rule.group_id or ""
    group, sharing = view.groups[group_id], view.sharing[group_id]
    finding = Finding(
        judgement=judgement,
        group=group,
        caches=tuple(sorted(cache.name for cache in members)),
        sharing=sharing,
        severity=severity(judgement, sharing),
        step=Step.REPORT,
        reason="a person has to judge it",
    )
    exemption, objection = excuse(finding.rule, view.at)
    if exemption is not None:
        by = f"{exemption.owner} answers for it through {exemption.until}"
        reason = f"{by}: {exemption.reason}"
        return replace(finding, step=Step.EXEMPT, reason=reason, exemption=exemption)
    keeping = kept(finding.rule, group, view.instances, policy)
    if keeping is not None:
        return replace(finding, reason=keeping.reason, advice=keeping.advice)
    finding = _decided(finding, past, policy)
    return replace(finding, reason=f"{finding.reason}; {objection}") if objection else finding


def _why_left(finding: Finding, policy: GuardPolicy) -> str:
    """Say why a rule that is too wide is not for the guard to change; nothing where it is."""
    if finding.group.owner != policy.account:
        return f"the group belongs to the account {finding.group.owner}, which alone can change it"
    if finding.sharing.use is Use.DOUBTFUL:
        return f"whether the group is shared is not known: {finding.sharing.reason}"
    if finding.sharing.use is Use.EXCLUSIVE and not policy.revoke_exclusive:
        return f"{finding.sharing.reason}, and rules of such groups are only reported"
    return ""


def _decided(finding: Finding, past: Past, policy: GuardPolicy) -> Finding:
    if finding.judgement.verdict is not Verdict.REVOKE:
        return finding
    left = _why_left(finding, policy)
    if left:
        return replace(finding, reason=left)
    times = past.of(finding.rule)
    if len(times) >= policy.most_returns:
        by = maker(finding.rule, finding.group)
        return replace(
            finding,
            step=Step.REFUSE,
            reason=f"it was revoked {len(times)} times, last at {moment(times[-1])}, and came "
            f"back: {by} puts it there",
            advice=f"take the rule out of what {by} declares, or exempt it",
        )
    reason = f"the group is shared: {finding.sharing.reason}"
    if finding.sharing.use is Use.EXCLUSIVE:
        reason = f"{finding.sharing.reason}, and the stack revokes there too"
    carved = beside(finding.rule.traffic, finding.judgement.reached) if policy.carve_ranges else ()
    if not carved:
        others = beside_in_words(finding.rule.traffic, finding.judgement.reached)
        reason += f"; what else it admits goes too: {others}" if others else ""
        return replace(finding, step=Step.REVOKE, reason=reason)
    reason = f"{reason}; {listing(carved)} stays open"
    return replace(finding, step=Step.CARVE, reason=reason, carved=carved)


def _capped(findings: Sequence[Finding], most: int, tried: Collection[str]) -> Iterator[Finding]:
    """Let the gravest act, and of the equally grave a first one of each group before any second.

    So whoever goes on adding rules to one group does not keep those of others waiting. Those that
    a former pass tried in vain come after all others.
    """
    turns: Counter[str] = Counter()
    acting: list[tuple[bool, int, int, str]] = []
    for finding in findings:
        if finding.step.acts:
            rule_id, group_id = finding.rule.rule_id, finding.group.group_id
            turns[group_id] += 1
            gravity = _GRAVEST_FIRST.index(finding.severity)
            acting.append((rule_id in tried, gravity, turns[group_id], rule_id))
    waiting = {rule_id for *_, rule_id in sorted(acting)[most:]}
    for finding in findings:
        if finding.rule.rule_id not in waiting:
            yield finding
            continue
        yield replace(
            finding,
            step=Step.WAIT,
            reason=f"one pass revokes {most} rules at most; {finding.reason}",
            carved=(),
            paths=(),
        )
