"""Describe: every forward with what stands behind it, and every cache without one, with why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cachegate.describe_caches import describe_caches
from cachegate.describe_forwards import describe_forward
from cachegate.describe_nat import (
    describe_address_outlook,
    describe_groups,
    describe_instances,
    describe_whereabouts,
)
from cachegate.domain.plan import ChangeKind

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cachegate.domain.cache import NatInstance, Observation
    from cachegate.domain.enrolment import Enrolment
    from cachegate.domain.plan import Change, Plan, Problem
    from cachegate.domain.proposal import Proposal
    from cachegate.outlook import Outlook
    from cachegate.planning.explain import Explanation, Whereabouts


def describe_vpc(
    seen: Observation,
    plan: Plan,
    instances: Iterable[NatInstance],
    outlook: Outlook,
) -> dict[str, Any]:
    """Return one VPC as a direct invocation shows it. Times are seconds since the epoch."""
    instances = tuple(instances)
    caches = {cache.name: cache for cache in seen.caches}
    held = {c.key: c.reason for c in plan.changes if c.kind is ChangeKind.HOLD and c.key}
    public = _public_addresses(instances, outlook)
    unreachable = set(outlook.heartbeat.unreachable)
    leases = sorted(plan.ledger.leases.values(), key=lambda lease: lease.listen)
    return {
        "vpc": seen.vpc.vpc_id,
        "generation": plan.ledger.generation,
        "digest": plan.ledger.rule_set.digest,
        "sources": [str(source) for source in plan.ledger.sources],
        "verified_at": outlook.heartbeat.verified_at or None,
        "detached": plan.ledger.detached,
        "unreachable": [lease.listen for lease in leases if lease.listen in unreachable],
        "address": describe_address_outlook(outlook.address),
        "nat_instances": describe_instances(instances, outlook),
        "groups": describe_groups(outlook.rules),
        "caches": describe_caches(seen, leases),
        "forwards": [
            describe_forward(lease, caches.get(lease.cache), public, held.get(lease.key), plan)
            for lease in leases
        ],
    }


def _public_addresses(instances: Iterable[NatInstance], outlook: Outlook) -> list[str]:
    """Return where clients connect to; an instance's own address is none where one is held.

    Such an address goes with the instance, or when the one that is held comes to it.
    """
    if outlook.address is None:
        return [str(i.public_address) for i in instances if i.public_address]
    return [str(outlook.address.address.address)] if outlook.address.address else []


def describe_enrolment(enrolment: Enrolment) -> dict[str, Any]:
    """Return where a cache's notifications go, how soon changes are noticed, and what follows."""
    return {
        "cache": enrolment.cache,
        "kind": enrolment.kind.value,
        "notifications": enrolment.notices.value,
        "noticed": "within_seconds" if enrolment.notices.heard else "by_schedule",
        "topics": list(enrolment.topics),
        "step": enrolment.step.value,
        "reason": enrolment.reason,
        "attempts": enrolment.note.attempts,
        "error": enrolment.note.error,
    }


def describe_proposal(proposal: Proposal) -> dict[str, Any]:
    """Return how a cache gets a group of its own; `command` is null where a person looks."""
    return {
        "cache": proposal.cache,
        "kind": proposal.kind.value,
        "vpc": proposal.vpc_id,
        "groups": list(proposal.groups),
        "shared": [
            {"group": each.group_id, "name": each.name, "why": each.why} for each in proposal.shared
        ],
        "group": proposal.group,
        "admitted": list(proposal.admitted),
        "steps": [{"what": step.what, "command": step.command} for step in proposal.steps],
    }


def describe_problem(problem: Problem) -> dict[str, Any]:
    """Return why a cache is not forwarded, or what is wrong with one that is."""
    return {
        "cache": problem.cache,
        "code": problem.code,
        "message": problem.message,
        "forwarded": problem.forwarded,
    }


def describe_change(change: Change) -> dict[str, Any]:
    """Return one decision of a plan with its reason."""
    return {
        "change": change.kind.value,
        "key": change.key,
        "listen": change.listen,
        "before": [str(target) for target in change.before],
        "after": [str(target) for target in change.after],
        "reason": change.reason,
    }


def describe_explanation(
    vpc_id: str, explanation: Explanation, whereabouts: Whereabouts | None
) -> dict[str, Any]:
    """Return where a listen port leads, since when and why, and who has the address."""
    return {
        "vpc": vpc_id,
        "listen": explanation.listen,
        "key": explanation.key,
        "cache": explanation.cache,
        "kind": explanation.kind.value,
        "state": explanation.state,
        "targets": [str(target) for target in explanation.targets],
        "leased_at": explanation.leased_at,
        "since": explanation.since,
        "seconds": explanation.seconds,
        "why": explanation.why,
        "pending": list(explanation.pending),
        "address": describe_whereabouts(whereabouts),
    }
