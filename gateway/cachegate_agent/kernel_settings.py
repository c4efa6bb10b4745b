"""Settings of this kernel that decide how forwarding behaves."""

from __future__ import annotations

from pathlib import Path


def setting(name: str) -> int:
    """Read a network setting; -1 where there is none (connection tracking not loaded yet)."""
    for folder in ("net/ipv4", "net"):
        path = Path("/proc/sys", folder, name)
        if path.exists():
            return int(path.read_text(encoding="ascii"))
    return -1


def knows_strays() -> bool:
    """Tell whether a packet that conntrack calls invalid must be a stray one of a known flow.

    Where the kernel does not take up flows from the middle (nf_conntrack_tcp_loose is 0), it calls
    a packet of an unknown flow invalid too, and that one has to be answered: its sender is to learn
    that the flow is over.
    """
    return setting("netfilter/nf_conntrack_tcp_loose") != 0
