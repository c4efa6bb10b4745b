"""Choose the back-end, and look for what would make forwarding fail."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, List, NamedTuple, Tuple

from cachegate_agent import foreign
from cachegate_agent.errors import Refused
from cachegate_agent.iptables import Iptables
from cachegate_agent.kernel_settings import knows_strays, setting
from cachegate_agent.nftables import Nftables

if TYPE_CHECKING:
    from cachegate_agent.backend import Backend
    from cachegate_agent.rules import Rules

# Below this an instance of half a gigabyte stops at some 30 new connections a second: every ended
# one keeps its entry for two minutes.
FEW_FLOWS = 16384
NEARLY_FULL = 0.9


class Choice(NamedTuple):
    """The back-end to use, the one not to use, and what a person should know."""

    backend: Backend
    other: Backend
    warnings: List[str]


def choose() -> Choice:
    """Choose by CACHEGATE_BACKEND, else by what is installed and what other tables would do."""
    nftables, iptables = Nftables(), Iptables()
    named = os.environ.get("CACHEGATE_BACKEND", "")
    stopping = foreign.verdicts()
    warnings = [f"{chain} may stop what we forward" for chain in stopping.others]
    if named:
        backend, other = _named(named, nftables, iptables)
        problem = backend.why_not()
        if problem:
            raise Refused("backend_unavailable", f"{named}: {problem}")
        if backend is nftables:
            warnings += [f"{rule} stops what we forward" for rule in stopping.iptables]
        return Choice(backend, other, warnings)
    no_nftables = nftables.why_not()
    if not no_nftables and not stopping.iptables:
        return Choice(nftables, iptables, warnings)
    no_iptables = iptables.why_not()
    if not no_iptables:
        return Choice(iptables, nftables, warnings)
    if not no_nftables:
        warnings += [f"{rule} stops what we forward" for rule in stopping.iptables]
        return Choice(nftables, iptables, warnings)
    raise Refused("backend_unavailable", f"nftables: {no_nftables}; iptables: {no_iptables}")


def choose_unprivileged() -> Backend:
    """Choose for render, which must not need root: what is stopped by others is not known."""
    nftables, iptables = Nftables(), Iptables()
    named = os.environ.get("CACHEGATE_BACKEND", "")
    if named:
        return _named(named, nftables, iptables)[0]
    return iptables if nftables.why_not() and not iptables.why_not() else nftables


def _named(name: str, nftables: Nftables, iptables: Iptables) -> Tuple[Backend, Backend]:
    if name == nftables.name:
        return nftables, iptables
    if name == iptables.name:
        return iptables, nftables
    raise Refused("backend_unavailable", f"CACHEGATE_BACKEND: {name[:40]} is no back-end")


def warnings(rules: Rules) -> List[str]:
    """Return what would make forwarding fail, or surprise somebody."""
    found = []
    if setting("ip_forward") == 0:
        found.append("net.ipv4.ip_forward is 0: this instance forwards nothing")
    most, now = setting("netfilter/nf_conntrack_max"), setting("netfilter/nf_conntrack_count")
    if 0 < most < FEW_FLOWS:
        found.append(f"net.netfilter.nf_conntrack_max is {most}: set at least {FEW_FLOWS}")
    if most > 0 and now > most * NEARLY_FULL:
        found.append(f"{now} of {most} connection tracking entries are in use")
    if not knows_strays():
        found.append(
            "net.netfilter.nf_conntrack_tcp_loose is 0: a packet that comes far too late ends its "
            "connection"
        )
    taken = foreign.redirected(set(rules.targets))
    found += [f"port {port} is ours; passed over: {rule}" for port, rule in sorted(taken.items())]
    return found[:20]
