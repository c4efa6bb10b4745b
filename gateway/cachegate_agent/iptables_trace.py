"""Take away what iptables-nft made for us and cannot unmake: empty built-in chains and tables.

iptables-nft creates a built-in chain, and its table, when a rule first needs it, and deletes no
table. An empty chain that accepts and an empty table do nothing, and iptables makes them again when
somebody needs them. The kernel is asked to delete them only while they are empty, so a rule that
another program adds at the same moment is safe. Numbers are those of linux/netfilter/nf_tables.h.
"""

from __future__ import annotations

import errno
import os
import socket
import struct
from typing import Iterable, List, Tuple

from cachegate_agent.errors import Failed
from cachegate_agent.netlink import ACK, ERROR, HEADER, NETLINK_NETFILTER, REQUEST, attribute

BATCH_BEGIN, BATCH_END = 0x10, 0x11
SUBSYSTEM = 10
DELETE_TABLE, DELETE_CHAIN = SUBSYSTEM << 8 | 2, SUBSYSTEM << 8 | 5
ONLY_IF_EMPTY = 0x100  # NLM_F_NONREC
TABLE_NAME, CHAIN_TABLE, CHAIN_NAME = 1, 1, 3

# Nothing of that name, or in use by somebody: both are as it should be.
_FINE = (0, errno.ENOENT, errno.EBUSY)
_SECONDS = 10.0


def delete_empty(chains: Iterable[Tuple[str, str]]) -> None:
    """Delete those (table, built-in chain) that are empty, then the tables that became so."""
    tables: List[str] = []
    for table, chain in chains:
        _delete(DELETE_CHAIN, _name(CHAIN_TABLE, table) + _name(CHAIN_NAME, chain))
        tables.append(table)
    for table in sorted(set(tables)):
        _delete(DELETE_TABLE, _name(TABLE_NAME, table))


def _name(kind: int, text: str) -> bytes:
    return attribute(kind, text.encode() + b"\0")


def _delete(kind: int, names: bytes) -> None:
    """Make one transaction of one deletion."""
    batch = struct.pack("!BBH", socket.AF_UNSPEC, 0, SUBSYSTEM)
    body = struct.pack("!BBH", socket.AF_INET, 0, 0) + names
    messages = (
        _message(BATCH_BEGIN, REQUEST, 1, batch),
        _message(kind, REQUEST | ACK | ONLY_IF_EMPTY, 2, body),
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
