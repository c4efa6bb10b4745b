"""All ways by name, in the order of the page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.data_path import kernel
from benchmarks.data_path.peers import PEERS

if TYPE_CHECKING:
    from benchmarks.data_path.site import Site
    from benchmarks.data_path.way import Way

MANY = 5000  # forwards
ROUTED, TRACKED, LEAST = "routed, not tracked", "routed, tracked", "one nft DNAT rule, open to all"
OURS = {backend: f"cachegate, {backend}" for backend in ("nftables", "iptables")}
OURS_MANY = {backend: f"{name}, {MANY:,} forwards" for backend, name in OURS.items()}
TLS = f"{OURS['nftables']}, Redis with TLS"
KERNEL = (ROUTED, TRACKED, LEAST, *OURS.values(), *OURS_MANY.values())


def in_kernel(site: Site, many: int = MANY) -> list[Way]:
    """Set up the ways that are compared closely: in each, the kernel carries the plain requests."""
    return [
        kernel.routed(site, ROUTED),
        kernel.tracked(site, TRACKED),
        kernel.least(site, LEAST),
        *(kernel.ours(site, name, backend, 1) for backend, name in OURS.items()),
        *(kernel.ours(site, name, backend, many) for backend, name in OURS_MANY.items()),
    ]


def others(site: Site) -> list[Way]:
    """Set up every peer whose programs are here, and Redis with TLS through our rules."""
    peers = [peer.make(site, name) for name, peer in PEERS.items() if not peer.missing()]
    return [*peers, kernel.ours(site, TLS, "nftables", 1, tls=True)]
