"""The look at what leads from NAT instances to caches in peered VPCs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cachegate.errors import NotShownError
from cachegate.planning.peering import Roads, missing, not_shown, overlap, ways_out

if TYPE_CHECKING:
    from collections.abc import Collection

    from cachegate.domain.ledger import Ledger
    from cachegate.domain.plan import Problem
    from cachegate.observe import Survey
    from cachegate.planning.peering import Way
    from cachegate.protocols import Adapters


def peering_problems(
    adapters: Adapters,
    seen: Survey,
    vpc_id: str,
    ledger: Ledger,
    doubted: Collection[int] | None = None,
) -> tuple[Problem, ...]:
    """Say what is missing between a VPC and those whose caches it forwards to, by cache.

    That networks overlap is seen without a question. For the rest EC2 is asked four (and more by
    the page), so a pass asks only where a listen port is `doubted`, since its target did not
    answer; a person (None) learns all.
    """
    problems, open_questions = [], []
    for way in ways_out(vpc_id, seen.observations[vpc_id].caches, ledger):
        found = overlap(way, seen.networks)
        if found is not None:
            problems.append(found)
        elif doubted is None or not way.listens.isdisjoint(doubted):
            open_questions.append(way)
    return (*problems, *_look(adapters, seen, vpc_id, open_questions))


def _look(adapters: Adapters, seen: Survey, vpc_id: str, ways: list[Way]) -> tuple[Problem, ...]:
    sources = frozenset(i.private_address for i in seen.instances_in(vpc_id))
    if not ways or not sources:
        return ()
    vpc_ids = sorted({vpc_id, *(way.away for way in ways)})
    try:
        roads = Roads(
            sources=sources,
            peerings=adapters.subnets.peerings(vpc_id),
            subnets=adapters.subnets.of(vpc_ids),
            tables=adapters.subnets.tables(vpc_ids),
            networks=seen.networks,
        )
    except NotShownError as error:
        return tuple(not_shown(way, str(error)) for way in ways)
    return tuple(found for way in ways if (found := missing(way, roads)) is not None)
