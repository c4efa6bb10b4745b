"""The connections that the kernel tracks: list those that we forward, delete some.

The program `conntrack` is not on most NAT images, so this speaks ctnetlink itself. Numbers are
those of linux/netfilter/nfnetlink_conntrack.h.
"""

from __future__ import annotations

import errno
import socket
import struct
from functools import lru_cache
from ipaddress import IPv4Address
from typing import Iterable, Iterator, List, NamedTuple, Optional

from cachegate_agent.backend import FLOW_BIT, OUR_BITS
from cachegate_agent.errors import Failed
from cachegate_agent.netlink import NESTED, Attributes, Netlink, attribute, attributes, nested
from cachegate_agent.rules import Target

CHANGE, GET, DELETE = 0x100, 0x101, 0x102  # subsystem 1
ORIGINAL, REPLY, PROTOCOL_INFO, MARK, ID, ZONE, MARK_MASK, FILTER = 1, 2, 4, 8, 12, 18, 21, 25
TUPLE_IP, TUPLE_PROTOCOL = 1, 2
SOURCE_IP, DESTINATION_IP = 1, 2
NUMBER, SOURCE_PORT, DESTINATION_PORT = 1, 2, 3
FILTER_ORIGINAL_FLAGS = 1
BY_NUMBER, BY_DESTINATION_PORT = 1 << 3, 1 << 5
INFO_TCP, TCP_STATE = 1, 1

# From the handshake's end to the second FIN: what both ends may believe to be open.
ESTABLISHED, FIN_WAIT, CLOSE_WAIT = 3, 4, 5
OPEN = {ESTABLISHED, FIN_WAIT, CLOSE_WAIT}

BATCH = 128  # flows in one message to the kernel
FEW_PORTS = 8  # up to here the kernel is asked port by port, and picks them out itself

_FAMILY = struct.pack("=BBH", socket.AF_INET, 0, 0)


class End(NamedTuple):
    """One end of a connection."""

    address: IPv4Address
    port: int


class Flow(NamedTuple):
    """A tracked TCP connection that we forward, or did."""

    client: End
    listen: End  # the instance's address and port that the client knows
    target: Target  # where it leads
    masked: End  # the instance's address and port that the target knows
    state: int
    key: bytes  # what deletes it and nothing else

    @property
    def is_open(self) -> bool:
        """Tell whether somebody still waits at either end."""
        return self.state in OPEN


def flows(ports: Optional[Iterable[int]] = None) -> Iterator[Flow]:
    """Yield the flows of these listen ports, or of all.

    The kernel picks them by their mark, and by port too where there are few ports: kernels before
    5.8 ignore that, so the port is looked at here again.
    """
    with Netlink() as kernel:
        wanted = None if ports is None else frozenset(ports)
        if wanted is None or len(wanted) > FEW_PORTS:
            found = map(_flow, kernel.dump(GET, _FAMILY + _by_mark(FLOW_BIT, FLOW_BIT)))
            yield from (f for f in found if f and (wanted is None or f.listen.port in wanted))
            return
        for port in sorted(wanted):
            body = _FAMILY + _by_mark(FLOW_BIT, FLOW_BIT) + _by_port(port)
            found = map(_flow, kernel.dump(GET, body))
            yield from (f for f in found if f and f.listen.port == port)


def stamped(stamp: int) -> Iterator[Flow]:
    """Yield the flows that bear this stamp."""
    with Netlink() as kernel:
        found = map(_flow, kernel.dump(GET, _FAMILY + _by_mark(stamp, OUR_BITS)))
        yield from (flow for flow in found if flow)


def delete(some: List[Flow]) -> None:
    """Delete entries; one that is gone already, or is another flow by now, is left alone."""
    _request(DELETE, some)


def unstamp(some: List[Flow]) -> None:
    """Take the stamp from flows; those that are gone already are left alone.

    The kernel does not look at the ID here: so only bits go that no other flow has.
    """
    _request(CHANGE, some, _by_mark(0, OUR_BITS ^ FLOW_BIT))


def _request(kind: int, some: List[Flow], more: bytes = b"") -> None:
    if not some:
        return
    with Netlink() as kernel:
        for start in range(0, len(some), BATCH):
            bodies = [_FAMILY + flow.key + more for flow in some[start : start + BATCH]]
            for code in kernel.request(kind, bodies):
                if code not in (0, errno.ENOENT):
                    raise Failed("kernel_refused", f"conntrack: {errno.errorcode[code]}")


def _by_mark(value: int, mask: int) -> bytes:
    return attribute(MARK, struct.pack("!I", value)) + attribute(MARK_MASK, struct.pack("!I", mask))


def _by_port(port: int) -> bytes:
    return nested(
        ORIGINAL,
        nested(
            TUPLE_PROTOCOL,
            attribute(NUMBER, bytes([socket.IPPROTO_TCP])),
            attribute(DESTINATION_PORT, struct.pack("!H", port)),
        ),
    ) + nested(
        FILTER,
        attribute(FILTER_ORIGINAL_FLAGS, struct.pack("=I", BY_NUMBER | BY_DESTINATION_PORT)),
    )


def _flow(message: bytes) -> Optional[Flow]:
    """Read one entry; None where it is not a TCP connection that we translated."""
    parts = attributes(message, len(_FAMILY))
    mark = int.from_bytes(parts.get(MARK, b""), "big")
    if not mark & FLOW_BIT or not _is_tcp(parts[ORIGINAL]):
        return None
    client, listen = _ends(parts[ORIGINAL])
    target, masked = _ends(parts[REPLY])
    if target == listen:  # marked, but then refused by us: never translated
        return None
    key = attribute(ORIGINAL | NESTED, parts[ORIGINAL]) + attribute(ID, parts[ID])
    if ZONE in parts:  # without it the kernel looks in zone 0 only
        key += attribute(ZONE, parts[ZONE])
    return Flow(client, listen, Target(*target), masked, _state(parts), key)


class _Ends(NamedTuple):
    source: End
    destination: End


# The addresses, the protocol and the ports of a direction, each behind the head of its attribute,
# always in this order, and only a zone may follow. Reading them one by one would take twice the
# time, of 100,000 flows.
_DIRECTION = struct.Struct("!4x 4xI 4xI 4x 4xB3x 4xH2x 4xH2x")


def _is_tcp(data: bytes) -> bool:
    return len(data) >= _DIRECTION.size and data[28] == socket.IPPROTO_TCP


def _ends(data: bytes) -> _Ends:
    source, destination, _, source_port, destination_port = _DIRECTION.unpack_from(data)
    return _Ends(End(_address(source), source_port), End(_address(destination), destination_port))


@lru_cache(maxsize=4096)
def _address(number: int) -> IPv4Address:
    return IPv4Address(number)


def _state(parts: Attributes) -> int:
    info = attributes(parts.get(PROTOCOL_INFO, b""))
    return attributes(info.get(INFO_TCP, b"")).get(TCP_STATE, b"\0")[0]
