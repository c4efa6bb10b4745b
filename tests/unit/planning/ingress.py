"""Ingress rules in few words: "tcp 6379 10.0.0.0/8", "-1 sg-1", "udp 53-54 ::/0"."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cachegate.domain.ingress import (
    GroupReference,
    IngressRule,
    PrefixList,
    ipv4_network,
    ipv6_network,
)
from cachegate.domain.judgement import IngressPolicy
from cachegate.domain.traffic import Traffic
from cachegate.planning.judge import judge

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cachegate.domain.ingress import Network, Source
    from cachegate.domain.judgement import Judgement

POLICY = IngressPolicy()


def network(text: str) -> Network:
    return ipv6_network(text) if ":" in text else ipv4_network(text)


def entries(text: str) -> PrefixList:
    """A readable prefix list pl-1 of these networks."""
    return PrefixList(list_id="pl-1", entries=tuple(map(network, text.split())))


def rule(
    text: str, source: Source | None = None, number: int = 0, group: str = "sg-1"
) -> IngressRule:
    """Read "PROTOCOL [PORTS] [SOURCE]"; a source that text cannot tell is given apart."""
    protocol, *rest = text.split()
    if source is None:
        source = _source(rest.pop())
    first, _, last = rest[0].partition("-") if rest else ("", "", "")
    bounds = (int(first), int(last or first)) if first else (None, None)
    return IngressRule(
        rule_id=f"sgr-{number}",
        group_id=group,
        traffic=Traffic.of(protocol, *bounds),
        source=source,
    )


def rules(texts: Iterable[str], group: str = "sg-1") -> list[IngressRule]:
    return [rule(text, number=number, group=group) for number, text in enumerate(texts)]


def judged(texts: Iterable[str], policy: IngressPolicy = POLICY) -> list[Judgement]:
    """Judge the rules of one group."""
    return judge(rules(texts), policy)


def _source(text: str) -> Source:
    if text.startswith("sg-"):
        return GroupReference(text)
    return PrefixList(list_id=text) if text.startswith("pl-") else network(text)
