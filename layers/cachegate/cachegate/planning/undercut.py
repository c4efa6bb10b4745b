"""Never cut our own path: hold revocations that would, or open the path first. Pure."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from cachegate.domain.finding import Step
from cachegate.domain.ingress import IngressRule
from cachegate.planning.own_path import command, paths, ways
from cachegate.planning.text import few

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from cachegate.domain.finding import Finding, Path
    from cachegate.domain.guard_policy import GuardPolicy
    from cachegate.domain.guard_view import GuardView
    from cachegate.planning.own_path import Way

NAMED = 3  # so many ways are named in a reason, the others counted


def keep_ways(
    findings: Iterable[Finding], view: GuardView, policy: GuardPolicy
) -> Iterator[Finding]:
    """Yield the findings in order; one that would cut a way is refused, or gets a path.

    Each is judged with those before it gone: two rules may admit the NAT instance, and only the
    second that goes cuts it off. A path that it counts on is its own too, though a former one has
    it already: EC2 may refuse it there, and then neither rule may go.
    """
    world = _World(view, policy)
    for finding in findings:
        if not finding.step.acts:
            yield finding
            continue
        lost, counted_on = world.without(finding.rule)
        needed = paths(finding.group.group_id, lost)
        if lost and not policy.add_own_path:
            world.add(finding.rule)
            yield replace(
                finding,
                step=Step.REFUSE,
                reason=f"it is the only way from {few(lost, NAMED)}; {finding.reason}",
                advice="admit the NAT instance by a rule of its own: "
                f"{'; '.join(map(command, needed))}",
                carved=(),
            )
            continue
        world.open(needed)
        yield replace(finding, paths=(*counted_on, *needed))


class _Loss(NamedTuple):
    """Ways that are lost with a rule, and paths that keep others open which it kept open."""

    lost: tuple[Way, ...]
    counted_on: tuple[Path, ...]


class _World:
    """The rules that are left and the ways by them, by group: a pass may see 150,000 rules."""

    def __init__(self, view: GuardView, policy: GuardPolicy) -> None:
        self._rules: defaultdict[str | None, dict[str, IngressRule]] = defaultdict(dict)
        self._ways: defaultdict[str | None, list[Way]] = defaultdict(list)
        self._paths: defaultdict[str | None, dict[Path, IngressRule]] = defaultdict(dict)
        for rule in view.rules:
            self.add(rule)
        every = ways(view.caches, view.instances, stack=policy.stack, peered=policy.peered)
        for way in every:
            for group_id in way.cache.groups:
                self._ways[group_id].append(way)

    def add(self, rule: IngressRule) -> None:
        self._rules[rule.group_id][rule.rule_id] = rule

    def open(self, needed: Iterable[Path]) -> None:
        for path in needed:
            self._paths[path.group_id][path] = _as_rule(path)

    def without(self, rule: IngressRule) -> _Loss:
        """Take a rule away, and return what becomes of the ways that no other rule keeps open."""
        del self._rules[rule.group_id][rule.rule_id]
        lost: list[Way] = []
        counted_on: dict[Path, None] = {}
        for way in self._ways[rule.group_id]:
            groups = way.cache.groups
            if not way.open_by([rule]) or any(
                way.open_by(self._rules[group].values()) for group in groups
            ):
                continue
            opening = [
                path
                for group in sorted(groups)
                for path, added in self._paths[group].items()
                if way.open_by([added])
            ]
            counted_on |= dict.fromkeys(opening)
            if not opening:
                lost.append(way)
        return _Loss(tuple(lost), tuple(counted_on))


def _as_rule(path: Path) -> IngressRule:
    return IngressRule(
        rule_id=f"{path.source} {path.traffic}",
        group_id=path.group_id,
        traffic=path.traffic,
        source=path.admitted,
    )
