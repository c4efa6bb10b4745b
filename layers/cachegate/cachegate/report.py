"""What a pass writes into the log: one line for each VPC, with the decision and its reasons. Pure.

A person who has the id of an event finds by it, as `correlation_id` or in `caused_by`, the passes
that it caused, and by `recheck` the re-check that followed: its correlation id.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from cachegate.describe import describe_change, describe_enrolment, describe_problem
from cachegate.describe_nat import describe_address, describe_rules
from cachegate.domain.address import AddressState
from cachegate.log import Line, distinct, first
from cachegate.push import InstanceState

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from cachegate.domain.address import AddressResult
    from cachegate.domain.group_rules import RuleResult
    from cachegate.push import InstanceResult
    from cachegate.results import SyncResult, VpcResult
    from cachegate.triggers import Trigger

Decision = Literal[
    "failed", "detached", "offline", "moved", "changed", "repaired", "held", "idle", "kept"
]
PASS = "pass"  # noqa: S105 - the message of the lines


def report_pass(result: SyncResult, asking: Sequence[Trigger] = ()) -> Iterator[Line]:
    """Yield the pass's lines: one for each VPC, and one where caches have no VPC of ours."""
    common = {
        "caused_by": [trigger.correlation_id for trigger in asking],
        "seconds": round(result.ended_at - result.began_at, 3),
    }
    for vpc in result.vpcs:
        yield Line("error" if vpc.failure else "info", PASS, _of_vpc(vpc) | common)
        if vpc.unpublished:
            fields = {"vpc": vpc.vpc_id, **first("reasons", distinct(vpc.unpublished))}
            yield Line("error", "events not published", fields)
    if not result.vpcs:
        reason = "no NAT instance carries this stack's tag, and no VPC has a ledger"
        fields = {"vpc": None, "decision": "idle", "reasons": [reason]}
        yield Line("info", PASS, fields | common)
    if result.problems:
        problems = [describe_problem(problem) for problem in result.problems]
        yield Line("warning", "not forwarded as asked", first("problems", problems))


def decision(vpc: VpcResult) -> Decision:
    """Return in one word what the pass did in a VPC."""
    plan = vpc.plan
    words: dict[Decision, bool] = {
        "failed": vpc.failure is not None,
        "detached": plan is not None and plan.ledger.detached,
        "offline": not vpc.verified and not vpc.idle,
        "moved": vpc.address is not None and vpc.address.state is AddressState.MOVED,
        "changed": (plan is not None and bool(plan.made)) or _admits_otherwise(vpc),
        "repaired": bool(vpc.drift_repaired)
        or (vpc.rules is not None and bool(vpc.rules.vanished)),
        "held": plan is not None and bool(plan.held),
        "idle": vpc.idle,
    }
    return next((word for word, fits in words.items() if fits), "kept")


def _admits_otherwise(vpc: VpcResult) -> bool:
    """Tell whether security groups are open for something else than before."""
    rules = vpc.rules
    return rules is not None and (bool(rules.removed) or len(rules.added) > len(rules.vanished))


def _of_vpc(vpc: VpcResult) -> dict[str, Any]:
    plan = vpc.plan
    changes = [describe_change(change) for change in plan.changes] if plan else []
    return {
        "vpc": vpc.vpc_id,
        "decision": decision(vpc),
        **first("reasons", distinct(_reasons(vpc))),
        "verified": vpc.verified,
        "generation": plan.ledger.generation if plan else None,
        **first("changes", changes),
        "nat_instances": {i.instance_id: i.state.value for i in vpc.instances},
        "unreachable": list(vpc.unreachable),
        "address": describe_address(vpc.address),
        "groups": _groups(vpc.rules),
        "flows_told": sum(instance.flows_told for instance in vpc.instances),
        **first("problems", [describe_problem(problem) for problem in vpc.problems]),
        **first("notifications", [describe_enrolment(each) for each in vpc.open_enrolments]),
        "recheck": vpc.recheck,
        "recheck_after": vpc.recheck_after,
    }


def _groups(rules: RuleResult | None) -> dict[str, Any] | None:
    """Return what was done in security groups, cut short as all lists of a line are."""
    told = describe_rules(rules)
    if told is None:
        return None
    return told | first("added", told["added"]) | first("removed", told["removed"])


def _reasons(vpc: VpcResult) -> Iterator[str]:
    """Yield what made the pass decide so, the gravest first."""
    if vpc.failure is not None:
        yield f"{vpc.failure.code}: {vpc.failure}"
    yield from _of_address(vpc.address)
    for instance in vpc.instances:
        yield from _of_instance(instance)
    if vpc.tracking_exceeded:
        yield (
            f"EC2 dropped {vpc.tracking_exceeded} packets since the last report: a NAT instance "
            "tracks as many connections as its type may"
        )
    if vpc.rules is not None:
        yield from _of_rules(vpc.rules)
    if vpc.drift_repaired:
        yield "a NAT instance had proved this very rule set, and differed"
    for change in (*vpc.plan.made, *vpc.plan.held) if vpc.plan else ():
        yield change.reason


def _of_address(address: AddressResult | None) -> Iterator[str]:
    if address is None or address.state is AddressState.HELD:
        return
    moved = address.state is AddressState.MOVED
    how = f"{address.address} moved to {address.holder}" if moved else f"address {address.state}"
    yield f"{how}: {address.reason}"


def _of_rules(rules: RuleResult) -> Iterator[str]:
    for wanted in rules.vanished:
        yield f"somebody removed {wanted.opening}, which came back"
    for rule in rules.edited:
        yield f"somebody edited or tagged {rule.rule_id} ({rule.opening}), which was removed"
    yield from (f"opened {each.opening}" for each in rules.added if each not in rules.vanished)
    for rule in rules.removed:
        if rule not in rules.edited:
            yield f"closed {rule.opening}, which nothing needs any more"


def _of_instance(instance: InstanceResult) -> Iterator[str]:
    # What failed is in the failure's own text.
    if instance.state not in {InstanceState.VERIFIED, InstanceState.FAILED}:
        yield f"{instance.instance_id} is {instance.state}: {instance.reason}"
    yield from (f"{instance.instance_id} warns: {warning}" for warning in instance.warnings)
