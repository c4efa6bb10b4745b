"""Which caches the NAT instances of which VPC forward to, and why others are not forwarded."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cachegate.domain.cache import ANY_STACK
from cachegate.domain.plan import Problem
from cachegate.planning.text import listing

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from cachegate.domain.cache import Cache, CacheSecurityGroup, NatInstance

KEPT = frozenset({"no_answer", "no_nat_instance"})  # problems of caches that are not gone


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """The caches by the VPC of their NAT instances, and why some are not forwarded."""

    by_vpc: Mapping[str, tuple[Cache, ...]]
    problems: tuple[Problem, ...]


def select(
    caches: Iterable[Cache],
    instances: Iterable[NatInstance],
    stack: str,
    peered: Mapping[str, str],
) -> Selection:
    """Sort tagged caches to VPCs.

    `instances` are those of any stack, in any state; `peered` names for a cache's VPC the one of
    the NAT instances. A cache that names another stack is none of ours and left out silently.

    Two kinds of caches have a problem and are in a VPC all the same, so that it does not take
    them for gone: where the VPC lost its last NAT instance, they keep their listen ports until
    there is one again; and a cache whose VPC could not be learned this time goes to every VPC,
    as one whose nodes are unknown.
    """
    chooser = _Chooser(instances, stack, peered)
    by_vpc: dict[str, list[Cache]] = {vpc_id: [] for vpc_id in sorted(chooser.ours)}
    problems = []
    for cache in sorted(caches, key=lambda cache: (cache.name, cache.kind)):
        if cache.expose not in {ANY_STACK, stack}:
            continue
        problem = chooser.refuse(cache)
        if problem is not None:
            problems.append(problem)
        if problem is None or problem.code in KEPT:
            for vpc_id in chooser.homes(cache):
                by_vpc.setdefault(vpc_id, []).append(cache)
    return Selection(
        by_vpc={vpc_id: tuple(found) for vpc_id, found in by_vpc.items()},
        problems=tuple(problems),
    )


class _Chooser:
    def __init__(
        self, instances: Iterable[NatInstance], stack: str, peered: Mapping[str, str]
    ) -> None:
        self.stacks: dict[str, set[str]] = defaultdict(set)
        for instance in instances:
            self.stacks[instance.vpc_id].add(instance.stack)
        self.ours = {vpc_id for vpc_id, stacks in self.stacks.items() if stack in stacks}
        self.peered = peered

    def homes(self, cache: Cache) -> Iterable[str]:
        """Return the VPCs whose observation the cache is part of."""
        return sorted(self.ours) if cache.vpc_id is None else (self._home(cache.vpc_id),)

    def refuse(self, cache: Cache) -> Problem | None:
        """Say why a cache is not forwarded, if so."""
        if cache.vpc_id is None and not cache.whole:
            return _problem("no_answer", cache, "AWS did not answer for it in this pass")
        if cache.vpc_id is None:
            return _problem("no_vpc", cache, _outside(cache))
        if cache.network_type == "ipv6":
            return _problem("ipv6_only", cache, "it has IPv6 addresses only; forwards are IPv4")
        home = self._home(cache.vpc_id)
        if home not in self.ours:
            message = f"there is no NAT instance of this stack in {home}"
            return _problem("no_nat_instance", cache, message)
        stacks = self.stacks[home]
        if len(stacks) > 1 and cache.expose == ANY_STACK:
            message = (
                f"{home} has NAT instances of several stacks ({listing(sorted(stacks))}): "
                f"let the tag cachegate:expose name one of them"
            )
            return _problem("two_stacks", cache, message)
        return None

    def _home(self, vpc_id: str) -> str:
        return self.peered.get(vpc_id, vpc_id)


def _outside(cache: Cache) -> str:
    """Say what becomes of a cache in EC2-Classic, which AWS has retired, and who was let in there.

    https://aws.amazon.com/blogs/aws/ec2-classic-is-retiring-heres-how-to-prepare/
    """
    why = (
        "it is in no VPC (EC2-Classic: no subnet group), where no NAT instance reaches it; make it "
        "anew in a VPC, from a backup"
    )
    return "; ".join((why, *map(_admission, cache.classic_groups)))


def _admission(group: CacheSecurityGroup) -> str:
    name = f"its cache security group {group.name}"
    if group.unknown:
        return f"what {name} admits is not known ({group.unknown})"
    return f"{name} admits: {listing(group.admits)}"


def _problem(code: str, cache: Cache, why: str) -> Problem:
    return Problem(code=code, cache=cache.name, message=f"{cache.name}: {why}")
