"""List prices, each with where it stands and how far it was confirmed."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from datetime import date

FILE = Path(__file__).with_name("prices.toml")
HOURS = 730  # of a month, as AWS's own calculator has it
MILLION = 1e6

Seen = Literal["page", "list", "copies", "memory"]


@dataclass(frozen=True, slots=True)
class Price:
    """USD for one unit, named in words."""

    what: str
    usd: float
    unit: str
    source: str
    seen: Seen


@dataclass(frozen=True, slots=True)
class Prices:
    """All prices by their key, and when they were read."""

    read: date
    of: dict[str, Price]

    @classmethod
    def load(cls) -> Prices:
        """Read prices.toml; raise TypeError where a price lacks something, or has more."""
        told = tomllib.loads(FILE.read_text())
        return cls(told["read"], {key: Price(**each) for key, each in told["price"].items()})

    def usd(self, key: str, units: float) -> float:
        """Return what so many units of a month cost; hours and months are units as all others."""
        price = self.of[key]
        return price.usd * (units / MILLION if price.unit.startswith("million") else units)
