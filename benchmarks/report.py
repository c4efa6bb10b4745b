"""What a section has to say: its goals, its text and its pictures. Values only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from matplotlib.figure import Figure

    from benchmarks.estimate import Estimate
    from benchmarks.rows import Rows


@dataclass(frozen=True, slots=True)
class Goal:
    """One claim: a figure, and the bound that it is to keep."""

    what: str
    found: Estimate
    bound: float
    at_least: bool = False  # else the figure is to be at most the bound
    unit: str = ""  # of a figure that is no ratio

    @property
    def met(self) -> bool:
        """Whether the median keeps the bound."""
        return self.found.median >= self.bound if self.at_least else self.found.median <= self.bound

    @property
    def sure(self) -> bool:
        """Whether the whole interval says the same as the median."""
        ends = (self.found.low, self.found.high)
        kept = [end >= self.bound if self.at_least else end <= self.bound for end in ends]
        return all(each == self.met for each in kept)

    def verdict(self) -> str:
        """Return in words whether it is met, and whether noise could have decided."""
        said = "met" if self.met else "missed"
        return said if self.sure else f"{said}, within the noise"

    def wanted(self) -> str:
        """Return the bound in words."""
        return f"{'at least' if self.at_least else 'at most'} {self.bound:,g}{self.unit}"


@dataclass(frozen=True, slots=True)
class Picture:
    """A drawing, and what somebody reads who cannot see it."""

    name: str  # of its file, without a suffix
    says: str
    figure: Figure

    @property
    def markdown(self) -> str:
        """The line that shows it, from the page."""
        return f"![{self.says}](benchmarks/{self.name}.svg)"


@dataclass(frozen=True, slots=True)
class Report:
    """One section of the page; the text has no heading of its own, but may have lesser ones."""

    title: str
    text: str
    goals: tuple[Goal, ...] = ()
    pictures: tuple[Picture, ...] = ()


def spec(found: Estimate) -> str:
    """Return the format of a figure: three digits, and whole numbers as they are."""
    if all(value == int(value) for value in found[:3]) or abs(found.median) >= 100:
        return ",.0f"
    return ".1f" if abs(found.median) >= 10 else ".2f" if abs(found.median) >= 1 else ".3f"


class Measure(Protocol):
    """Measure a section."""

    def __call__(self, *, quick: bool) -> Rows:
        """Return all rows; quick: fewer repetitions and sizes, in a share of two minutes."""


class Tell(Protocol):
    """Tell what the rows of a section mean."""

    def __call__(self, rows: Rows) -> Report:
        """Return the section of the page; the rows may be those of a quick run."""


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the run: its name is that of its raw rows and of nothing else."""

    name: str
    measure: Measure
    tell: Tell


def table(head: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """Return a table in markdown, its columns of numbers to the right, but for the first."""
    body = list(lines)
    numbers = [any(_number(cells[place]) for cells in body) for place in range(1, len(head))]
    rule = ["---", *("---:" if right else "---" for right in numbers)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, rule, *body))


def _number(cell: str) -> bool:
    return cell.strip("*")[:1].isdigit()
