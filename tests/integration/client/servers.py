"""Three memcached servers on loopback, whose names resolve inside the VPC alone."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cachegate.client import Natmap

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from local.tls import Certificate

LOOPBACK, INNER_PORT = "127.0.0.1", 11211
WITHIN_S = 20.0


@dataclass(frozen=True, slots=True)
class Nodes:
    """The servers, by their ports."""

    ports: tuple[int, ...]

    @property
    def inner(self) -> list[tuple[str, int]]:
        numbers = range(1, len(self.ports) + 1)
        return [(f"objects-{number:04}.h4sh.cache.invalid", INNER_PORT) for number in numbers]

    @property
    def outer(self) -> list[tuple[str, int]]:
        return [(LOOPBACK, port) for port in self.ports]

    @property
    def natmap(self) -> Natmap:
        pairs = zip(self.inner, self.outer, strict=True)
        return Natmap({f"{host}:{port}": outer for (host, port), outer in pairs})

    def held(self, port: int, keys: Iterable[str]) -> set[str]:
        """Return which of the keys one server has, as it says itself."""
        with socket.create_connection((LOOPBACK, port), timeout=5) as connection:
            connection.sendall(f"get {' '.join(keys)}\r\nquit\r\n".encode())
            answer = b"".join(iter(lambda: connection.recv(65536), b""))
        return {line.split()[1].decode() for line in answer.splitlines() if b"VALUE" in line}


@contextlib.contextmanager
def running(certificate: Certificate | None = None) -> Iterator[Nodes]:
    """Start the servers, with TLS where they have a certificate, and end them."""
    shown = certificate and (
        "-Z", "-o", f"ssl_chain_cert={certificate.chain},ssl_key={certificate.key}",
    )  # fmt: skip
    with contextlib.ExitStack() as ending:
        ports = []
        for _ in range(3):
            with socket.socket() as free:
                free.bind((LOOPBACK, 0))
                ports.append(free.getsockname()[1])
            command = f"memcached -u root -l {LOOPBACK} -p {ports[-1]} -U 0 -t 1 -m 16".split()
            process = subprocess.Popen([*command, *(shown or ())])
            ending.callback(process.wait)
            ending.callback(process.kill)
        for port in ports:
            _await(port)
        yield Nodes(tuple(ports))


def _await(port: int) -> None:
    deadline = time.monotonic() + WITHIN_S
    while True:
        try:
            socket.create_connection((LOOPBACK, port), timeout=1).close()
        except OSError:
            assert time.monotonic() < deadline, f"no memcached on {port}"
            time.sleep(0.02)
        else:
            return
