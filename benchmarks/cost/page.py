"""The page: the same template, prices, rates and measurements give the same page."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from benchmarks.cost import others, ours, usage
from benchmarks.cost.picture import picture
from benchmarks.cost.prices import HOURS, Price, Prices
from benchmarks.cost.stack import Stack, stack
from benchmarks.cost.texts import END, HEAD, INPUTS, SEEN
from benchmarks.cost.usage import NODES, QUIET, RESTLESS, USUAL, Measured
from benchmarks.report import table

if TYPE_CHECKING:
    from collections.abc import Mapping

    from benchmarks.cost.usage import Rates
    from benchmarks.report import Picture

RATES = (QUIET, USUAL, RESTLESS)
STACKS = {
    "cachegate, instances of your own": 0,
    "cachegate, one instance": 1,
    "cachegate, two instances": 2,
}
MIDDLE = 30  # nodes


@dataclass(frozen=True, slots=True)
class Page:
    """What there is to say of these prices."""

    measured: Measured = field(default_factory=Measured.load)
    prices: Prices = field(default_factory=Prices.load)

    def text(self) -> str:
        """Return it in markdown."""
        two, one = stack(2), stack(1)
        return HEAD.format(
            read=self.prices.read,
            ways=self._ways(),
            picture=self.picture().markdown,
            parts=self._parts(),
            rates=self._rates(),
            **self._figures(one, two),
        ) + END.format(
            inputs=table(["input", "value"], self._inputs(one)),
            prices=table(
                ["price", "USD", "per", "seen", "where"], map(_line, self.prices.of.values())
            ),
            unconfirmed=_listing(self.prices, "memory"),
            copies=_listing(self.prices, "copies"),
            seen="; ".join(f"*{name}*: {means}" for name, means in SEEN.items()),
        )

    def picture(self) -> Picture:
        """Return the drawing: without a balancer a node, beside which one would see nothing."""
        ways = self.ways(MIDDLE)
        del ways["a load balancer for each node"]
        return picture(MIDDLE, ways)

    def ways(self, nodes: int) -> dict[str, Mapping[str, float]]:
        """Return the parts of the cost of each way, at the usual rates."""
        own = {name: self._ours(stack(count), nodes, USUAL) for name, count in STACKS.items()}
        return own | {
            "SSM port forwarding, one bastion": others.bastion(self.prices),
            "load balancers, a listener for each node": others.listener_a_node(nodes, self.prices),
            "a load balancer for each node": others.balancer_a_node(nodes, self.prices),
            "AWS Client VPN": others.client_vpn(self.prices),
        }

    def more_often(self, of: Stack, minutes: int) -> float:
        """Return what a stack's own schedule costs more than one of so many minutes."""
        often, seldom = of, replace(of, minutes=minutes)
        return total(self._ours(often, MIDDLE, USUAL)) - total(self._ours(seldom, MIDDLE, USUAL))

    def _ours(
        self, of: Stack, nodes: int, rates: Rates, *, guard: bool = True
    ) -> Mapping[str, float]:
        return ours.cost(of, nodes, rates, self.measured, self.prices, guard=guard)

    def _ways(self) -> str:
        by_nodes = [self.ways(nodes) for nodes in NODES]
        return table(
            ["USD a month", *(f"{nodes} nodes" for nodes in NODES)],
            [[way, *(_usd(total(ways[way])) for ways in by_nodes)] for way in by_nodes[0]],
        )

    def _parts(self) -> str:
        stacks = [self._ours(stack(count), MIDDLE, USUAL) for count in STACKS.values()]
        without = [
            total(self._ours(stack(count), MIDDLE, USUAL, guard=False)) for count in STACKS.values()
        ]
        lines = [[part, *(_usd(parts[part]) for parts in stacks)] for part in stacks[0]]
        together = ["**together**", *(f"**{_usd(total(parts))}**" for parts in stacks)]
        guard = [_usd(total(parts) - less) for parts, less in zip(stacks, without, strict=True)]
        return table(
            [f"USD a month, {MIDDLE} nodes", "your own", "one", "two"],
            [*lines, together, ["of that, the guard", *guard]],
        )

    def _rates(self) -> str:
        return table(
            ["USD a month", "your own", "one", "two", "passes, two", "sweeps", "second trail, two"],
            [
                [
                    _said(rates),
                    *(
                        _usd(total(self._ours(stack(count), MIDDLE, rates)))
                        for count in STACKS.values()
                    ),
                    f"{self.measured.passes(stack(2), MIDDLE, rates).all:,.0f}",
                    f"{self.measured.sweeps(stack(2), MIDDLE, rates).all:,.0f}",
                    _usd(ours.second_trail(stack(2), MIDDLE, rates, self.measured, self.prices)),
                ]
                for rates in RATES
            ],
        )

    def _figures(self, one: Stack, two: Stack) -> dict[str, str]:
        parts = self._ours(two, MIDDLE, USUAL)
        watched = parts["metrics"] + parts["alarms and dashboard"]
        network = parts["instances and disks"] + parts["public addresses"]
        micro = ours.machines("t4g.micro", 1, self.prices) - ours.machines(
            "t4g.nano", 1, self.prices
        )
        own = stack(0)
        return {
            "hours": f"{HOURS}",
            "middle": f"{MIDDLE}",
            "most": f"{NODES[-1]}",
            "zones": f"{usage.ZONES}",
            "often": f"{one.minutes}",
            "seldom": f"{own.minutes}",
            "two": _usd(total(parts)),
            "fixed": f"{(network + watched) / total(parts):.0%}",
            "network": _usd(network),
            "watched": _usd(watched),
            "micro": _usd(micro),
            "minute": _usd(self.more_often(one, own.minutes)),
            "bastion": _usd(total(others.bastion(self.prices))),
            "vpn": _usd(total(others.client_vpn(self.prices))),
            "vpn_fixed": _usd(others.client_vpn(self.prices)["service by the hour"]),
            "person": _usd(self.prices.usd("connection", usage.PERSON_HOURS)),
            "balancer": _usd(total(others.listener_a_node(1, self.prices))),
            "listeners": f"{usage.LISTENERS}",
            "gigabyte": _usd(ours.traffic(1, self.prices)),
        }

    def _inputs(self, one: Stack) -> list[list[str]]:
        own = stack(0)
        values = {
            **{name: getattr(usage, name) for name in dir(usage) if name.isupper()},
            "PASS_SECONDS": self.measured.pass_seconds,
            "MINUTES": one.minutes, "OWN_MINUTES": own.minutes, "GUARD_MINUTES": one.guard_minutes,
            "WINDOW": one.guard_window, "MEMORY": one.memory, "HOURS": HOURS,
            "METRICS": f"{own.metrics + own.guard_metrics}, {one.metrics + one.guard_metrics}, "
                       f"{stack(2).metrics + stack(2).guard_metrics}",
            "ALARMS": f"{own.alarms + own.guard_alarms}, {one.alarms + one.guard_alarms}, "
                      f"{stack(2).alarms + stack(2).guard_alarms}",
        }  # fmt: skip
        by_nodes = {
            "CALLS": self.measured.calls,
            "GUARD_CALLS": self.measured.guard_calls,
            "LOG_KB": usage.LOG_KB,
            "LEDGER_KB": self.measured.ledger_kb,
        }
        for name, each in by_nodes.items():
            values[name] = ", ".join(map(str, each.values()))
        return [[what, value.format(**values)] for what, value in INPUTS.items()]


def total(parts: Mapping[str, float]) -> float:
    """Return the sum of all parts."""
    return sum(parts.values())


def _said(rates: Rates) -> str:
    return (
        f"{rates.name}: {rates.changes:,} changes of nodes, {rates.states:,} EC2 starts and ends, "
        f"{rates.calls:,} calls that the guard hears"
    )


def _usd(amount: float) -> str:
    return f"{amount:,.2f}"


def _line(price: Price) -> list[str]:
    usd = f"{price.usd:.2f}" if price.usd == round(price.usd, 2) else f"{price.usd:g}"
    return [price.what, usd, price.unit, price.seen, f"<{price.source}>"]


def _listing(prices: Prices, seen: str) -> str:
    return "; ".join(each.what for each in prices.of.values() if each.seen == seen)
