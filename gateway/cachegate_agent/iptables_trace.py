"""Take away what iptables-nft made for us and does not unmake: built-in chains and tables.

iptables-nft creates a built-in chain, and its table, when a rule first needs it, and deletes no
table. The kernel numbers the chains of a table as they come: a built-in chain with a higher number
than ours came with ours. It is deleted if it accepts, and only while it is empty, so a rule that
another program adds at the same moment is safe. Numbers are those of linux/netfilter/nf_tables.h.
"""

from __future__ import annotations

import errno
import os
import socket
import struct
from typing import Dict, Iterable, List, NamedTuple

from cachegate_agent.errors import Failed
from cachegate_agent.iptables_chains import PREFIX
from cachegate_agent.netlink import (
    ACK,
    ERROR,
    HEADER,
    NETLINK_NETFILTER,
    REQUEST,
    Netlink,
    attribute,
    attributes,
)

BATCH_BEGIN, BATCH_END = 0x10, 0x11
SUBSYSTEM = 10
DELETE_TABLE, LIST_CHAINS, DELETE_CHAIN = (SUBSYSTEM << 8 | number for number in (2, 4, 5))
ONLY_IF_EMPTY = 0x100  # NLM_F_NONREC
TABLE_NAME = 1
CHAIN_TABLE, CHAIN_HANDLE, CHAIN_NAME, CHAIN_POLICY = 1, 2, 3, 5
ACCEPT = 1

_IPV4 = struct.pack("!BBH", socket.AF_INET, 0, 0)
# Nothing of that name, or in use by somebody: both are as it should be.
_FINE = (0, errno.ENOENT, errno.EBUSY)
_SECONDS = 10.0


class Made(NamedTuple):
    """A built-in chain that came into the kernel with our chains."""

    table: str
    chain: str


def made_for_us() -> List[Made]:
    """Return the built-in chains that accept and are younger than our first of their table."""
    ours: Dict[str, int] = {}
    built_in: Dict[Made, int] = {}
    with Netlink() as kernel:
        for message in kernel.dump(LIST_CHAINS, _IPV4):
            parts = attributes(message, len(_IPV4))
            place = Made(_text(parts[CHAIN_TABLE]), _text(parts[CHAIN_NAME]))
            number = int.from_bytes(parts[CHAIN_HANDLE], "big")
            if place.chain.startswith(PREFIX):
                ours[place.table] = min(number, ours.get(place.table, number))
            elif int.from_bytes(parts.get(CHAIN_POLICY, b""), "big") == ACCEPT:
                built_in[place] = number
    return [place for place, number in built_in.items() if number > ours.get(place.table, number)]


def delete_empty(chains: Iterable[Made]) -> None:
    """Delete those of the chains that are empty, then those of their tables that became so."""
    tables = set()
    for table, chain in chains:
        _delete(DELETE_CHAIN, _name(CHAIN_TABLE, table) + _name(CHAIN_NAME, chain))
        tables.add(table)
    for table in sorted(tables):
        _delete(DELETE_TABLE, _name(TABLE_NAME, table))


def _text(value: bytes) -> str:
    return value.rstrip(b"\0").decode()


def _name(kind: int, text: str) -> bytes:
    return attribute(kind, text.encode() + b"\0")


def _delete(kind: int, names: bytes) -> None:
    """Make one transaction of one deletion."""
    batch = struct.pack("!BBH", socket.AF_UNSPEC, 0, SUBSYSTEM)
    messages = (
        _message(BATCH_BEGIN, REQUEST, 1, batch),
        _message(kind, REQUEST | ACK | ONLY_IF_EMPTY, 2, _IPV4 + names),
        _message(BATCH_END, REQUEST, 3, batch),
    )
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER) as kernel:
        kernel.settimeout(_SECONDS)
        kernel.bind((0, 0))
        kernel.sendto(b"".join(messages), (0, 0))
        code = _code(kernel.recv(1 << 16))
    if code not in _FINE:
        raise Failed("kernel_refused", f"nf_tables: {os.strerror(code)}")


def _message(kind: int, flags: int, sequence: int, body: bytes) -> bytes:
    return HEADER.pack(HEADER.size + len(body), kind, flags, sequence, 0) + body


def _code(answer: bytes) -> int:
    """Return the errno of an acknowledgement, 0 for success."""
    _, kind, *_ = HEADER.unpack_from(answer)
    if kind != ERROR:
        raise Failed("kernel_refused", f"nf_tables: an answer of type {kind}")
    (code,) = struct.unpack_from("=i", answer, HEADER.size)
    return -int(code)
