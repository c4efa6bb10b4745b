"""What a pass of the guard counts, for alarms and dashboards to look at. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cachegate.domain.finding import Step
from cachegate.guard.protocols import Trail
from cachegate.metrics import Metric
from cachegate.planning.returning import Past

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from cachegate.guard.restore import Restored
    from cachegate.guard.results import SweepResult

FAILED = {Metric.GUARD_PASSES_FAILED: 1.0}
_MISSING = {Trail.NONE: 1, Trail.LOGS: 0}
_DANGEROUS = (Step.REVOKE, Step.CARVE, Step.WAIT, Step.REFUSE)


def count_sweep(result: SweepResult) -> Mapping[Metric, float]:
    """Return what alarms and dashboards learn of a pass."""
    return dict(_state(result)) | {metric: value for metric, value in _happened(result) if value}


def count_restored(restored: Restored) -> Mapping[Metric, float]:
    """Return what they learn of a rule that was given back."""
    counts = {
        Metric.RULES_RESTORED: int(not restored.existed),
        Metric.EVENTS_NOT_PUBLISHED: len(restored.unpublished),
    }
    return {metric: value for metric, value in counts.items() if value}


def dangerous(result: SweepResult) -> int:
    """Return how many rules should be gone, and stand."""
    return result.count(*_DANGEROUS)


def _state(result: SweepResult) -> Iterator[tuple[Metric, float]]:
    yield Metric.FINDINGS_OPEN, len(result.standing)
    yield Metric.FINDINGS_DANGEROUS, dangerous(result)
    yield Metric.FINDINGS_REFUSED, result.count(Step.REFUSE)
    yield Metric.FINDINGS_EXEMPT, result.count(Step.EXEMPT)
    yield Metric.GROUPS_GUARDED, len(result.looked.view.groups)
    if result.looked.trail in _MISSING:
        yield Metric.TRAILS_MISSING, _MISSING[result.looked.trail]


def _happened(result: SweepResult) -> Iterator[tuple[Metric, float]]:
    before = Past(result.looked.view.revocations, since=0.0)
    yield Metric.RULES_REVOKED, len(result.revoked)
    yield Metric.RULES_RETURNED, sum(bool(before.of(each.rule)) for each in result.revoked)
    yield Metric.GUARD_PASSES_FAILED, int(bool(result.failures))
    yield Metric.ALERTS_NOT_SENT, int(result.unsent is not None)
    yield Metric.EVENTS_NOT_PUBLISHED, len(result.unpublished)
