"""The way from our NAT instances to the caches they forward to: what a revocation must not cut.

Pure. A way is there where a rule of any group of the cache admits the NAT instance's private
address, or one of its groups, to a port of the cache.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cachegate.domain.finding import Path
from cachegate.domain.ingress import GroupReference, PrefixList, UnknownSource
from cachegate.domain.traffic import ALL, TCP, Traffic

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from cachegate.domain.cache import NatInstance
    from cachegate.domain.groups import GuardedCache
    from cachegate.domain.ingress import IngressRule, Source


@dataclass(frozen=True, slots=True)
class Way:
    """From one NAT instance to one port of one cache."""

    instance: NatInstance
    cache: GuardedCache
    port: int

    def open_by(self, rules: Iterable[IngressRule]) -> bool:
        """Tell whether any of these rules, of any groups, admits it."""
        return any(
            rule.group_id in self.cache.groups
            and covers(rule.traffic, self.port)
            and _admits(rule.source, self.instance)
            for rule in rules
        )

    def __str__(self) -> str:
        return f"{self.instance.instance_id} to {self.cache.name} port {self.port}"


def ways(
    caches: Iterable[GuardedCache],
    instances: Sequence[NatInstance],
    *,
    stack: str,
    peered: Mapping[str, str],
) -> tuple[Way, ...]:
    """Return every way that a stack's forwards take, in the order of their names."""
    return tuple(sorted(_ways(caches, instances, stack, peered), key=str))


def _ways(
    caches: Iterable[GuardedCache],
    instances: Sequence[NatInstance],
    stack: str,
    peered: Mapping[str, str],
) -> Iterator[Way]:
    for cache in caches:
        if not cache.exposed or cache.vpc_id is None:
            continue
        vpc_id = peered.get(cache.vpc_id, cache.vpc_id)
        for instance in instances:
            if instance.stack == stack and instance.vpc_id == vpc_id:
                for port in sorted(cache.ports):
                    yield Way(instance, cache, port)


def paths(group_id: str, lost: Iterable[Way]) -> tuple[Path, ...]:
    """Return the rules that would open lost ways again in a group, each once.

    The NAT instance's group is named where both are in one VPC; elsewhere its address, since a
    group of another VPC can be named only while the peering is active.
    """
    found = {}
    for way in lost:
        here = way.instance.vpc_id == way.cache.vpc_id and way.instance.groups
        source = way.instance.groups[0] if here else f"{way.instance.private_address}/32"
        path = Path(
            group_id=group_id,
            traffic=Traffic(TCP, way.port, way.port),
            source=source,
            vpc_id=way.instance.vpc_id,
        )
        found[path.source, way.port] = path
    return tuple(found[key] for key in sorted(found))


def command(path: Path) -> str:
    """Write the command that adds a path."""
    kind = "--source-group" if isinstance(path.admitted, GroupReference) else "--cidr"
    return (
        f"aws ec2 authorize-security-group-ingress --group-id {path.group_id} --protocol tcp "
        f"--port {path.traffic.first} {kind} {path.source}"
    )


def covers(traffic: Traffic, port: int) -> bool:
    """Tell whether traffic lets a TCP port in."""
    if traffic.protocol == ALL:
        return True
    if traffic.protocol != TCP or traffic.first is None or traffic.last is None:
        return False
    return traffic.first <= port <= traffic.last


def _admits(source: Source, instance: NatInstance) -> bool:
    if isinstance(source, GroupReference):
        return source.group_id in instance.groups
    if isinstance(source, UnknownSource):
        return False
    networks = (source.entries or ()) if isinstance(source, PrefixList) else (source,)
    return any(instance.private_address in network for network in networks)
