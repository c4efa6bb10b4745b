"""What a pass of the guard writes into the log: one line, with the decision and its reasons. Pure.

A person who has the id of an event finds by it, in `caused_by`, the pass that it caused.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Literal

from cachegate.domain.finding import Step
from cachegate.guard.counts import dangerous
from cachegate.log import Line, distinct, first

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from cachegate.errors import CachegateError
    from cachegate.guard.restore import Restored
    from cachegate.guard.results import SweepResult
    from cachegate.guard.settings import GuardSettings
    from cachegate.triggers import Trigger

Decision = Literal["failed", "revoked", "refused", "waiting", "observed", "kept"]
PASS = "guard pass"  # noqa: S105 - the message of the line


def report_sweep(
    result: SweepResult, settings: GuardSettings, asking: Sequence[Trigger] = ()
) -> Iterator[Line]:
    """Yield the pass's line, and one of its own for events that were not taken."""
    looked = result.looked
    fields = {
        "decision": decision(result),
        "mode": settings.mode.value,
        **first("reasons", distinct(_reasons(result))),
        "findings": dict(Counter(finding.step.value for finding in result.standing)),
        "fresh": len(result.fresh),
        **first("revoked", [each.rule.rule_id for each in result.revoked]),
        "failures": {rule_id: _in_words(error) for rule_id, error in result.failures.items()},
        "unsent": result.unsent,
        "groups": len(looked.view.groups),
        **first("unseen_groups", looked.unseen),
        "trail": looked.trail.value,
        "caused_by": _ids(asking),
        "seconds": round(result.ended_at - looked.view.at, 3),
    }
    went_wrong = bool(result.failures) or result.unsent is not None
    yield Line("error" if went_wrong else "info", PASS, fields)
    yield from _of_bus(result.unpublished)


def report_broken(
    error: CachegateError, settings: GuardSettings, asking: Sequence[Trigger]
) -> Iterator[Line]:
    """Yield the line of a pass that could not look, or whose end could not be kept."""
    fields: dict[str, Any] = {
        "decision": "failed",
        "mode": settings.mode.value,
        "reasons": [_in_words(error)],
        "caused_by": _ids(asking),
    }
    yield Line("error", PASS, fields)


def report_restored(restored: Restored) -> Iterator[Line]:
    """Yield the line of a rule that was given back."""
    fields = {
        "rule": restored.revocation.rule.rule_id,
        "group": restored.revocation.group.group_id,
        "restored_as": restored.revocation.restored_as,
        "existed": restored.existed,
        "closed": list(restored.closed),
    }
    yield Line("info", "rule restored", fields)
    yield from _of_bus(restored.unpublished)


def decision(result: SweepResult) -> Decision:
    """Return in one word what the pass did, or what it left: the gravest."""
    words: dict[Decision, bool] = {
        "failed": bool(result.failures),
        "revoked": bool(result.revoked),
        "refused": result.count(Step.REFUSE) > 0,
        "waiting": result.enforces and result.count(Step.WAIT) > 0,
        "observed": dangerous(result) > 0,
    }
    return next((word for word, fits in words.items() if fits), "kept")


def _reasons(result: SweepResult) -> Iterator[str]:
    """Yield what made the pass decide so, the gravest first."""
    for rule_id, error in result.failures.items():
        yield f"{rule_id}: {_in_words(error)}"
    for revocation in result.revoked:
        yield f"{revocation.rule.rule_id} revoked: {revocation.reason}"
    for finding in result.standing:
        why = f"{finding.judgement.reason}; {finding.reason}"
        yield f"{finding.rule.rule_id} {finding.step.value}: {why}"


def _of_bus(reasons: tuple[str, ...]) -> Iterator[Line]:
    if reasons:
        yield Line("error", "events not published", first("reasons", distinct(reasons)))


def _in_words(error: CachegateError) -> str:
    return f"{error.code}: {error}"


def _ids(triggers: Sequence[Trigger]) -> list[str]:
    return [trigger.correlation_id for trigger in triggers]
