"""How a pass and a detachment are answered in JSON. docs/invocation.md has every field."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from cachegate.describe import describe_change, describe_enrolment, describe_problem
from cachegate.describe_nat import describe_address, describe_rules

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cachegate.detach import Detached
    from cachegate.errors import CachegateError
    from cachegate.results import SyncResult, VpcResult

Answer = dict[str, Any]


def sync_answer(result: SyncResult) -> Answer:
    """Return how a pass ended; `ok` only where each VPC with a running instance is verified."""
    return {
        **outcome(error for vpc in result.vpcs if (error := vpc.unproved)),
        "began_at": result.began_at,
        "vpcs": [_vpc(vpc) for vpc in result.vpcs],
        "problems": [describe_problem(problem) for problem in result.all_problems],
    }


def _vpc(vpc: VpcResult) -> Answer:
    plan = vpc.plan
    return {
        "vpc": vpc.vpc_id,
        "verified": vpc.verified,
        "generation": plan.ledger.generation if plan else None,
        "digest": plan.ledger.rule_set.digest if plan else None,
        "forwards": len(plan.ledger.leases) if plan else None,
        "detached": plan.ledger.detached if plan else None,
        "changes": [describe_change(change) for change in plan.changes] if plan else [],
        "nat_instances": [asdict(instance) for instance in vpc.instances],
        "address": describe_address(vpc.address),
        "groups": describe_rules(vpc.rules),
        "notifications": [describe_enrolment(enrolment) for enrolment in vpc.enrolments],
        "recheck_after": vpc.recheck_after,
        "error": str(vpc.unproved) if vpc.unproved else None,
    }


def detach_answer(result: Detached) -> Answer:
    """Return what is free of us; `ok` only where every NAT instance and security group is."""
    answer: Answer = {
        "ok": True,
        "removed": list(result.removed),
        "still_there": [{"instance": i, "reason": why} for i, why in result.still_there.items()],
    }
    wrong = [f"the agent is still on {', '.join(result.still_there)}"] if result.still_there else []
    if result.rules is not None:
        answer["rules_removed"] = list(result.rules.removed)
        answer["rules_still_there"] = list(result.rules.left)
        wrong += result.rules.left
    if wrong:
        answer["error"] = {"code": "not_removed", "message": "; ".join(wrong)}
    return answer | {"ok": not wrong}


def outcome(failures: Iterable[CachegateError]) -> Answer:
    """Return `ok`, and beside it the error where any VPC failed."""
    failed = tuple(failures)
    if not failed:
        return {"ok": True}
    message = "; ".join(map(str, failed))
    return {"ok": False, "error": {"code": failed[0].code, "message": message}}
