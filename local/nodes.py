"""Cache nodes that really run: redis-server and memcached, one in a namespace of its own."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import redis

from local.caches import PORTS

if TYPE_CHECKING:
    from ipaddress import IPv4Address
    from pathlib import Path

    from local.vpc import Vpc

READY_WITHIN_S = 5.0


class NodeError(RuntimeError):
    """A server did not start: says which, and what it said."""


def missing() -> list[str]:
    """Return the server programs that are not installed."""
    return [name for name in ("redis-server", "memcached") if shutil.which(name) is None]


@dataclass(slots=True)
class Servers:
    """The servers by address; started here, and ended here by their process ids."""

    vpc: Vpc
    folder: Path
    running: dict[IPv4Address, subprocess.Popen[str]] = field(default_factory=dict)
    count: int = 0

    def start(self, address: IPv4Address, engine: str, port: int | None = None) -> None:
        """Start a node's machine and its server, and wait until it listens."""
        self.count += 1
        host = self.vpc.add_host(f"node{self.count}", address)
        port = port or PORTS[engine]
        log = self.folder / f"node{self.count}.log"
        with log.open("w") as output:
            self.running[address] = host.start(
                *_command(engine, address, port, self.folder),
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        self._await(address, port, log)

    def _await(self, address: IPv4Address, port: int, log: Path) -> None:
        deadline = time.monotonic() + READY_WITHIN_S
        while True:
            try:
                socket.create_connection((str(address), port), timeout=1).close()
            except OSError as error:
                if self.running[address].poll() is not None or time.monotonic() > deadline:
                    said = log.read_text()[-500:]
                    raise NodeError(f"no server on {address}:{port}: {said}") from error
                time.sleep(0.02)
            else:
                return

    def replicate(self, address: IPv4Address, primary: IPv4Address | None, port: int) -> None:
        """Make a Redis node follow a primary, or (None) be one."""
        with redis.Redis(str(address), port, socket_timeout=5) as connection:
            if primary is None:
                connection.replicaof("NO", "ONE")
            else:
                connection.replicaof(str(primary), str(port))

    def crash(self, address: IPv4Address) -> None:
        """End the server and leave its machine: connections are reset, new ones refused."""
        process = self.running.pop(address)
        process.kill()
        process.wait()

    def die(self, address: IPv4Address) -> None:
        """Take server and machine away without a word: packets to it vanish."""
        self.vpc.cut(address)
        if address in self.running:
            self.crash(address)
        self.vpc.remove_host(address)

    def close(self) -> None:
        """End every server; the machines go with the VPC."""
        for address in list(self.running):
            self.crash(address)


def _command(engine: str, address: IPv4Address, port: int, folder: Path) -> list[str]:
    """Return the command line of a server that keeps nothing between two starts."""
    if engine == "memcached":
        # Its own user does not exist in a plain user's namespace; root there is nobody outside.
        return f"memcached -u root -l {address} -p {port} -U 0 -m 16".split()
    return [
        "redis-server", "--port", str(port), "--bind", "*", "--protected-mode", "no",
        "--replica-announce-ip", str(address),  # also how a client can ask which server it reached
        "--dir", str(folder), "--dbfilename", f"{address}.rdb",  # what a replica receives
        "--save", "", "--appendonly", "no", "--repl-diskless-sync-delay", "0",
        "--repl-ping-replica-period", "1", "--io-threads", "1",
    ]  # fmt: skip
