"""Decide what a VPC's forwards become: an observation and the ledger in, the next ledger out."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from cachegate.domain.plan import Plan, Problem
from cachegate.planning.absence import attend
from cachegate.planning.allocation import allocate
from cachegate.planning.brake import brake
from cachegate.planning.changes import Differences, in_order
from cachegate.planning.generation import next_generation
from cachegate.planning.plaintext import plaintext_problems, withhold
from cachegate.planning.sighting import Sighting
from cachegate.planning.targets import Decision

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cachegate.domain.cache import Cache, Observation
    from cachegate.domain.ledger import Ledger
    from cachegate.domain.policy import Policy


def make_plan(ledger: Ledger, seen: Observation, policy: Policy, *, force: bool = False) -> Plan:
    """Return the next ledger and every change, hold and problem with its reason.

    The same input gives the same plan, in whatever order things were observed, and the plan of
    its own ledger changes nothing. `force` opens the mass-change brake and takes back an address
    that was left lately; it does not replace the second pass that a removal needs, for that asks
    whether AWS's answer is true, which a person who forces does not know either.
    """
    sighting = Sighting.of(seen, ledger.targets_within)
    attendance = attend(ledger, sighting, policy)
    allocation = allocate(attendance.leases, sighting, policy)
    decision = Decision(
        sighting=sighting,
        policy=policy,
        leases=attendance.leases | allocation.leases,
        gone=attendance.gone,
        force=force,
    )
    held = brake(ledger, decision)
    decided = replace(
        ledger,
        leases={key: held.settled[key].lease for key in sorted(held.settled)},
        sources=tuple(sorted(set(policy.sources))),
        targets_within=sighting.networks,
        braked_since=held.since,
        braked_digest=held.digest,
    )
    after = withhold(decided, sighting, policy)
    differences = Differences(ledger, after, held)
    problems = [
        *allocation.problems,
        *plaintext_problems(after, sighting),
        *_silent(sighting, ledger),
    ]
    waits = [*attendance.waits, *differences.waits(), *(policy.recheck for _ in sighting.silent)]
    return Plan(
        ledger=next_generation(ledger, after),
        changes=in_order([*attendance.changes, *differences.changes()]),
        problems=tuple(sorted(problems, key=_by_cache)),
        recheck_after=min(waits, default=None),
    )


def _silent(sighting: Sighting, ledger: Ledger) -> Iterator[Problem]:
    """Tell of caches that AWS shows no nodes of, unless their last good forwards stand."""
    known = {lease.cache for lease in ledger.leases.values()}
    for cache in sighting.caches:
        if cache.name in sighting.silent and cache.name not in known and cache.vpc_id:
            yield _no_nodes(cache)


def _no_nodes(cache: Cache) -> Problem:
    message = f"AWS shows no nodes of {cache.name} yet (status {cache.status or 'unknown'})"
    return Problem(code="no_nodes", cache=cache.name, message=message)


def _by_cache(problem: Problem) -> tuple[str, str, str]:
    return problem.cache, problem.code, problem.message
