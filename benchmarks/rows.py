"""Measurements as rows: kept raw as CSV, read again to make tables, ratios and pictures."""

from __future__ import annotations

import csv
import statistics
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, Self

from benchmarks.estimate import Estimate, estimate

if TYPE_CHECKING:
    from pathlib import Path


class Row(NamedTuple):
    """One measurement: of which way, in which column, the how manieth, and what came out.

    The unit is the section's own, and stands in the way's or the column's name.
    """

    way: str
    column: str
    repetition: int
    value: float


@dataclass(slots=True)
class Rows:
    """All measurements of one section, in the order in which they were made."""

    name: str
    raw: list[Row] = field(default_factory=list)

    def add(self, way: str, column: object, repetition: int, value: float) -> None:
        """Keep one measurement; a number as column is kept as its text."""
        self.raw.append(Row(way, str(column), repetition, value))

    def ways(self) -> list[str]:
        """Return the ways, as they were measured first."""
        return list(dict.fromkeys(row.way for row in self.raw))

    def columns(self) -> list[str]:
        """Return the columns, as they were measured first."""
        return list(dict.fromkeys(row.column for row in self.raw))

    def taken(self, way: str, column: object) -> dict[int, float]:
        """Return the values of one cell by repetition; empty where it was not measured."""
        return {
            row.repetition: row.value
            for row in self.raw
            if row.way == way and row.column == str(column)
        }

    def median(self, way: str, column: object) -> float:
        """Return the median of one cell; raise KeyError where it was not measured."""
        return self.estimate(way, column).median

    def medians(self) -> dict[str, dict[str, float]]:
        """Return the medians by way and column."""
        cells: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
        for row in self.raw:
            cells[row.way][row.column].append(row.value)
        return {
            way: {column: statistics.median(values) for column, values in columns.items()}
            for way, columns in cells.items()
        }

    def estimate(self, way: str, column: object) -> Estimate:
        """Return the median of one cell and its interval; raise KeyError where there is none."""
        taken = self.taken(way, column)
        if not taken:
            raise KeyError(f"{self.name}: {way}, {column} was not measured")
        return estimate(taken.values())

    def quantile(self, way: str, column: object, hundredth: int) -> float:
        """Return a percentile of one cell, from 1 to 99; raise KeyError where there is none."""
        values = list(self.taken(way, column).values())
        if not values:
            raise KeyError(f"{self.name}: {way}, {column} was not measured")
        if len(values) == 1:
            return values[0]
        return statistics.quantiles(values, n=100, method="inclusive")[hundredth - 1]

    def ratio(self, way: str, column: object, to_way: str, to_column: object) -> Estimate:
        """Return the ratio of one cell to another, each pair taken within one repetition.

        Raise KeyError where no repetition has both.
        """
        ours, theirs = self.taken(way, column), self.taken(to_way, to_column)
        ratios = [ours[each] / theirs[each] for each in ours if each in theirs]
        if not ratios:
            raise KeyError(f"{self.name}: {way}, {column} and {to_way}, {to_column} never met")
        return estimate(ratios)

    def save(self, folder: Path) -> None:
        """Write every row as CSV."""
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / f"{self.name}.csv").open("w", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(Row._fields)
            # Six digits are more than any clock here gives, and keep the file readable.
            writer.writerows((*row[:3], f"{row.value:.6g}") for row in self.raw)

    @classmethod
    def load(cls, folder: Path, name: str) -> Self:
        """Read what `save` wrote; raise FileNotFoundError where there is none."""
        with (folder / f"{name}.csv").open(newline="") as file:
            return cls(
                name,
                [
                    Row(row["way"], row["column"], int(row["repetition"]), float(row["value"]))
                    for row in csv.DictReader(file)
                ],
            )
