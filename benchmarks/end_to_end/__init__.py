"""From an event, or a death, to what clients notice."""

from __future__ import annotations

from benchmarks.end_to_end import events, failovers, tell_events, tell_failovers
from benchmarks.report import Section

SECTIONS: tuple[Section, ...] = (
    Section("events", events.measure, tell_events.tell),
    Section("failovers", failovers.measure, tell_failovers.tell),
)
