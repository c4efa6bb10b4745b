"""Look whether caches sit on shared groups, and propose groups of their own. Changes nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cachegate.domain.ledger import CacheGroups
from cachegate.domain.plan import Problem
from cachegate.errors import TransientError
from cachegate.planning.group_rules import Sides, senders
from cachegate.planning.nat_sides import Sight, choose_sides, nat_groups
from cachegate.planning.proposals import Neighbourhood, propose
from cachegate.shared_groups import sharing_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from cachegate.domain.cache import Cache
    from cachegate.domain.groups import GuardedCache
    from cachegate.domain.ledger import Ledger
    from cachegate.domain.proposal import Proposal
    from cachegate.observe import Survey
    from cachegate.protocols import Adapters
    from cachegate.settings import SyncSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposed:
    """What is proposed; None where nobody looked: groups are not managed, or AWS did not answer."""

    proposals: tuple[Proposal, ...] | None = None
    problems: tuple[Problem, ...] = ()


def look_at_groups(
    adapters: Adapters, settings: SyncSettings, seen: Survey, ledgers: Mapping[str, Ledger]
) -> Proposed:
    """Propose for every cache that is to be forwarded, where the stack manages groups.

    Elsewhere the function may not even ask who has them. `ledgers` are the planned ones, by VPC.
    """
    if not settings.manage_groups:
        return Proposed()
    try:
        return Proposed(proposals=tuple(_proposals(adapters, settings, seen, ledgers)))
    except TransientError as error:
        message = f"whether caches share their groups is not known: {error}"
        unknown = Problem(
            code="sharing_unknown", cache=settings.stack, message=message, forwarded=True
        )
        return Proposed(problems=(unknown,))


def _proposals(
    adapters: Adapters, settings: SyncSettings, seen: Survey, ledgers: Mapping[str, Ledger]
) -> Iterator[Proposal]:
    """Yield them by VPC, for names are resolved where the VPC's caches are."""
    caches = {
        vpc_id: sorted((c for c in seen.observations[vpc_id].caches if c.groups), key=_name)
        for vpc_id in ledgers
    }
    if not any(caches.values()):
        return
    everyone = adapters.caches.guarded()
    for vpc_id, ledger in ledgers.items():
        if caches[vpc_id]:
            vpc = _look(adapters, settings, seen, ledger, everyone)
            for cache in caches[vpc_id]:
                where = CacheGroups(vpc_id=cache.vpc_id or "", groups=tuple(cache.groups))
                proposal = propose(cache, senders(vpc.sides, where), vpc.around)
                if proposal is not None:
                    yield proposal


@dataclass(frozen=True, slots=True)
class _Vpc:
    around: Neighbourhood
    sides: Sides


def _look(
    adapters: Adapters,
    settings: SyncSettings,
    seen: Survey,
    ledger: Ledger,
    everyone: tuple[GuardedCache, ...],
) -> _Vpc:
    """Ask who has the groups of both sides, and which rules those of the caches have."""
    instances = seen.instances_in(ledger.vpc_id)
    of_caches = {each for c in seen.observations[ledger.vpc_id].caches for each in c.groups}
    of_instances = nat_groups(ledger, instances)
    groups = adapters.group_rules.groups(sorted(of_caches | of_instances))
    interfaces = adapters.group_rules.interfaces(sorted(groups))
    running = tuple(i.instance_id for i in instances if i.state == "running")
    caches_groups = {i: groups[i] for i in sorted(of_caches & groups.keys())}
    sight = Sight(
        at=seen.at,
        account=settings.account,
        instances=instances,
        groups=groups,
        interfaces=[each for each in interfaces if each.groups & of_instances],
    )
    choice = choose_sides(ledger, sight, stack=settings.stack, agreement=settings.policy.agreement)
    around = Neighbourhood(
        stack=settings.stack,
        region=settings.region,
        groups=caches_groups,
        sharing=sharing_of(caches_groups, everyone, interfaces, adapters.resolver(running)),
        rules=adapters.group_rules.rules(caches_groups),
    )
    sides = Sides(
        stack=settings.stack,
        vpc_id=ledger.vpc_id,
        instances=choice.sides,
        changeable=sight.changeable,
    )
    return _Vpc(around, sides)


def _name(cache: Cache) -> tuple[str, str]:
    return cache.name, cache.kind
