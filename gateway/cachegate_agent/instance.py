"""Which EC2 instance this is, so that an image made of it does not bring its rules along."""

from __future__ import annotations

import re
import socket
import time
from pathlib import Path
from typing import Optional

METADATA = ("169.254.169.254", 80)
SECONDS = 1.0  # for all requests together: the service is one hop away, or there is none

_ID = re.compile(r"i-[0-9a-f]{8,17}")


def instance_id() -> str:
    """Ask the instance metadata service; "" where it does not answer."""
    end = time.monotonic() + SECONDS
    token = _ask("PUT", "api/token", "X-aws-ec2-metadata-token-ttl-seconds: 60", end)
    # Without a token the service may still answer in the old way, or refuse.
    header = f"X-aws-ec2-metadata-token: {token}" if token else "Accept: */*"
    answer = _ask("GET", "meta-data/instance-id", header, end) or ""
    return answer if _ID.fullmatch(answer) else ""


def boot_id() -> str:
    """Return what tells one boot from the next."""
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()


def _ask(verb: str, path: str, header: str, end: float) -> Optional[str]:
    """Make one HTTP request; the http module would cost as much as all the rest of the start."""
    request = f"{verb} /latest/{path} HTTP/1.0\r\nHost: {METADATA[0]}\r\n{header}\r\n\r\n"
    answer = b""
    try:
        with socket.create_connection(METADATA, max(0.001, end - time.monotonic())) as wire:
            wire.sendall(request.encode("ascii"))
            while len(answer) < 4096:
                wire.settimeout(max(0.001, end - time.monotonic()))
                part = wire.recv(4096)
                if not part:
                    break
                answer += part
    except OSError:
        return None
    head, _, body = answer.decode("latin-1").partition("\r\n\r\n")
    return body.strip() if " 200 " in head.split("\r\n")[0] + " " else None
