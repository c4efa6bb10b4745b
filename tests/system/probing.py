"""Asks listen ports from outside what stands behind them: one process on the client's machine."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Mapping
    from ipaddress import IPv4Address
    from types import TracebackType

    from local.namespaces import Host

# For each line of [address, {port: engine}] prints {port: address of the node, or error}.
PROGRAM = """
import concurrent.futures, json, socket, sys
def ask(host, port, engine):
    question = "stats settings" if engine == "memcached" else "CONFIG GET replica-announce-ip"
    try:
        with socket.create_connection((host, int(port)), timeout=1) as s:
            s.sendall(f"{question}\\r\\n".encode())
            said = s.recv(4000).decode()
    except OSError as error:
        return type(error).__name__
    if engine == "memcached":
        return next(l.split()[2] for l in said.splitlines() if l.startswith("STAT inter "))
    return said.split("\\r\\n")[-2]
with concurrent.futures.ThreadPoolExecutor(32) as pool:
    for line in sys.stdin:
        host, asked = json.loads(line)
        answers = pool.map(lambda each: ask(host, *each), asked.items())
        print(json.dumps(dict(zip(asked, answers))), flush=True)
"""


@dataclass
class Prober:
    """The process, while it is entered; it stays, for to start one takes longer than to ask."""

    client: Host
    _process: subprocess.Popen[str] = field(init=False)

    def __enter__(self) -> Self:
        self._process = self.client.start(
            sys.executable, "-c", PROGRAM, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._process:
            self._process.kill()

    def ask(self, address: IPv4Address, engines: Mapping[int, str]) -> dict[int, str]:
        """Connect to every port, by its engine; return which node answers, or the error's name."""
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps([str(address), engines]) + "\n")
        process.stdin.flush()
        answers: dict[str, str] = json.loads(process.stdout.readline())
        return {int(port): answer for port, answer in answers.items()}
