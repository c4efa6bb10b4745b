"""The guard: judging ingress rules, and what a look at all groups asks of AWS."""

from __future__ import annotations

from benchmarks.guard import judging, sweeps, tell_judging, tell_sweeps
from benchmarks.report import Section

SECTIONS: tuple[Section, ...] = (
    Section("judging", judging.measure, tell_judging.tell),
    Section("sweeps", sweeps.measure, tell_sweeps.tell),
)
