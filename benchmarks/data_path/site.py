"""Client, node, and between them one machine for each way: all stand at the same time.

Each machine has a cable of its own to the one client and to the one node, so that every way has
the same hops. The client's end of cable 3 is 198.18.3.10, the node's is 10.0.3.10.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import time
from dataclasses import dataclass, field
from ipaddress import IPv4Interface
from typing import TYPE_CHECKING, Any, Self

import redis

from benchmarks import programs
from local.namespaces import Host, Lab
from local.tls import Authority

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

PORT, TLS_PORT = 6379, 6380
KEY = "key:__rand_int__"  # the one that redis-benchmark asks for
VALUE = b"x" * 100
START_S, STOP_S = 10.0, 5.0


def on_processor(place: int) -> tuple[str, ...]:
    """Return what keeps a program on one processor of those that we may use: the first is 0.

    Client and node each have one of their own. Where they move about, a run in which they met on
    one takes twice as long as the next, whichever way it went.
    """
    return ("taskset", "-c", str(sorted(os.sched_getaffinity(0))[place]))


@dataclass(frozen=True, slots=True)
class Machine:
    """What stands in the middle of one way."""

    host: Host
    number: int

    @property
    def client(self) -> str:
        """The client's address on this way."""
        return f"198.18.{self.number}.10"

    @property
    def outer(self) -> str:
        """The address that this machine has for the client."""
        return f"198.18.{self.number}.1"

    @property
    def inner(self) -> str:
        """The address that this machine has for the node."""
        return f"10.0.{self.number}.1"

    @property
    def node(self) -> str:
        """The node's address on this way."""
        return f"10.0.{self.number}.10"

    def tracked(self) -> int:
        """Return how many connections the kernel tracks here."""
        return int(self.host.run("sysctl", "-n", "net.netfilter.nf_conntrack_count").stdout)


@dataclass(slots=True)
class Site:
    """The lab; leaving it ends what was started and removes all machines."""

    folder: Path
    lab: Lab = field(default_factory=lambda: Lab("dp"))
    client: Host = field(init=False)
    node: Host = field(init=False)
    authority: Authority = field(init=False)
    _machines: int = 0
    _started: list[subprocess.Popen[str]] = field(default_factory=list)

    def __enter__(self) -> Self:
        try:
            self.client, self.node = self.lab.host("client"), self.lab.host("node")
            # A port of the last minute may be used again: there are not enough for all repetitions.
            self.client.sysctl("net.ipv4.tcp_tw_reuse", 1)
            self.client.run("sysctl", "-qw", "net.ipv4.ip_local_port_range=1024 65535")
            self.authority = Authority(self.folder)
            self._serve()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End every program that was started here, then remove the machines."""
        for process in self._started:
            process.terminate()
        for process in self._started:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(STOP_S)
            process.kill()
            process.wait()
        self._started.clear()
        self.lab.close()

    def machine(self, name: str, *, routes: bool) -> Machine:
        """Add one; where it does not route, only a program on it can carry anything."""
        self._machines += 1
        made = Machine(self.lab.host(name), self._machines)
        for end, near, far in (
            (self.client, made.client, made.outer),
            (self.node, made.node, made.inner),
        ):
            self.lab.link(end, IPv4Interface(f"{near}/24"), made.host, IPv4Interface(f"{far}/24"))
        if routes:
            made.host.sysctl("net.ipv4.ip_forward", 1)
            self.lab.route(self.client, f"10.0.{made.number}.0/24", made.outer)
            self.lab.route(self.node, f"198.18.{made.number}.0/24", made.inner)
        return made

    def program(self, name: str) -> str:
        """Return where a program is, installed or unpacked; raise FileNotFoundError without one."""
        path = programs.find(name)
        if path is None:
            raise FileNotFoundError(name)
        return path

    def run(self, host: Host, program: str, *arguments: str) -> None:
        """Run a program to its end; raise where it fails."""
        host.run(self.program(program), *arguments, env=programs.environment())

    def start(self, host: Host, program: str, *arguments: str) -> None:
        """Start a program that goes on until the end; what it says goes to a file."""
        log = self.folder / f"{len(self._started)}-{host.name}.log"
        command = (self.program(program), *arguments)
        with log.open("w") as file:
            process = host.start(
                *command, stdout=file, stderr=subprocess.STDOUT, env=programs.environment()
            )
        self._started.append(process)

    def keep(self, name: str, text: str) -> str:
        """Write a file of settings; return its path."""
        path = self.folder / name
        path.write_text(text)
        return str(path)

    def wait_for(self, host: Host, port: int) -> None:
        """Wait until something listens there; raise RuntimeError where nothing does."""
        deadline = time.monotonic() + START_S
        while not host.run("ss", "-Hltn", f"sport = :{port}").stdout:
            if time.monotonic() > deadline:
                raise RuntimeError(f"{host.name}: nothing listens at port {port}: {self.said()}")
            time.sleep(0.02)

    def said(self) -> str:
        """Return the end of what each program said, for an error message."""
        logs = sorted(self.folder.glob("*.log"))
        return "\n".join(f"{log.name}: {log.read_text(errors='replace')[-300:]}" for log in logs)

    def node_counts(self) -> tuple[int, int]:
        """Return the connections and the requests that the node has had."""
        found: dict[str, Any] = self._inside().info("stats")
        return found["total_connections_received"], found["total_commands_processed"]

    def _inside(self) -> redis.Redis:
        # By the file system: this process is in no namespace of the lab.
        return redis.Redis(unix_socket_path=str(self.folder / "redis.sock"))

    def _serve(self) -> None:
        """Start the node's redis-server, plain and with TLS."""
        shown = self.authority.certificate("*.bench.cache.test")
        self.node.sysctl("net.core.somaxconn", 4096)
        self.start(
            self.node, *on_processor(-1), "redis-server", "--bind", "*", "--protected-mode", "no",
            "--port", str(PORT), "--tls-port", str(TLS_PORT),
            "--tls-cert-file", str(shown.chain), "--tls-key-file", str(shown.key),
            "--tls-ca-cert-file", str(shown.authority), "--tls-auth-clients", "no",
            "--unixsocket", str(self.folder / "redis.sock"), "--dir", str(self.folder),
            "--save", "", "--appendonly", "no", "--maxclients", "4000", "--tcp-backlog", "4096",
        )  # fmt: skip
        for port in (PORT, TLS_PORT):
            self.wait_for(self.node, port)
        self._inside().set(KEY, VALUE)
