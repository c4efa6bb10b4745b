"""The frame of netlink messages: enough of it to speak to the kernel's connection tracking."""

from __future__ import annotations

import errno
import os
import socket
import struct
from typing import Dict, Iterator, List, Tuple

from cachegate_agent.errors import Failed

NETLINK_NETFILTER = 12
REQUEST, ACK, DUMP = 0x1, 0x4, 0x300
ERROR, DONE = 2, 3
NESTED = 0x8000
TYPE = 0x3FFF  # without the flags "nested" and "network byte order"

HEADER = struct.Struct("=IHHII")  # length, type, flags, sequence, port
ATTRIBUTE = struct.Struct("=HH")  # length, type
RECEIVE = 1 << 18  # bytes; the kernel fills at most 32 KiB of it at once
SECONDS = 10.0  # the kernel answers at once, or something is badly wrong

Attributes = Dict[int, bytes]


def attribute(kind: int, value: bytes) -> bytes:
    """Pack one attribute, padded to four bytes."""
    return ATTRIBUTE.pack(len(value) + 4, kind) + value + b"\0" * (-len(value) % 4)


def nested(kind: int, *parts: bytes) -> bytes:
    """Pack attributes into one."""
    return attribute(kind | NESTED, b"".join(parts))


def attributes(data: bytes, start: int = 0) -> Attributes:
    """Unpack attributes, keyed by type."""
    found = {}
    end = len(data)
    while start + 4 <= end:
        length, kind = ATTRIBUTE.unpack_from(data, start)
        if length < 4:
            raise Failed("kernel_refused", "conntrack: a message of the kernel is malformed")
        found[kind & TYPE] = data[start + 4 : start + length]
        start += (length + 3) & ~3
    return found


class Netlink:
    """A socket to one netfilter subsystem; use it as a context manager."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER)
        self._socket.settimeout(SECONDS)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        self._socket.bind((0, 0))
        self._sequence = 0

    def __enter__(self) -> Netlink:  # noqa: PYI034 - typing.Self is younger than Python 3.9
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def dump(self, kind: int, body: bytes) -> Iterator[bytes]:
        """Ask for a list and yield the body of each message."""
        self._send([self._message(kind, REQUEST | DUMP, body)])
        for answer, payload in self._receive():
            if answer == DONE:
                return
            if answer == ERROR:
                raise _failure(_code(payload))
            yield payload

    def request(self, kind: int, bodies: List[bytes]) -> List[int]:
        """Make several requests at once; return the errno of each, 0 for success, in order."""
        self._send([self._message(kind, REQUEST | ACK, body) for body in bodies])
        codes: List[int] = []
        for answer, payload in self._receive():
            if answer == ERROR:
                codes.append(_code(payload))
            if len(codes) == len(bodies):
                break
        return codes

    def _message(self, kind: int, flags: int, body: bytes) -> bytes:
        self._sequence += 1
        return HEADER.pack(HEADER.size + len(body), kind, flags, self._sequence, 0) + body

    def _send(self, messages: List[bytes]) -> None:
        self._socket.sendto(b"".join(messages), (0, 0))

    def _receive(self) -> Iterator[Tuple[int, bytes]]:
        while True:
            try:
                data = self._socket.recv(RECEIVE)
            except OSError as error:
                raise _failure(error.errno or errno.ETIMEDOUT) from error
            start = 0
            while start < len(data):
                length, kind, *_ = HEADER.unpack_from(data, start)
                yield kind, data[start + HEADER.size : start + length]
                start += (length + 3) & ~3


def _code(payload: bytes) -> int:
    (code,) = struct.unpack_from("=i", payload)
    return -int(code)


def _failure(code: int) -> Failed:
    return Failed("kernel_refused", f"conntrack: {os.strerror(code)}")
