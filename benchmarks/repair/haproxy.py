"""haproxy as the one that leads a listen port to a node, with a second node as backup."""

from __future__ import annotations

import socket
import sys
import time
from typing import TYPE_CHECKING

from benchmarks.programs import environment
from benchmarks.repair.clients import MOVED, OTHER_NODE, SAME_NODE
from benchmarks.repair.ways import OTHER_PORT
from tests.integration.gateway.lab import NAT, A, B

if TYPE_CHECKING:
    import subprocess

    from tests.integration.gateway.lab import Gateway

START = 5.0  # seconds that it has to open its ports
# Nothing but a server that is down ends a connection: the other time-outs are out of the way.
_CONFIGURATION = """
global
    stats socket {socket} level admin
defaults
    mode tcp
    timeout connect 5s
    timeout client 1h
    timeout server 1h
    option redispatch
listen moved
    bind {nat}:{moved}
    server a {a}:6379 {checks} on-marked-down shutdown-sessions
    server b {b}:6379 backup
listen same_node
    bind {nat}:{same_node}
    server a {a}:{other_port}
listen other_node
    bind {nat}:{other_node}
    server b {b}:{other_port}
"""


class Haproxy:
    """It marks node A down when told through its socket, or by its own checks."""

    def __init__(self, lab: Gateway, checks: str = "") -> None:
        self.lab = lab
        self._checks = checks
        self._socket = lab.folder / "haproxy.sock"
        self._process: subprocess.Popen[str] | None = None

    def begin(self) -> None:
        """Start it anew, so that A is up for it at once."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._socket.unlink()
        configuration = self.lab.folder / "haproxy.cfg"
        configuration.write_text(
            _CONFIGURATION.format(
                socket=self._socket, nat=NAT, moved=MOVED, same_node=SAME_NODE,
                other_node=OTHER_NODE, other_port=OTHER_PORT, a=A, b=B, checks=self._checks,
            )
        )  # fmt: skip
        self._process = self.lab.nat.start(
            "haproxy", "-db", "-q", "-f", str(configuration), stderr=sys.stderr, env=environment()
        )
        self.lab.processes.append(self._process)  # which ends them with the lab
        end = time.monotonic() + START
        while not self._listens():
            if time.monotonic() > end:
                raise TimeoutError("haproxy does not start")
            time.sleep(0.01)

    def order(self) -> None:
        """Mark A down; a program that runs already does it, so no process is started."""
        answer = self._say("set server moved/a state maint").strip()
        if answer:
            raise RuntimeError(f"haproxy: {answer}")

    def _listens(self) -> bool:
        try:
            return "Uptime" in self._say("show info")
        except (FileNotFoundError, ConnectionRefusedError):
            return False

    def _say(self, command: str) -> str:
        with socket.socket(socket.AF_UNIX) as wire:
            wire.connect(str(self._socket))
            wire.sendall(f"{command}\n".encode())
            return b"".join(iter(lambda: wire.recv(65536), b"")).decode()
