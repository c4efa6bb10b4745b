"""Never cut our own path: hold revocations that would, or open the path first. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from cachegate.domain.finding import Step
from cachegate.domain.ingress import GroupReference, IngressRule, ipv4_network
from cachegate.planning.own_path import command, cut, paths, ways
from cachegate.planning.text import listing

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from cachegate.domain.finding import Finding, Path
    from cachegate.domain.guard_policy import GuardPolicy
    from cachegate.domain.guard_view import GuardView


def keep_ways(
    findings: Iterable[Finding], view: GuardView, policy: GuardPolicy
) -> Iterator[Finding]:
    """Yield the findings in order; one that would cut a way is refused, or gets a path.

    Each is judged with those before it gone: two rules may admit the NAT instance, and only the
    second that goes cuts it off.
    """
    every = ways(view.caches, view.instances, stack=policy.stack, peered=policy.peered)
    rules = list(view.rules)
    for finding in findings:
        if not finding.step.acts:
            yield finding
            continue
        group_id = finding.group.group_id
        concerned = [way for way in every if group_id in way.cache.groups]
        remaining = [rule for rule in rules if rule.rule_id != finding.rule.rule_id]
        lost = cut(concerned, rules, remaining)
        needed = paths(group_id, lost)
        if lost and not policy.add_own_path:
            yield replace(
                finding,
                step=Step.REFUSE,
                reason=f"it is the only way from {listing(lost)}; {finding.reason}",
                advice="admit the NAT instance by a rule of its own: "
                f"{'; '.join(map(command, needed))}",
                carved=(),
            )
            continue
        rules = [*remaining, *map(_as_rule, needed)]
        yield replace(finding, paths=needed)


def _as_rule(path: Path) -> IngressRule:
    to_group = path.source.startswith("sg-")
    return IngressRule(
        rule_id=f"{path.source} {path.traffic}",
        group_id=path.group_id,
        traffic=path.traffic,
        source=GroupReference(path.source) if to_group else ipv4_network(path.source),
    )
