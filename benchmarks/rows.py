"""Measurements as rows: kept raw as CSV, shown as medians."""

from __future__ import annotations

import csv
import statistics
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path


@dataclass(slots=True)
class Rows:
    """One measurement a row: what was measured, at which size, and how many milliseconds."""

    name: str
    raw: list[tuple[str, int, int, float]] = field(default_factory=list)

    def add(self, way: str, size: int, repetition: int, milliseconds: float) -> None:
        """Keep one measurement."""
        self.raw.append((way, size, repetition, milliseconds))

    def medians(self) -> dict[str, dict[int, float]]:
        """Return the medians by way and size, in the order in which they were measured first."""
        groups: dict[str, dict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
        for way, size, _, milliseconds in self.raw:
            groups[way][size].append(milliseconds)
        return {
            way: {size: statistics.median(taken) for size, taken in sizes.items()}
            for way, sizes in groups.items()
        }

    def quantiles(self, way: str) -> tuple[float, float]:
        """Return the median and the 95th percentile of one way, whatever the size."""
        taken = [ms for each, _, _, ms in self.raw if each == way]
        cuts = statistics.quantiles(taken, n=20, method="inclusive")
        return statistics.median(taken), cuts[-1]

    def ratio(self, way: str, size: int, to_way: str, to_size: int) -> tuple[float, float, float]:
        """Return the median, least and greatest ratio, each taken within one repetition."""
        taken = {(w, s, r): ms for w, s, r, ms in self.raw}
        ratios = [
            ms / taken[to_way, to_size, r]
            for (w, s, r), ms in taken.items()
            if (w, s) == (way, size) and (to_way, to_size, r) in taken
        ]
        return statistics.median(ratios), min(ratios), max(ratios)

    def save(self, folder: Path) -> None:
        """Write every row as CSV."""
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / f"{self.name}.csv").open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["way", "size", "repetition", "milliseconds"])
            writer.writerows(self.raw)

    def markdown(self, sizes: Sequence[int]) -> str:
        """Return a table of medians in milliseconds."""
        medians = self.medians()
        lines = [_line(["median ms", *map(str, sizes)]), _line(["---"] * (len(sizes) + 1))]
        for way, taken in medians.items():
            cells = (f"{taken[size]:.1f}" if size in taken else "" for size in sizes)
            lines.append(_line([way, *cells]))
        return "\n".join(lines)


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"
