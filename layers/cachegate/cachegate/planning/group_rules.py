"""Which security-group rules both sides need. Pure.

On the NAT instances' groups the trusted sources reach the listen ports, in use or at rest, and the
NAT instances reach the caches and Systems Manager. On the caches' groups the NAT instances' group
reaches the caches' ports; where they are in another VPC, the NAT instances' addresses do, since a
group of another VPC can be named only while the peering is active.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Network
from itertools import pairwise
from typing import TYPE_CHECKING

from cachegate.domain.group_rules import Direction, Opening, Wanted
from cachegate.domain.ingress import GroupReference
from cachegate.domain.ledger import CacheGroups
from cachegate.domain.plan import Problem
from cachegate.domain.traffic import TCP, Traffic
from cachegate.planning.text import listing

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from cachegate.domain.cache import Cache
    from cachegate.domain.forward import Target
    from cachegate.domain.ledger import Ledger, NatSide

EVERYWHERE = IPv4Network("0.0.0.0/0")
HTTPS, SSH = Traffic(TCP, 443, 443), Traffic(TCP, 22, 22)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sides:
    """The NAT instances of a VPC, and the groups of both sides that may be changed."""

    stack: str
    vpc_id: str
    instances: Mapping[str, NatSide]  # by id
    changeable: frozenset[str]
    ssh_sources: tuple[IPv4Network, ...] = ()

    @property
    def nat_groups(self) -> list[str]:
        """Return the groups that clients are let in by."""
        groups = {side.group for side in self.instances.values() if side.group}
        return sorted(groups & self.changeable)


def remember_groups(ledger: Ledger, caches: Iterable[Cache]) -> dict[str, CacheGroups]:
    """Return the groups of each cache that has a forward; what is not seen now stays as it was."""
    seen: dict[str, CacheGroups] = {}
    for cache in sorted(caches, key=lambda cache: (cache.name, cache.kind)):
        if cache.vpc_id and cache.groups:
            # A cluster and a serverless cache may have one name, and one place in the ledger.
            other = seen.get(cache.name)
            more = other.groups if other and other.vpc_id == cache.vpc_id else ()
            groups = tuple(sorted({*more, *cache.groups}))
            seen[cache.name] = CacheGroups(vpc_id=cache.vpc_id, groups=groups)
    known = {**ledger.cache_groups, **seen}
    return {name: known[name] for name in sorted(_living(ledger) & known.keys())}


def unknown_caches(ledger: Ledger) -> list[str]:
    """Return the caches that have a forward, and whose groups no pass has seen."""
    return sorted(_living(ledger) - ledger.cache_groups.keys())


def wanted_rules(ledger: Ledger, sides: Sides) -> tuple[Wanted, ...]:
    """Return every opening that the forwards of a VPC need, each once, in the order of its key."""
    found = {wanted.opening.key: wanted for wanted in _wanted(ledger, sides)}
    return tuple(found[key] for key in sorted(found))


def out_of_hand(ledger: Ledger, sides: Sides) -> Iterator[Problem]:
    """Yield the caches whose groups are not for us to change, or not known."""
    for cache, where in sorted(ledger.cache_groups.items()):
        if sides.changeable.isdisjoint(where.groups):
            message = (
                f"{listing(where.groups)} of {cache} is another account's, or gone: let its owner "
                f"admit the NAT instances ({listing(senders(sides, where))}) to the cache's port"
            )
            yield Problem(code="foreign_group", cache=cache, message=message, forwarded=True)
    for cache in unknown_caches(ledger):
        message = (
            f"AWS has not shown the security groups of {cache} yet: until it does, no way to a "
            "cache is opened for it, and none is taken away"
        )
        yield Problem(code="unknown_groups", cache=cache, message=message, forwarded=True)


def _living(ledger: Ledger) -> set[str]:
    return {lease.cache for lease in ledger.leases.values() if lease.resting_since is None}


def _wanted(ledger: Ledger, sides: Sides) -> Iterator[Wanted]:
    ports = [lease.listen for lease in ledger.leases.values()]
    for group_id in sides.nat_groups:
        for traffic in runs(ports):
            for source in ledger.sources:
                yield _in(group_id, traffic, source, f"clients of {sides.stack} to listen ports")
        for source in sides.ssh_sources:
            yield _in(group_id, SSH, source, f"SSH to the NAT instances of {sides.stack}")
        yield _out(group_id, HTTPS, EVERYWHERE, "Systems Manager and packages")
    for cache, where in sorted(ledger.cache_groups.items()):
        targets = _targets(ledger, cache)
        for port in sorted({target.port for target in targets}):
            addresses = sorted({target.address for target in targets if target.port == port})
            hosts = [IPv4Network(address) for address in addresses]
            yield from _to_cache(sides, where, Traffic(TCP, port, port), hosts)


def _targets(ledger: Ledger, cache: str) -> list[Target]:
    """Return where the forwards of a cache lead, or led before an address came in doubt."""
    return [
        target
        for lease in ledger.leases.values()
        if lease.cache == cache and lease.resting_since is None
        for target in lease.targets or lease.lost
    ]


def _to_cache(
    sides: Sides, where: CacheGroups, traffic: Traffic, hosts: Sequence[IPv4Network]
) -> Iterator[Wanted]:
    """Yield both ends of the way to a port of a cache."""
    why = f"NAT instances of {sides.stack} to caches"
    groups = [group_id for group_id in where.groups if group_id in sides.changeable]
    for source in senders(sides, where):
        for group_id in groups:
            yield _in(group_id, traffic, source, why)
    here = where.vpc_id == sides.vpc_id
    by_group = groups if here else ()
    for group_id in sides.nat_groups:
        for cache_group in by_group:
            yield _out(group_id, traffic, GroupReference(cache_group), why)
        for host in () if by_group else hosts:
            yield _out(group_id, traffic, host, why)


def senders(sides: Sides, where: CacheGroups) -> list[IPv4Network | GroupReference]:
    """Return what the NAT instances are to the groups of a cache: their groups, or addresses."""
    found: dict[str, IPv4Network | GroupReference] = {}
    for side in sides.instances.values():
        known = where.vpc_id == sides.vpc_id and side.group in sides.changeable
        sender = GroupReference(str(side.group)) if known else IPv4Network(side.address)
        found[str(sender)] = sender
    return [found[key] for key in sorted(found)]


def runs(ports: Iterable[int]) -> list[Traffic]:
    """Return the ports as TCP ranges, neighbours merged."""
    ordered = sorted(set(ports))
    if not ordered:
        return []
    ends = [a for a, b in pairwise(ordered) if b != a + 1] + [ordered[-1]]
    starts = [ordered[0]] + [b for a, b in pairwise(ordered) if b != a + 1]
    return [Traffic(TCP, first, last) for first, last in zip(starts, ends, strict=True)]


def _in(group_id: str, traffic: Traffic, peer: IPv4Network | GroupReference, why: str) -> Wanted:
    opening = Opening(group_id=group_id, direction=Direction.INGRESS, traffic=traffic, peer=peer)
    return Wanted(opening=opening, why=f"cachegate: {why}")


def _out(group_id: str, traffic: Traffic, peer: IPv4Network | GroupReference, why: str) -> Wanted:
    opening = Opening(group_id=group_id, direction=Direction.EGRESS, traffic=traffic, peer=peer)
    return Wanted(opening=opening, why=f"cachegate: {why}")
