"""Client, NAT instance, node: our rules against routing, and against what others would use."""

from __future__ import annotations

from benchmarks.data_path.measuring import NAME, measure
from benchmarks.data_path.telling import tell
from benchmarks.report import Section

SECTIONS: tuple[Section, ...] = (Section(NAME, measure, tell),)
