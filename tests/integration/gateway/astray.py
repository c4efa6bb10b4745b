"""Send a copy of a segment from far outside the window: `astray.py FROM_PORT`.

Waits until segments left this host from the port and no more come, then sends the last one again
with another sequence number, as a network does that delivers an old packet late. It acknowledges
all that was received, so a RST in answer to it would be believed. Prints READY, SENT.
"""

from __future__ import annotations

import socket
import struct
import sys

ETHERNET, IP = 14, 20  # bytes of the headers; none of ours has options
FAR = 1 << 30
PAUSE = 0.2  # seconds


def is_from(frame: bytes, port: int) -> bool:
    """Tell whether a frame carries a TCP segment from the port."""
    if frame[12:14] != b"\x08\x00" or frame[23] != socket.IPPROTO_TCP:
        return False
    (source,) = struct.unpack_from("!H", frame, ETHERNET + IP)
    return bool(source == port)


def last(ear: socket.socket, port: int) -> bytes:
    """Return the last segment from the port before a pause."""
    found = b""
    while True:
        ear.settimeout(PAUSE if found else None)
        try:
            frame = ear.recv(4096)
        except TimeoutError:
            return found
        if is_from(frame, port):
            found = frame


def moved(frame: bytes) -> bytes:
    """Return the IP packet with another sequence number and a correct checksum."""
    (total,) = struct.unpack_from("!H", frame, ETHERNET + 2)
    packet = bytearray(frame[ETHERNET : ETHERNET + total])
    (sequence,) = struct.unpack_from("!I", packet, IP + 4)
    struct.pack_into("!I", packet, IP + 4, (sequence + FAR) % (1 << 32))
    struct.pack_into("!H", packet, IP + 16, 0)
    segment = bytes(packet[IP:])
    pseudo = bytes(packet[12:20]) + struct.pack("!HH", socket.IPPROTO_TCP, len(segment))
    data = pseudo + segment + b"\0" * (len(segment) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total >> 16) + (total & 0xFFFF)
    total += total >> 16
    struct.pack_into("!H", packet, IP + 16, ~total & 0xFFFF)
    return bytes(packet)


def main(port: int) -> None:
    """Catch one and send it."""
    with (
        socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3)) as ear,
        socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW) as mouth,
    ):
        print("READY", flush=True)
        frame = last(ear, port)
        mouth.sendto(moved(frame), (socket.inet_ntoa(frame[30:34]), 0))
        print("SENT", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]))
