"""Client - NAT instance - nodes A and B in namespaces, and the agent run on the NAT instance."""

from __future__ import annotations

import base64
import contextlib
import gzip
import hashlib
import json
import os
import re
import subprocess
import sys
import time
from dataclasses import dataclass, field
from ipaddress import IPv4Interface
from pathlib import Path
from typing import TYPE_CHECKING, Any

from local.namespaces import Host, Lab

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Path(__file__).parent
AGENT = HERE.parents[2] / "gateway" / "agent.py"

NAT = "192.0.2.1"
CLIENT = "192.0.2.10"
STRANGER = "192.0.2.99"  # the client's second address, in no source list
A, B = "10.0.1.10", "10.0.2.10"
NODE_PORTS = [6379, *range(7000, 7012)]
SOURCES = [f"{CLIENT}/32"]

Document = dict[str, Any]


def forward(listen: int, *targets: str, kind: str = "node") -> Document:
    """Return one forward of a payload; a target is "address" or "address:port"."""
    ends = [(*target.split(":"), "6379")[:2] for target in targets]
    return {
        "listen": listen,
        "kind": kind,
        "key": f"test/test-{listen}/0001",
        "targets": [[address, int(port)] for address, port in ends],
    }


def payload(generation: int, *forwards: Document, **fields: Any) -> Document:
    """Return a correct payload, except for the fields that are given."""
    document: Document = {
        "schema": 1,
        "owner": "stack-under-test",
        "generation": generation,
        "targets_within": ["10.0.0.0/8"],
        "sources": SOURCES,
        "forwards": list(forwards),
    }
    document |= fields
    content = {"forwards": document["forwards"], "sources": document["sources"]}
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return {"digest": hashlib.sha256(text.encode()).hexdigest()} | document


def packed(document: Document) -> str:
    """Return a payload as it travels."""
    return base64.b64encode(gzip.compress(json.dumps(document).encode())).decode()


@dataclass(frozen=True)
class Ended:
    """How one run of the agent ended."""

    code: int
    answer: Document
    output: str
    seconds: float

    @property
    def error(self) -> str:
        """The error code it gave, or ""."""
        return str(self.answer.get("error", {}).get("code", ""))


@dataclass
class Gateway:
    """The lab: what the tests speak to."""

    client: Host
    nat: Host
    a: Host
    b: Host
    folder: Path
    backend: str
    processes: list[subprocess.Popen[str]] = field(default_factory=list)
    hidden: tuple[str, ...] = ()  # programs that the agent does not find
    program: Path = AGENT  # the agent that is run
    flags: tuple[str, ...] = ()  # of Python, for the agent

    def agent(self, action: str, document: Document | None = None, *more: str) -> Ended:
        """Run one action of the agent on the NAT instance."""
        given: list[str] = []
        if document is not None:
            path = self.folder / "payload"
            path.write_text(packed(document))
            given = ["--payload-file", str(path)]
        return self.agent_raw(action, *given, *more)

    def agent_raw(self, *arguments: str, env: dict[str, str] | None = None) -> Ended:
        """Run the agent with these arguments."""
        environment = os.environ | {
            "CACHEGATE_STATE_DIR": str(self.folder / "state"),
            "CACHEGATE_BACKEND": self.backend,
        }
        started = time.monotonic()
        command = [*self._hide(), sys.executable, *self.flags, str(self.program), *arguments]
        done = self.nat.run(*command, check=False, env=environment | (env or {}))
        seconds = time.monotonic() - started
        lines = done.stdout.splitlines()
        assert lines, f"the agent said nothing on stdout: {done.stderr}"
        answer = json.loads(lines[-1]) if "--compact" not in arguments else {}
        return Ended(done.returncode, answer, done.stdout, seconds)

    def _hide(self) -> list[str]:
        """Return a prefix that covers programs, for one command alone: `ip netns exec` unshares."""
        cover = "".join(f"mount --bind /dev/null $(readlink -f {path}); " for path in self.hidden)
        return ["sh", "-ec", f'{cover}exec "$@"', "sh"] if self.hidden else []

    def apply(self, document: Document) -> Document:
        """Apply a payload, which must succeed, and return the report."""
        ended = self.agent("apply", document)
        assert ended.code == 0, ended.answer
        return ended.answer

    def swap_only(self, document: Document) -> float:
        """Change the kernel as an agent does that is killed right after; return the seconds."""
        path = self.folder / "payload"
        path.write_text(packed(document))
        script = HERE / "swap_only.py"
        return float(self.nat.run(sys.executable, str(script), self.backend, str(path)).stdout)

    def start(self, host: Host, script: str, *arguments: str) -> subprocess.Popen[str]:
        """Start one of the scripts beside this file."""
        command = (sys.executable, "-u", str(HERE / script), *arguments)
        process = host.start(*command, stdout=subprocess.PIPE)
        self.processes.append(process)
        return process

    def ask(self, port: int, source: str = CLIENT, host: str = NAT) -> str:
        """Connect from the client, ask once, and return the node's name or the error's."""
        return self.client.run(sys.executable, "-c", _ASK, host, str(port), source).stdout.strip()

    def close(self) -> None:
        """End what was started."""
        for process in self.processes:
            process.kill()
            process.communicate()


_ASK = """
import socket, sys
try:
    with socket.create_connection((sys.argv[1], int(sys.argv[2])), 2, (sys.argv[3], 0)) as wire:
        wire.sendall(b"PING")
        print(wire.recv(64).decode().strip("+\\r\\n"))
except OSError as error:
    print(type(error).__name__)
"""


def unstamped(listing: str) -> str:
    """Blot out the stamp in rules as any tool prints them: it is another after each repair."""
    return re.sub(r"\b0x(0*1[2468ac]00|fffff[3579bd]ff)\b", "STAMP", listing)


_DEAD = """
table ip dead {
    chain in { type filter hook prerouting priority raw; policy drop; }
    chain out { type filter hook output priority raw; policy drop; }
}"""


def die(node: Host) -> None:
    """Let a node vanish as a terminated instance does: packets are lost, nobody answers."""
    node.run("nft", "-f", "-", text=_DEAD)


def revive(node: Host) -> None:
    """Let a node that died answer again, as if nothing had been."""
    node.run("nft", "delete", "table", "ip", "dead")


@contextlib.contextmanager
def gateway(folder: Path, backend: str, prefix: str = "gw") -> Iterator[Gateway]:
    """Build the lab, with both nodes serving; labs side by side need a prefix each."""
    with Lab(prefix) as lab:
        client, nat, a, b = (lab.host(name) for name in ("client", "nat", "a", "b"))
        lab.link(client, IPv4Interface(f"{CLIENT}/24"), nat, IPv4Interface(f"{NAT}/24"))
        lab.link(a, IPv4Interface(f"{A}/24"), nat, IPv4Interface("10.0.1.1/24"))
        lab.link(b, IPv4Interface(f"{B}/24"), nat, IPv4Interface("10.0.2.1/24"))
        client.run("ip", "addr", "add", f"{STRANGER}/24", "dev", "v1a")
        for node, name in ((a, "10.0.1.1"), (b, "10.0.2.1")):
            lab.route(node, "default", name)
        lab.route(client, "10.0.0.0/8", NAT)
        nat.sysctl("net.ipv4.ip_forward", 1)
        running = Gateway(client, nat, a, b, folder, backend)
        try:
            for node, name in ((a, "A"), (b, "B")):
                process = running.start(node, "servers.py", name, *map(str, NODE_PORTS))
                assert process.stdout is not None
                assert process.stdout.readline() == "READY\n"
            yield running
        finally:
            running.close()
