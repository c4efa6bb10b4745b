"""The ways that the kernel carries: routed, tracked, translated by the least rule, and by ours."""

from __future__ import annotations

from ipaddress import IPv4Network
from itertools import islice
from typing import TYPE_CHECKING

from benchmarks.data_path.site import PORT, TLS_PORT
from benchmarks.data_path.way import Way
from tests.integration.gateway.lab import Gateway, forward, payload

if TYPE_CHECKING:
    from benchmarks.data_path.site import Machine, Site

# The chain hangs on no hook: the kernel tracks because a rule asks for it, and no packet meets one.
_TRACK = """
table ip track {
  chain none { ct state new; }
}
"""
_LEAST = """
table ip least {{
  chain pre {{
    type nat hook prerouting priority dstnat
    ip daddr {outer} tcp dport {port} dnat to {node}:{port}
  }}
  chain post {{ type nat hook postrouting priority srcnat; ct status dnat masquerade; }}
}}
"""


FIRST = 10_000  # listen port
# Where the forwards lead that nobody uses. There is no route, so the agent's probe ends at once.
_ELSEWHERE = IPv4Network("10.128.0.0/16")


def routed(site: Site, name: str) -> Way:
    """Route to the node, with no rule and no tracking: the limit."""
    machine = site.machine("routed", routes=True)
    return Way(name, machine.node, PORT, seen=machine.client, machine=machine, tracks=False)


def tracked(site: Site, name: str) -> Way:
    """Route to the node, and track connections."""
    machine = site.machine("tracked", routes=True)
    machine.host.run("nft", "-f", "-", text=_TRACK)
    return Way(name, machine.node, PORT, seen=machine.client, machine=machine)


def least(site: Site, name: str) -> Way:
    """Translate by one rule in each direction and nothing else: for trusted networks only."""
    machine = site.machine("least", routes=True)
    rules = _LEAST.format(outer=machine.outer, node=machine.node, port=PORT)
    machine.host.run("nft", "-f", "-", text=rules)
    return Way(name, machine.outer, PORT, seen=machine.inner, machine=machine)


def ours(site: Site, name: str, backend: str, forwards: int, *, tls: bool = False) -> Way:
    """Let the agent install a rule set; the forward in use is the last."""
    kind = "tls" if tls else backend[:3]
    machine = site.machine(f"{kind}{forwards}", routes=True)
    _apply(site, machine, backend, forwards, TLS_PORT if tls else PORT)
    return Way(name, machine.outer, _listen(forwards), seen=machine.inner, machine=machine, tls=tls)


def _apply(site: Site, machine: Machine, backend: str, forwards: int, port: int) -> None:
    folder = site.folder / machine.host.name
    folder.mkdir()
    others = islice(_ELSEWHERE.hosts(), forwards - 1)
    rules = [forward(FIRST + n, f"{address}:{port}") for n, address in enumerate(others)]
    rules.append(forward(_listen(forwards), f"{machine.node}:{port}"))
    gateway = Gateway(site.client, machine.host, site.node, site.node, folder, backend)
    report = gateway.apply(payload(1, *rules, sources=[f"{machine.client}/32"]))
    if (report["backend"], report["forwards"]) != (backend, forwards):
        raise RuntimeError(f"the agent applied something else: {report}")


def _listen(forwards: int) -> int:
    return FIRST + forwards - 1
