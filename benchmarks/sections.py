"""The parts of the run, in the order of the page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks import cold_start, data_path, end_to_end, guard, passes, repair, updates

if TYPE_CHECKING:
    from benchmarks.report import Section

SECTIONS: tuple[Section, ...] = (
    *data_path.SECTIONS,
    *updates.SECTIONS,
    *repair.SECTIONS,
    *end_to_end.SECTIONS,
    *passes.SECTIONS,
    *cold_start.SECTIONS,
    *guard.SECTIONS,
)
