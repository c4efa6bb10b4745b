"""Tell programs and people what a pass did: events, and one alert at most."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from cachegate.guard.alert import alert_of
from cachegate.guard.happenings import happenings_of, happenings_of_restored

if TYPE_CHECKING:
    from cachegate.guard.protocols import GuardAdapters
    from cachegate.guard.restore import Restored
    from cachegate.guard.results import SweepResult
    from cachegate.guard.settings import GuardSettings


def tell(result: SweepResult, adapters: GuardAdapters, settings: GuardSettings) -> SweepResult:
    """Send the alert and publish the events; return the result with what was not taken."""
    alert = alert_of(result, settings)
    return replace(
        result,
        unsent=adapters.alerts.send(alert.subject, alert.text) if alert else None,
        unpublished=adapters.bus.publish(happenings_of(result, settings)),
    )


def tell_restored(restored: Restored, adapters: GuardAdapters, settings: GuardSettings) -> Restored:
    """Publish the event of a rule that was given back: who asked for it needs no alert."""
    events = happenings_of_restored(restored, settings)
    return replace(restored, unpublished=adapters.bus.publish(events))
