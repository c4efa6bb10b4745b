"""How near a NAT instance is to what it can carry, by its own report."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

# What EC2 lets an instance have, as its network driver counts it; the first is what is left, the
# others are packets that were queued or dropped since the driver's last reset
# (https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/monitoring-network-performance-ena.html).
TRACKING_EXCEEDED = "conntrack_allowance_exceeded"
ALLOWANCES = (
    "conntrack_allowance_available",
    TRACKING_EXCEEDED,
    "bw_in_allowance_exceeded",
    "bw_out_allowance_exceeded",
    "pps_allowance_exceeded",
)
_MOST = 2**64


@dataclass(frozen=True, slots=True, kw_only=True)
class Tracking:
    """The kernel's table of connections: entries in use, and how many it takes."""

    used: int
    limit: int

    @property
    def percent(self) -> float:
        """Return how much of it is in use."""
        return 100 * self.used / self.limit


@dataclass(frozen=True, slots=True, kw_only=True)
class Capacity:
    """What an instance told of itself; nothing of it has to be known."""

    conntrack: Tracking | None = None
    allowances: Mapping[str, int] = field(default_factory=dict)  # by the driver's names

    @property
    def known(self) -> bool:
        """Tell whether it told anything."""
        return bool(self.conntrack or self.allowances)

    @classmethod
    def read(cls, report: Mapping[str, object]) -> Capacity:
        """Read a report of the agent, or what was written down; what is no figure is left out."""
        allowances = _figures(report.get("allowances"), ALLOWANCES)
        table = _figures(report.get("conntrack"), ("used", "limit"))
        tracking = Tracking(**table) if len(table) == 2 and table["limit"] else None
        return cls(conntrack=tracking, allowances=allowances)

    def exceeded_since(self, former: Capacity | None) -> int:
        """Return how many packets EC2 dropped, for want of tracking, since an earlier report.

        Nothing of an instance's first report is known to be new. A count that fell began anew.
        """
        now = self.allowances.get(TRACKING_EXCEEDED)
        before = former.allowances.get(TRACKING_EXCEEDED) if former else None
        if now is None or before is None:
            return 0
        return now if now < before else now - before


def _figures(value: object, names: tuple[str, ...]) -> dict[str, int]:
    told = value if isinstance(value, dict) else {}
    return {name: told[name] for name in names if type(told.get(name)) is int and _fits(told[name])}


def _fits(figure: int) -> bool:
    return 0 <= figure < _MOST
