"""How soon clients of a dead node know."""

from __future__ import annotations

from benchmarks.repair.deaths import measure
from benchmarks.repair.telling import tell
from benchmarks.report import Section

SECTIONS = (Section("repair", measure, tell),)
