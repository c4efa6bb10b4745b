"""Swap from one random rule set to the next and read each back: `iptables_round_trip.py TIMES`.

Ends with 1 and a line on stderr where the kernel does not hold exactly what was written.
"""

from __future__ import annotations

import random
import sys
from ipaddress import IPv4Network
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3] / "gateway"))

from cachegate_agent.backend import STAMPS
from cachegate_agent.iptables import Iptables
from cachegate_agent.rules import Forward, Rules, Target

NETWORK = IPv4Network("10.0.0.0/16")
SOURCES = ["0.0.0.0/0", "203.0.113.0/24", "198.51.100.7/32", "192.0.2.0/25", "100.64.0.0/10"]


def some_rules(generation: int) -> Rules:
    """Make up a rule set; a seed makes a failure repeatable."""
    chance = random.Random(generation)  # noqa: S311 - no secret
    # More do not fit into one message of iptables-nft where a plain user runs this.
    ports = chance.sample(range(1, 65536), chance.choice((0, 1, 20, 50)))
    if chance.random() < 0.5:
        ports = list(range(6379, 6379 + len(ports)))
    sources = chance.sample(SOURCES, chance.randrange(4))
    forwards = tuple(
        Forward(
            port,
            "readers",
            "key",
            tuple(Target(NETWORK[chance.randrange(1, 60000)], 6379) for _ in range(count)),
        )
        for port in ports
        for count in [chance.choice((0, 1, 1, 1, 1, 3))]
    )
    networks = tuple(map(IPv4Network, sources))
    return Rules("owner", generation, f"{generation:064x}", (NETWORK,), networks, forwards)


def main(times: int) -> str:
    """Return what went wrong, or ""."""
    backend = Iptables()
    shape = ""
    for generation in range(1, times + 1):
        rules = some_rules(generation)
        # Every fourth time nothing is taken as known.
        stamp = STAMPS[generation % len(STAMPS)]
        backend.swap(rules, stamp, backend.read() if generation % 4 else None)
        found = backend.read()
        shape = shape or (found.shape if found else "")
        if found is None or not found.holds(rules) or (found.stamp, found.shape) != (stamp, shape):
            return f"rule set {generation} was not read back: {found}"
    return ""


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])) or 0)
