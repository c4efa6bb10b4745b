"""Which security-group rules both sides need, and what has to change for it. Pure.

On the NAT instances' groups the trusted sources reach the listen ports, in use or at rest, and the
NAT instances reach the caches and Systems Manager. On the caches' groups the NAT instances' group
reaches the caches' ports; where they are in another VPC, the NAT instances' addresses do, since a
group of another VPC can be named only while the peering is active.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from ipaddress import IPv4Network
from itertools import pairwise
from typing import TYPE_CHECKING

from cachegate.domain.group_rules import Direction, Opening, RulePlan, Wanted
from cachegate.domain.ingress import GroupReference
from cachegate.domain.ledger import CacheGroups
from cachegate.domain.plan import Problem
from cachegate.domain.traffic import TCP, Traffic

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from cachegate.domain.cache import Cache, NatInstance
    from cachegate.domain.group_rules import GroupRule
    from cachegate.domain.ledger import Ledger

EVERYWHERE = IPv4Network("0.0.0.0/0")
HTTPS, SSH = Traffic(TCP, 443, 443), Traffic(TCP, 22, 22)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sides:
    """The NAT instances of a VPC, and the group of each that may be changed."""

    stack: str
    vpc_id: str
    instances: tuple[NatInstance, ...]
    groups: Mapping[str, str]  # by instance: its group that nothing else has
    ssh_sources: tuple[IPv4Network, ...] = ()


def remember_groups(ledger: Ledger, caches: Iterable[Cache]) -> dict[str, CacheGroups]:
    """Return the groups of each cache that has a forward; what is not seen now stays as it was."""
    seen = {
        cache.name: CacheGroups(vpc_id=cache.vpc_id, groups=tuple(sorted(cache.groups)))
        for cache in caches
        if cache.vpc_id and cache.groups
    }
    living = {lease.cache for lease in ledger.leases.values() if lease.resting_since is None}
    known = {**ledger.cache_groups, **seen}
    return {name: known[name] for name in sorted(living & known.keys())}


def wanted_rules(ledger: Ledger, sides: Sides) -> tuple[Wanted, ...]:
    """Return every opening that the forwards of a VPC need, each once, in the order of its key."""
    found = {wanted.opening.key: wanted for wanted in _wanted(ledger, sides)}
    return tuple(found[key] for key in sorted(found))


def plan_rules(
    wanted: Sequence[Wanted],
    rules: Iterable[GroupRule],
    known: Iterable[str],
    *,
    stack: str,
    vpc_id: str,
    quota: int,
) -> RulePlan:
    """Return what to add and remove so that exactly the wanted openings are ours.

    `rules` are all rules of all groups concerned; `known` are keys of what was in place before.
    Where the result would not fit into a group's quota, nothing is added there.
    """
    existing = {rule.rule_id: rule for rule in rules}
    keys = {rule.opening.key for rule in existing.values()}
    needed = {each.opening.key for each in wanted}
    remove = [
        rule
        for rule in existing.values()
        if rule.managed_by(stack, vpc_id) and rule.opening.key not in needed
    ]
    add = [each for each in wanted if each.opening.key not in keys]
    room = _Room(existing.values(), remove, add, quota)
    fitting = tuple(each for each in add if room.fits(each.opening))
    before = set(known)
    return RulePlan(
        add=fitting,
        remove=tuple(sorted(remove, key=lambda rule: rule.rule_id)),
        vanished=tuple(each for each in fitting if each.opening.key in before),
        in_place=tuple(sorted(needed & keys)),
        problems=tuple(room.problems(stack)),
        add_first=frozenset(room.add_first()),
    )


class _Room:
    """How many rules each group has and gets, in each direction."""

    def __init__(
        self,
        rules: Iterable[GroupRule],
        remove: Iterable[GroupRule],
        add: Iterable[Wanted],
        quota: int,
    ) -> None:
        self.quota = quota
        self.now: defaultdict[tuple[str, Direction], int] = defaultdict(int)
        self.less: defaultdict[tuple[str, Direction], int] = defaultdict(int)
        self.more: defaultdict[tuple[str, Direction], int] = defaultdict(int)
        for rule in rules:
            self.now[_side(rule.opening)] += rule.weight
        for rule in remove:
            self.less[_side(rule.opening)] += rule.weight
        for each in add:
            self.more[_side(each.opening)] += 1

    def fits(self, opening: Opening) -> bool:
        side = _side(opening)
        return self.now[side] - self.less[side] + self.more[side] <= self.quota

    def add_first(self) -> Iterator[str]:
        """Yield the groups that have room for the old rules and the new ones at once."""
        groups = {group_id for group_id, _ in self.more}
        for group_id in sorted(groups):
            sides = [side for side in self.more if side[0] == group_id]
            if all(self.now[side] + self.more[side] <= self.quota for side in sides):
                yield group_id

    def problems(self, stack: str) -> Iterator[Problem]:
        for side in sorted(self.more):
            group_id, direction = side
            total = self.now[side] - self.less[side] + self.more[side]
            if total > self.quota:
                message = (
                    f"{group_id} would need {total} {direction} rules, and its quota is "
                    f"{self.quota}: trust fewer networks, or have the quota raised and say so by "
                    "RulesPerGroup; no rule was added there"
                )
                yield Problem(code="group_full", cache=stack, message=message, forwarded=True)


def _side(opening: Opening) -> tuple[str, Direction]:
    return opening.group_id, opening.direction


def _wanted(ledger: Ledger, sides: Sides) -> Iterator[Wanted]:
    ports = [lease.listen for lease in ledger.leases.values()]
    for group_id in sorted(set(sides.groups.values())):
        for traffic in runs(ports):
            for source in ledger.sources:
                yield _in(group_id, traffic, source, f"clients of {sides.stack} to listen ports")
        for source in sides.ssh_sources:
            yield _in(group_id, SSH, source, f"SSH to the NAT instances of {sides.stack}")
        yield _out(group_id, HTTPS, EVERYWHERE, "Systems Manager and packages")
    for cache, where in sorted(ledger.cache_groups.items()):
        yield from _to_cache(ledger, sides, cache, where)


def _to_cache(ledger: Ledger, sides: Sides, cache: str, where: CacheGroups) -> Iterator[Wanted]:
    """Yield both ends of the way to a cache."""
    why = f"NAT instances of {sides.stack} to caches"
    targets = {
        target
        for lease in ledger.leases.values()
        if lease.cache == cache and lease.resting_since is None
        for target in lease.targets
    }
    here = where.vpc_id == sides.vpc_id
    for port in sorted({target.port for target in targets}):
        traffic = Traffic(TCP, port, port)
        addresses = sorted({target.address for target in targets if target.port == port})
        for instance in sides.instances:
            group_id = sides.groups.get(instance.instance_id)
            source = GroupReference(group_id) if here and group_id else None
            private = IPv4Network(instance.private_address)
            for cache_group in where.groups:
                yield _in(cache_group, traffic, source or private, why)
            if group_id and here:
                for cache_group in where.groups:
                    yield _out(group_id, traffic, GroupReference(cache_group), why)
            elif group_id:
                for address in addresses:
                    yield _out(group_id, traffic, IPv4Network(address), why)


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
