"""Client, NAT instance, node: our rules against routing, and against what others would use."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from benchmarks.report import Section

SECTIONS: tuple[Section, ...] = ()
