"""The start of both functions, against a bare handler with the same clients."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.cold_start.starts import NAME, measure
from benchmarks.cold_start.tell_starts import tell
from benchmarks.report import Section

if TYPE_CHECKING:
    from typing import Final

SECTIONS: Final[tuple[Section, ...]] = (Section(NAME, measure, tell),)
