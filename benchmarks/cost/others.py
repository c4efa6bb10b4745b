"""What one would take instead, a month.

Nothing is counted for keeping any of it in step with the nodes.
"""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING

from benchmarks.cost.ours import machines, traffic
from benchmarks.cost.prices import HOURS
from benchmarks.cost.usage import LISTENERS, OUT_GB, PEOPLE, PERSON_HOURS, ZONES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from benchmarks.cost.prices import Prices


def client_vpn(prices: Prices) -> Mapping[str, float]:
    """Return the cost of AWS Client VPN: the nodes do not matter, the people do."""
    return {
        "service by the hour": prices.usd("association", HOURS * ZONES),
        "people connected": prices.usd("connection", PEOPLE * PERSON_HOURS),
        "traffic": prices.usd("internet", OUT_GB),
    }


def listener_a_node(nodes: int, prices: Prices) -> Mapping[str, float]:
    """Return the cost of as few Network Load Balancers as have a listener for each node."""
    return _balancers(ceil(nodes / LISTENERS), prices)


def balancer_a_node(nodes: int, prices: Prices) -> Mapping[str, float]:
    """Return the cost of a Network Load Balancer for each node."""
    return _balancers(nodes, prices)


def _balancers(count: int, prices: Prices) -> Mapping[str, float]:
    return {
        "service by the hour": prices.usd("balancer", HOURS * count),
        "public addresses": prices.usd("address", HOURS * count * ZONES),
        "traffic": prices.usd("balancer_gb", OUT_GB) + traffic(OUT_GB, prices),
    }


def bastion(prices: Prices) -> Mapping[str, float]:
    """Return the cost of one instance that sessions of Systems Manager go through.

    It has a public address to reach AWS by, as the cheapest way. A session is free, and what it
    carries leaves by AWS's own service: nothing is counted for it.
    """
    return {
        "instances and disks": machines("t4g.nano", 1, prices),
        "public addresses": prices.usd("address", HOURS),
        "traffic": prices.usd("zone", 2 * OUT_GB),
    }
