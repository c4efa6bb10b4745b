"""The ways by other programs, and which programs each takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from benchmarks import programs
from benchmarks.data_path import proxies, tunnels

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from benchmarks.data_path.site import Site
    from benchmarks.data_path.way import Way


class Peer(NamedTuple):
    """How a peer is set up, and the programs without which it cannot be."""

    make: Callable[[Site, str], Way]
    programs: tuple[str, ...]

    def missing(self) -> list[str]:
        """Return which of its programs are not here."""
        return [each for each in self.programs if programs.find(each) is None]


PEERS: Mapping[str, Peer] = {
    "haproxy, TCP": Peer(proxies.haproxy, ("haproxy",)),
    "nginx stream": Peer(proxies.nginx, ("nginx",)),
    "socat, fork": Peer(proxies.socat, ("socat",)),
    "ssh -L": Peer(tunnels.ssh, ("ssh", "sshd", "ssh-keygen")),
    "stunnel at both ends": Peer(tunnels.stunnel, ("stunnel",)),
}
