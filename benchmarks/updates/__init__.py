"""Updates of the NAT instance, and what traffic notices of them."""

from __future__ import annotations

from benchmarks.report import Section
from benchmarks.updates import measuring, swaps, tell_swaps, tell_updates

SECTIONS: tuple[Section, ...] = (
    Section("updates", measuring.measure, tell_updates.tell),
    Section("swaps", swaps.measure, tell_swaps.tell),
)
