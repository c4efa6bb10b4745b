"""A packet that arrives far too late, or out of order, ends no connection."""

from __future__ import annotations

import subprocess
import time
from typing import TYPE_CHECKING

import pytest

from tests.integration.gateway.lab import HERE, NAT, A, forward, payload

if TYPE_CHECKING:
    from local.namespaces import Host
    from tests.integration.gateway.lab import Gateway

SOURCE_PORT = 41_000
LONG_ENOUGH = 0.3  # seconds in which a RST would have come


class Asker:
    """One connection that asks when told to."""

    def __init__(self, gateway: Gateway, port: int) -> None:
        self._process = gateway.client.start(
            "python3", "-u", str(HERE / "asker.py"), NAT, str(port), str(SOURCE_PORT),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip
        gateway.processes.append(self._process)

    def ask(self) -> str:
        """Return the answer, or what ended the connection."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write("go\n")
        self._process.stdin.flush()
        return self._process.stdout.readline().strip()


def stray(gateway: Gateway, host: Host, port: int, asker: Asker) -> None:
    """Let the last segment from this host and port come once more, from far outside the window."""
    sender = gateway.start(host, "astray.py", str(port))
    assert sender.stdout is not None
    assert sender.stdout.readline() == "READY\n"
    assert asker.ask() == "A"
    assert sender.stdout.readline() == "SENT\n"
    time.sleep(LONG_ENOUGH)


@pytest.mark.parametrize("side", ["node", "client"])
def test_a_packet_from_outside_the_window_ends_no_connection(gateway: Gateway, side: str) -> None:
    gateway.apply(payload(1, forward(6379, A)))
    asker = Asker(gateway, 6379)
    assert asker.ask() == "A"

    sender, port = {"node": (gateway.a, 6379), "client": (gateway.client, SOURCE_PORT)}[side]
    stray(gateway, sender, port, asker)

    assert asker.ask() == "A"
