"""What triggers and a pass count, for alarms and dashboards to look at. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cachegate.domain.enrolment import Notices
from cachegate.domain.trigger import CauseKind
from cachegate.metrics import Metric
from cachegate.push import InstanceState
from cachegate.triggers import announced_at

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from cachegate.heed import Heeded
    from cachegate.results import SyncResult, VpcResult
    from cachegate.triggers import Trigger


def count_triggers(heeded: Heeded) -> Mapping[Metric, float]:
    """Return what is learned of the triggers of a batch."""
    unknown = sum(trigger.cause.kind is CauseKind.UNKNOWN for trigger in heeded.asking)
    counts = {Metric.TRIGGERS_IGNORED: len(heeded.ignored), Metric.TRIGGERS_UNKNOWN: unknown}
    return {metric: value for metric, value in counts.items() if value}


def count_pass(result: SyncResult, asking: Sequence[Trigger] = ()) -> Mapping[Metric, float]:
    """Return what alarms and dashboards learn of a pass and of the triggers that asked for it."""
    happened = {
        metric: value
        for metric, value in _happened(result, asking)
        if value or metric is Metric.SECONDS_TO_VERIFIED
    }
    return (dict(_state(result)) if result.whole else {}) | happened


def _state(result: SyncResult) -> Iterator[tuple[Metric, float]]:
    """Yield how things are, which a pass over some VPCs only cannot tell."""
    # Where nobody is to be asked, nothing is overdue.
    due = (_due_since(vpc, result) for vpc in result.vpcs if not vpc.idle)
    yield Metric.VERIFIED_AGE, result.ended_at - min(due, default=result.ended_at)
    if all(vpc.error is None for vpc in result.vpcs):  # else trouble in one would look mended
        instances = [instance for vpc in result.vpcs for instance in vpc.instances]
        offline = sum(instance.state is InstanceState.OFFLINE for instance in instances)
        yield Metric.NAT_INSTANCES_OFFLINE, offline
        yield Metric.TARGETS_UNREACHABLE, sum(len(vpc.unreachable) for vpc in result.vpcs)
        enrolments = [enrolment for vpc in result.vpcs for enrolment in vpc.enrolments]
        yield Metric.TOPICS_INACTIVE, sum(e.notices is Notices.INACTIVE for e in enrolments)
        yield from _beside(result)
    plans = [vpc.plan for vpc in result.vpcs if vpc.plan]
    if plans and len(plans) == len(result.vpcs):  # a sum without one VPC would look like a loss
        forwards = [forward for plan in plans for forward in plan.ledger.rule_set.forwards]
        yield Metric.FORWARDS, sum(bool(forward.targets) for forward in forwards)
        yield Metric.LISTEN_PORTS_LEFT, min(vpc.listen_ports_left for vpc in result.vpcs)


def _beside(result: SyncResult) -> Iterator[tuple[Metric, float]]:
    """Yield what there is beside forwards, where the stack has it and AWS told of it."""
    ages = [vpc.address.unheld_seconds for vpc in result.vpcs if vpc.address]
    if ages:
        yield Metric.HOLDER_UNVERIFIED_AGE, max(ages)
    rules = [vpc.rules for vpc in result.vpcs if vpc.rules]
    if rules and not any(each.errors for each in rules):
        yield Metric.GROUP_RULES_OPEN, sum(len(each.in_place) for each in rules)
    told = [each.capacity.conntrack for vpc in result.vpcs for each in vpc.instances]
    full = [tracking.percent for tracking in told if tracking]
    if full:
        yield Metric.CONNTRACK_USED_PERCENT, max(full)


def _due_since(vpc: VpcResult, result: SyncResult) -> float:
    """Return when the VPC was last verified; without any proof when its first port was leased."""
    leases = vpc.plan.ledger.leases.values() if vpc.plan else ()
    first = min((lease.leased_at for lease in leases), default=result.ended_at)
    return vpc.verified_at or first


def _happened(result: SyncResult, asking: Sequence[Trigger]) -> Iterator[tuple[Metric, float]]:
    plans = [vpc.plan for vpc in result.vpcs if vpc.plan]
    made = sum(len(plan.made) for plan in plans)
    event = announced_at(asking)
    yield Metric.FORWARDS_CHANGED, made
    yield Metric.CHANGES_HELD, sum(len(plan.held) for plan in plans)
    yield Metric.CHANGES_UNANNOUNCED, made if asking and event is None else 0
    yield Metric.CONNTRACK_ALLOWANCE_EXCEEDED, sum(vpc.tracking_exceeded for vpc in result.vpcs)
    # An address that comes to its first holder ends nobody's connections.
    moved = [vpc for vpc in result.vpcs if vpc.address and vpc.address.former]
    yield Metric.ADDRESS_MOVED, len(moved)
    vanished = [len(vpc.rules.vanished) for vpc in result.vpcs if vpc.rules]
    yield Metric.GROUP_RULES_VANISHED, sum(vanished)
    yield Metric.DRIFT_REPAIRED, sum(vpc.drift_repaired for vpc in result.vpcs)
    yield Metric.EVENTS_NOT_PUBLISHED, sum(len(vpc.unpublished) for vpc in result.vpcs)
    yield Metric.FLOWS_TOLD, sum(i.flows_told for vpc in result.vpcs for i in vpc.instances)
    yield Metric.PASSES_FAILED, len(result.failures)
    # The proof of something new, at whichever try; a look that finds all as it was says nothing of
    # speed, nor does a change that no event announced.
    proofs = [vpc.verified_at for vpc in result.vpcs if vpc.newly_proved]
    if proofs and event is not None:
        yield Metric.SECONDS_TO_VERIFIED, max(0.0, max(proofs) - event)  # two clocks
