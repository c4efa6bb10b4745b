"""Which EC2 instance this is, so that an image made of it does not bring its rules along.

The id is saved with the rule set. On another instance neither restore nor the timer's repair puts
that rule set into force; an apply does, and makes it this instance's.
"""

from __future__ import annotations

import queue
import re
import socket
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Optional

from cachegate_agent.errors import Refused

if TYPE_CHECKING:
    from cachegate_agent.state import Saved, State

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


class Question:
    """Asks for the instance id beside other work, after an apply; the answer may take a second."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._answer: queue.SimpleQueue[str] = queue.SimpleQueue()
        saved = state.load()
        # Where there was no answer since the last boot, there is no metadata service at all.
        self._asked = saved is not None and (saved.boot != boot_id() or bool(saved.instance))
        if self._asked:
            threading.Thread(target=self._ask, daemon=True).start()

    def _ask(self) -> None:
        self._answer.put(instance_id())

    def settle(self) -> None:
        """Wait for the answer and save it."""
        saved = self._state.load() if self._asked else None
        if saved is not None:
            _remember(self._state, saved, self._answer.get())


def confirm(state: State, saved: Saved, *, booted: bool) -> None:
    """Raise Refused where the rule set was saved by another instance, as far as that is known.

    Without `booted` it is asked only where nobody has since the last boot: the timer asks often.
    """
    if not saved.instance or (saved.boot == boot_id() and not booted):
        return
    here = instance_id()
    if here and here != saved.instance:
        raise Refused(
            "foreign_owner", f"the rule set was saved by {saved.instance}, this is {here}"
        )
    if here:
        _remember(state, saved, here)


def _remember(state: State, saved: Saved, found: str) -> None:
    now = saved._replace(instance=found or saved.instance, boot=boot_id())
    if now != saved:
        state.save(now)


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
