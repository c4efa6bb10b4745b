"""How soon clients of a dead node know."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from benchmarks.report import Section

SECTIONS: tuple[Section, ...] = ()
