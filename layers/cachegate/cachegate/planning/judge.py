"""Judge the ingress rules of security groups that caches share with anything else. Pure."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from cachegate.domain.ingress import PrefixList
from cachegate.domain.judgement import Judgement, SourceClass, Verdict
from cachegate.planning.crowding import Part, crowding
from cachegate.planning.reaching import Reaching, reaching
from cachegate.planning.reasons import why_alone, why_by_name
from cachegate.planning.sources import see

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from cachegate.domain.ingress import IngressRule
    from cachegate.domain.judgement import IngressPolicy
    from cachegate.domain.traffic import Traffic
    from cachegate.planning.sources import Seen

_TOO_WIDE = frozenset({SourceClass.WORLD, SourceClass.WIDE, SourceClass.UNION})
_DOUBTFUL = frozenset({SourceClass.SPILL, SourceClass.UNREADABLE})


def judge(rules: Iterable[IngressRule], policy: IngressPolicy) -> list[Judgement]:
    """Judge rules, in the order given; those of one group are judged together."""
    groups: defaultdict[str | None, list[tuple[int, IngressRule]]] = defaultdict(list)
    for place, rule in enumerate(rules):
        groups[rule.group_id].append((place, rule))
    protected = tuple(sorted(policy.protected))
    reaches: dict[Traffic, Reaching] = {}
    judged: dict[int, Judgement] = {}
    for members in groups.values():
        own = [rule for _, rule in members]
        for traffic in {rule.traffic for rule in own} - reaches.keys():
            reaches[traffic] = reaching(traffic, protected)
        for (place, _), judgement in zip(members, _group(own, reaches, policy), strict=True):
            judged[place] = judgement
    return [judged[place] for place in range(len(judged))]


def _group(
    rules: Sequence[IngressRule], reaches: Mapping[Traffic, Reaching], policy: IngressPolicy
) -> list[Judgement]:
    seen = [see(rule.source, policy) for rule in rules]
    crowded = crowding(
        [
            Part(rule.source, each.spans, reaches[rule.traffic])
            for rule, each in zip(rules, seen, strict=True)
        ],
        policy,
    )
    return [
        _judgement(rule, each, reaches[rule.traffic], crowded.get(place), policy)
        for place, (rule, each) in enumerate(zip(rules, seen, strict=True))
    ]


def _judgement(
    rule: IngressRule, seen: Seen, reached: Reaching, together: str | None, policy: IngressPolicy
) -> Judgement:
    source_class = seen.source_class if together is None else SourceClass.UNION
    verdict = _verdict(source_class, reached)
    why = together or why_alone(rule.source, source_class, seen.network)
    if isinstance(rule.source, PrefixList) and rule.source.aws_name is not None:
        allowed = rule.source.aws_name in policy.aws_lists
        verdict = Verdict.ALLOW if allowed else Verdict.REPORT
        why = why_by_name(rule.source, allowed=allowed)
    return Judgement(
        rule=rule,
        source_class=source_class,
        reached=reached.ports,
        verdict=verdict,
        reason=f"{why}; {reached.text}",
    )


def _verdict(source_class: SourceClass, reached: Reaching) -> Verdict:
    if source_class in _TOO_WIDE:
        return Verdict.REVOKE if reached.ports else Verdict.REPORT
    return Verdict.REPORT if source_class in _DOUBTFUL else Verdict.ALLOW
