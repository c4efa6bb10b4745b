"""The VPC's resolver: answers from the fleet, with TTLs; on request late, flapping, wrong or none.

It listens on every address of the sandbox's own network, so the functions and the NAT instances ask
the same server at the address that AWS gives a VPC's resolver.
"""

from __future__ import annotations

import random
import re
import socketserver
import subprocess
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from dnslib import CNAME, QTYPE, RCODE, RR, A, DNSRecord

from local.fleet import Answer
from local.vpc import RESOLVER

if TYPE_CHECKING:
    from ipaddress import IPv4Address
    from types import TracebackType

    from local.fleet import Fleet

CODES = {"nxdomain": RCODE.NXDOMAIN, "servfail": RCODE.SERVFAIL}


class ResolverError(RuntimeError):
    """Programs here cannot be led to our resolver."""


@dataclass(slots=True)
class Resolver:
    """The server and its faults; each may be changed while it runs."""

    fleet: Fleet
    ttl_s: int = 5
    lag_s: float = 0.0  # answers are this old
    flap: bool = False  # every other answer is as old as `lag_s`, the others are current
    lies: dict[str, tuple[IPv4Address, ...]] = field(default_factory=dict)
    faults: dict[str, str] = field(default_factory=dict)  # name or "*": nxdomain, servfail, timeout
    asked: int = 0
    server: socketserver.ThreadingUDPServer = field(init=False)

    def __enter__(self) -> Self:
        resolver = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                data, sock = self.request
                reply = resolver.reply(data)
                if reply is not None:
                    sock.sendto(reply, self.client_address)

        self.server = socketserver.ThreadingUDPServer(("", 53), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.server.shutdown()
        self.server.server_close()

    def reply(self, data: bytes) -> bytes | None:
        """Return the answer to one query, None to say nothing."""
        query = DNSRecord.parse(data)
        name = str(query.q.qname).rstrip(".").lower()
        self.asked += 1
        fault = self.faults.get(name, self.faults.get("*"))
        if fault == "timeout":
            return None
        reply = query.reply()
        answer = None if fault else self._answer(name)
        if answer is None:
            reply.header.rcode = CODES[fault or "nxdomain"]
        else:
            self._fill(reply, name, answer, wants_addresses=query.q.qtype == QTYPE.A)
        packed: bytes = reply.pack()
        return packed

    def _answer(self, name: str) -> Answer | None:
        if name in self.lies:
            return Answer(self.lies[name])
        old = not self.flap or self.asked % 2 == 0
        return self.fleet.answer(name, time.monotonic() - (self.lag_s if old else 0))

    def _fill(self, reply: Any, name: str, answer: Answer, *, wants_addresses: bool) -> None:
        if answer.alias is not None:
            reply.add_answer(RR(name, QTYPE.CNAME, rdata=CNAME(answer.alias), ttl=self.ttl_s))
            name = answer.alias
        if wants_addresses:
            # By turns, as AWS answers for a reader endpoint.
            shuffled = random.sample(answer.addresses, len(answer.addresses))
            for address in shuffled:
                reply.add_answer(RR(name, QTYPE.A, rdata=A(str(address)), ttl=self.ttl_s))


def use_resolver(folder: Path) -> None:
    """Let every program of this sandbox ask our resolver: its mounts are private.

    Raises ResolverError where the machine's /etc/resolv.conf leads nowhere and may not be made.
    """
    for place, text in _files().items():
        ours = folder / place.name
        ours.write_text(text)
        subprocess.run(["mount", "--bind", str(ours), str(place)], check=True)


def release_resolver() -> None:
    """Give the machine's own files back."""
    for place in _files():
        subprocess.run(["umount", str(place)], check=True)


def _files() -> dict[Path, str]:
    """Return which files name the resolver, and what they shall say."""
    place = Path("/etc/resolv.conf").resolve()
    if not place.exists():
        # A plain user's sandbox covers /run, where the file may be a link to; that part is private.
        if Path("/run/netns").stat().st_dev != Path("/run").stat().st_dev:
            raise ResolverError(f"/etc/resolv.conf leads to {place}, which does not exist")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.touch()
    files = {place: f"nameserver {RESOLVER}\noptions timeout:1 attempts:2\n"}
    switch = Path("/etc/nsswitch.conf")
    if switch.exists():
        # Another service (systemd-resolved, mDNS) would answer in place of the resolver.
        files[switch] = re.sub(r"(?m)^hosts:.*$", "hosts: files dns", switch.read_text())
    return files
