"""Cache nodes that really run: redis-server and memcached, one in a namespace of its own."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import redis

if TYPE_CHECKING:
    from collections.abc import Callable
    from ipaddress import IPv4Address
    from pathlib import Path

    from local.tls import Certificate
    from local.vpc import Vpc

READY_WITHIN_S = 5.0
NODE_TIMEOUT_MS = 2000  # after which the cluster bus doubts a node


class NodeError(RuntimeError):
    """A server did not start, or not do what it was told: says which, and what it said."""


def missing() -> list[str]:
    """Return the server programs that are not installed."""
    return [name for name in ("redis-server", "memcached") if shutil.which(name) is None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """How a node's server is to serve: in the clear and to everybody, unless more is asked for."""

    engine: str
    port: int
    certificate: Certificate | None = None  # TLS and nothing else
    auth: str | None = None  # the password of Redis
    cluster: bool = False  # as one of a cluster of Redis, on whose bus it is not yet


@dataclass(slots=True)
class Servers:
    """The servers by address; started here, and ended here by their process ids."""

    vpc: Vpc
    folder: Path
    running: dict[IPv4Address, subprocess.Popen[str]] = field(default_factory=dict)
    serving: dict[IPv4Address, Serving] = field(default_factory=dict)
    clients: dict[IPv4Address, redis.Redis] = field(default_factory=dict)  # ours
    count: int = 0

    def start(self, address: IPv4Address, serving: Serving) -> None:
        """Start a node's machine and its server, and wait until it listens."""
        self.count += 1
        name = f"node{self.count}"
        host = self.vpc.add_host(name, address)
        log = self.folder / f"{name}.log"
        with log.open("w") as output:
            self.running[address] = host.start(
                *_command(address, serving, self.folder, name),
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        self.serving[address] = serving
        self._await(address, serving.port, log)

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

    def tell(self, address: IPv4Address, *command: object) -> Any:
        """Send a Redis node a command from inside and return its answer, as it stands.

        Where the node refuses or does not answer, that is a redis.RedisError.
        """
        words = map(str, command)
        return self._client(address).execute_command(*words)  # type: ignore[no-untyped-call]

    def _client(self, address: IPv4Address) -> redis.Redis:
        if address not in self.clients:
            serving = self.serving[address]
            more: dict[str, Any] = {}
            if serving.certificate is not None:  # by address: no name that could be looked at
                authority = str(serving.certificate.authority)
                more = {"ssl": True, "ssl_ca_certs": authority, "ssl_check_hostname": False}
            self.clients[address] = redis.Redis(
                str(address), serving.port, password=serving.auth, socket_timeout=5,
                decode_responses=True, **more,
            )  # fmt: skip
        return self.clients[address]

    def replicate(self, address: IPv4Address, primary: IPv4Address | None) -> None:
        """Make a Redis node follow a primary, or (None) be one."""
        if primary is None:
            self.tell(address, "REPLICAOF", "NO", "ONE")
        else:
            self.tell(address, "REPLICAOF", primary, self.serving[primary].port)

    def hand_over(self, address: IPv4Address, replica: IPv4Address) -> None:
        """Let a primary that runs and its replica change roles, so that no write is lost."""
        self._until(lambda: self._gives(address, replica), f"{replica} follows {address}")
        self._until(lambda: self.tell(replica, "ROLE")[0] == "master", f"{replica} leads")

    def _gives(self, address: IPv4Address, replica: IPv4Address) -> bool:
        try:
            self.tell(address, "FAILOVER", "TO", replica, self.serving[replica].port)
        except redis.ResponseError as error:
            if "not online" not in str(error):
                raise
            return False  # the replica has not caught up yet
        return True

    def _until(self, true: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + READY_WITHIN_S
        while not true():
            if time.monotonic() > deadline:
                raise NodeError(f"not within {READY_WITHIN_S} s: {what}")
            time.sleep(0.02)

    def crash(self, address: IPv4Address) -> None:
        """End the server and leave its machine: connections are reset, new ones refused."""
        process = self.running.pop(address)
        process.kill()
        process.wait()
        if address in self.clients:
            self.clients.pop(address).close()

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


def _command(address: IPv4Address, serving: Serving, folder: Path, name: str) -> list[str]:
    """Return the command line of a server that keeps nothing between two starts."""
    port, certificate = str(serving.port), serving.certificate
    if serving.engine == "memcached":
        # Its own user does not exist in a plain user's namespace; root there is nobody outside.
        plain = f"memcached -u root -l {address} -p {port} -U 0 -m 16".split()
        if certificate is None:
            return plain
        shown = f"ssl_chain_cert={certificate.chain},ssl_key={certificate.key}"
        return [*plain, "--enable-ssl", "-o", shown]
    command = [
        "redis-server", "--bind", "*", "--protected-mode", "no",
        "--replica-announce-ip", str(address),  # also how a client can ask which server it reached
        "--dir", str(folder), "--dbfilename", f"{name}.rdb",  # what a replica receives
        "--save", "", "--appendonly", "no", "--repl-diskless-sync-delay", "0",
        "--repl-ping-replica-period", "1", "--io-threads", "1",
    ]  # fmt: skip
    if certificate is None:
        command += ["--port", port]
    else:
        command += [
            "--port", "0", "--tls-port", port, "--tls-cert-file", str(certificate.chain),
            "--tls-key-file", str(certificate.key), "--tls-ca-cert-file",
            str(certificate.authority), "--tls-auth-clients", "no", "--tls-replication", "yes",
        ]  # fmt: skip
    if serving.auth is not None:
        command += ["--requirepass", serving.auth, "--masterauth", serving.auth]
    if serving.cluster:
        # Where replicas are is decided by AWS, so none moves to another shard by itself; and slots
        # that nobody serves leave the others in service.
        command += [
            "--cluster-enabled", "yes", "--cluster-config-file", f"{name}.conf",
            "--cluster-node-timeout", str(NODE_TIMEOUT_MS), "--cluster-announce-ip", str(address),
            "--cluster-allow-replica-migration", "no", "--cluster-require-full-coverage", "no",
            "--tls-cluster", "no" if certificate is None else "yes",
        ]  # fmt: skip
    return command
