"""One way from the client to the node."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from benchmarks.data_path.site import Machine, Site

_ADDRESS = re.compile(r"\baddr=([\d.]+):")


class Way(NamedTuple):
    """Where the client connects to, and the address that the node sees then."""

    name: str
    address: str
    port: int
    seen: str
    machine: Machine
    tls: bool = False
    tracks: bool = True  # the machine's kernel tracks connections

    def options(self, site: Site) -> list[str]:
        """Return what redis-cli and redis-benchmark need to go this way."""
        there = ["-h", self.address, "-p", str(self.port)]
        # Both check the certificate, not the name in it, which the address is none of.
        return [*there, "--tls", "--cacert", str(site.authority.ca_file)] if self.tls else there

    def check(self, site: Site) -> None:
        """Ask the node who asks; raise RuntimeError where that did not come this way."""
        asked = site.client.run("redis-cli", *self.options(site), "client", "info", check=False)
        found = _ADDRESS.search(asked.stdout)
        if found is None:
            raise RuntimeError(f"{self.name}: no answer: {asked.stdout}{asked.stderr}{site.said()}")
        if found[1] != self.seen:
            raise RuntimeError(f"{self.name}: the node saw {found[1]}, not {self.seen}")
        if (self.machine.tracked() > 0) != self.tracks:
            raise RuntimeError(f"{self.name}: {self.machine.tracked()} connections are tracked")
