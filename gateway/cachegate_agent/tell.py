"""Tell both ends of a stale flow that it is over, though it may be idle.

An end that waits sends nothing, so it would never learn that its flow is gone. A SYN that seems to
come from the other end makes it answer with the sequence number that it expects (the challenge ACK
of RFC 5961); that answer belongs to no known flow and earns a RST, which the end believes. The SYN
must not be tracked (TELL_MARK), or the kernel would keep a flow in the wrong direction.
"""

from __future__ import annotations

import socket
import struct
from typing import TYPE_CHECKING, Iterable, List

from cachegate_agent.backend import TELL_MARK

if TYPE_CHECKING:
    from cachegate_agent.conntrack import End, Flow
    from cachegate_agent.rules import Target

SYN = 0x02


def tell(stale: Iterable[Flow]) -> int:
    """Send a SYN to both ends of each flow that may be open; return how many clients got theirs."""
    told = 0
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW) as wire:
        wire.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, struct.pack("=I", TELL_MARK))
        for flow in stale:
            if flow.is_open:
                told += _send(wire, flow.listen, flow.client)
                _send(wire, flow.masked, flow.target)
    return told


def _send(wire: socket.socket, source: End, destination: End | Target) -> bool:
    try:
        wire.sendto(_segment(source, destination), (str(destination.address), 0))
    except OSError:
        # No route any more, or another program's firewall: that end learns at its next packet.
        return False
    return True


def _segment(source: End, destination: End | Target) -> bytes:
    """Build an IP packet with a SYN; the kernel fills in the IP header's checksum and length."""
    pseudo = source.address.packed + destination.address.packed
    tcp = [source.port, destination.port, 0, 0, 0, 0, 5 << 12 | SYN, 1024, 0, 0]
    tcp[8] = _checksum(pseudo + struct.pack("!HH10H", socket.IPPROTO_TCP, 20, *tcp))
    ip = struct.pack("!BBHHHBBH", 0x45, 0, 40, 0, 0, 64, socket.IPPROTO_TCP, 0)
    return ip + pseudo + struct.pack("!10H", *tcp)


def _checksum(data: bytes) -> int:
    words: List[int] = list(struct.unpack(f"!{len(data) // 2}H", data))
    total = sum(words)
    total = (total >> 16) + (total & 0xFFFF)
    total += total >> 16
    return ~total & 0xFFFF
