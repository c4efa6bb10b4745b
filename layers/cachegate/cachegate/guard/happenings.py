"""Events out: what a pass of the guard found and did, as others can build on it. Pure.

docs/events.md describes each event, docs/events/schema.json its fields.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cachegate.domain.finding import Step
from cachegate.guard.describe import describe_finding, describe_revocation
from cachegate.happenings import VERSION, Happening, HappeningKind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cachegate.guard.restore import Restored
    from cachegate.guard.results import SweepResult
    from cachegate.guard.settings import GuardSettings


def happenings_of(result: SweepResult, settings: GuardSettings) -> Iterator[Happening]:
    """Yield the events of a pass: each finding when it is fresh, each revocation when proved."""
    common = _common(settings)
    for finding in result.fresh:
        author = result.authors.get(finding.rule.rule_id)
        detail = common | describe_finding(finding, author)
        yield Happening(HappeningKind.INGRESS_FOUND, detail)
        if finding.step is Step.REFUSE:
            yield Happening(HappeningKind.INGRESS_REFUSED, detail)
    for revocation in result.revoked:
        yield Happening(HappeningKind.INGRESS_REVOKED, common | describe_revocation(revocation))


def happenings_of_restored(restored: Restored, settings: GuardSettings) -> Iterator[Happening]:
    """Yield the event of a rule that was given back; none where the rule had never gone."""
    if restored.revocation.restored_as is None:
        return
    detail = describe_revocation(restored.revocation) | {
        "existed": restored.existed,
        "closed": list(restored.closed),
    }
    yield Happening(HappeningKind.INGRESS_RESTORED, _common(settings) | detail)


def _common(settings: GuardSettings) -> dict[str, Any]:
    return {"version": VERSION, "stack": settings.stack, "mode": settings.mode.value}
