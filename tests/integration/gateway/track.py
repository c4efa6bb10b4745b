"""Make the kernel track connections that nobody has: `track.py COUNT PORT MARK`.

They go from as many client ports to one listen port, translated to node A, established.
"""

from __future__ import annotations

import socket
import struct
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3] / "gateway"))

from cachegate_agent import conntrack
from cachegate_agent.netlink import ACK, REQUEST, Netlink, attribute, nested

NEW = 0x100
CREATE = 0x400
STATUS, TIMEOUT = 3, 7
# Seen reply, assured, confirmed: what user space may set of a connection in use.
IN_USE = 0x2 | 0x4 | 0x8


def ends(kind: int, source: tuple[str, int], destination: tuple[str, int]) -> bytes:
    """Pack one direction."""
    return nested(
        kind,
        nested(
            conntrack.TUPLE_IP,
            attribute(conntrack.SOURCE_IP, socket.inet_aton(source[0])),
            attribute(conntrack.DESTINATION_IP, socket.inet_aton(destination[0])),
        ),
        nested(
            conntrack.TUPLE_PROTOCOL,
            attribute(conntrack.NUMBER, bytes([socket.IPPROTO_TCP])),
            attribute(conntrack.SOURCE_PORT, struct.pack("!H", source[1])),
            attribute(conntrack.DESTINATION_PORT, struct.pack("!H", destination[1])),
        ),
    )


def entry(number: int, port: int, mark: int) -> bytes:
    """Pack one connection."""
    client = (f"198.18.{number // 50_000}.{number // 50_000 + 1}", 10_000 + number % 50_000)
    nat, masked = ("192.0.2.1", port), ("10.0.1.2", client[1])
    return b"".join(
        (
            struct.pack("=BBH", socket.AF_INET, 0, 0),
            ends(conntrack.ORIGINAL, client, nat),
            ends(conntrack.REPLY, ("10.0.1.10", 6379 + number // 50_000), masked),
            attribute(STATUS, struct.pack("!I", IN_USE)),
            attribute(TIMEOUT, struct.pack("!I", 600)),
            attribute(conntrack.MARK, struct.pack("!I", mark)),
            nested(
                conntrack.PROTOCOL_INFO,
                nested(
                    conntrack.INFO_TCP,
                    attribute(conntrack.TCP_STATE, bytes([conntrack.ESTABLISHED])),
                ),
            ),
        )
    )


def main(count: int, port: int, mark: int) -> None:
    """Create them, in batches."""
    with Netlink() as kernel:
        for start in range(0, count, 64):
            numbers = range(start, min(start + 64, count))
            messages = [
                kernel._message(NEW, REQUEST | ACK | CREATE, entry(number, port, mark))
                for number in numbers
            ]
            kernel._send(messages)
            codes = []
            for _, payload in kernel._receive():
                codes.append(struct.unpack_from("=i", payload)[0])
                if len(codes) == len(messages):
                    break
            if any(codes):
                raise SystemExit(f"refused: {set(codes)}")


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3], 0))
