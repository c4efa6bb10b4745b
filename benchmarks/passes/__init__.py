"""A pass: planning, calls, sizes."""

from __future__ import annotations

from benchmarks.passes import calls, planning, tell_calls, tell_planning
from benchmarks.report import Section

SECTIONS: tuple[Section, ...] = (
    Section(planning.NAME, planning.measure, tell_planning.tell),
    Section(calls.NAME, calls.measure, tell_calls.tell),
)
