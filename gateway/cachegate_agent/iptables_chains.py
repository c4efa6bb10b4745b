"""The rules of the iptables back-end: which chains each table is to hold for a rule set.

Chains bear the name of the built-in chain that jumps to them:

PREROUTING   a first SYN from an admitted source is marked and translated; whatever else comes to a
             listen port is redirected to this machine itself, so that nobody else's rule takes it
FORWARD      a forwarded flow passes while it bears the stamp of the rule set, or is admitted by it,
             and gets the stamp then; else its sender is told
POSTROUTING  what we forward is masqueraded
INPUT        what comes from outside to a listen port is answered by RST, unless it strayed
OUTPUT       the SYNs of tell.py are not tracked

Each rule is written as iptables-save prints it, because what is read back is compared with it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, List, Mapping, NamedTuple, Optional, Tuple, final

from cachegate_agent.backend import FLOW_BIT, OUR_BITS, TELL_MARK
from cachegate_agent.iptables_tree import Chains, Tree, grow, runs, singles
from cachegate_agent.kernel_settings import knows_strays

if TYPE_CHECKING:
    from ipaddress import IPv4Network

    from cachegate_agent.rules import Target

PREFIX = "CACHEGATE"
TARGET, SELF, LIVE, LISTEN = (f"{PREFIX}-{tree}" for tree in ("TARGET", "SELF", "LIVE", "LISTEN"))
STRAY = f"{PREFIX}-STRAY"
STAMP = f"{PREFIX}-STAMP"
IDENTITY = f"{PREFIX}-IDENTITY"  # no packet comes here: it bears the comment

_OURS = f"{FLOW_BIT:#x}/{FLOW_BIT:#x}"
# Another program's mark may have our bits by chance, and its flows are none of our business.
_BY_DNAT = "-m conntrack --ctstate DNAT"
_RST = "-j REJECT --reject-with tcp-reset"


class Table(NamedTuple):
    """Our part of one table: our chains, and the rule in each built-in one that jumps to them."""

    chains: Chains
    jumps: Mapping[str, str]


@final
class Content:
    """All that the rules depend on; the identity is text, empty where there is none.

    Without a stamp, 0, the rules look up every packet and stamp no flow.
    """

    def __init__(
        self,
        identity: str,
        sources: Tuple[IPv4Network, ...],
        targets: Mapping[int, Tuple[Target, ...]],
        stamp: int,
    ) -> None:
        self.identity = identity
        self.sources = sources
        self.stamp = stamp
        self.listens = singles(targets)
        self.listen_runs = runs(targets)
        self.answering_runs = runs({target.port for some in targets.values() for target in some})


def raw(_content: Content, _beside: Optional[Content] = None) -> Table:
    """Return what the table raw is to hold."""
    jump = f"-m mark --mark {TELL_MARK:#x} -j {PREFIX}-OUTPUT"
    return Table({f"{PREFIX}-OUTPUT": ("-j CT --notrack",)}, {"OUTPUT": jump})


def nat(content: Content, beside: Optional[Content] = None) -> Table:
    """Return what the table nat is to hold, without some of what it holds for `beside` too."""
    chains = {
        f"{PREFIX}-PREROUTING": (
            # Only a SYN opens a flow. A packet from the middle of one that is not known (cut, or
            # older than the last boot) is answered by RST, whether or not the target is alive.
            *_from_sources(
                content, f"-p tcp -m tcp --tcp-flags FIN,SYN,RST,ACK SYN -j {PREFIX}-ADMIT"
            ),
            f"-j {SELF}",
        ),
        # The stamp is given before the port is known, so that each port takes one rule, and is
        # taken off again where the port has no target: nobody has seen the flow until then.
        f"{PREFIX}-ADMIT": (
            f"-j CONNMARK --set-xmark {content.stamp:#x}/{OUR_BITS:#x}",
            f"-j {TARGET}",
            f"-j CONNMARK --set-xmark 0x0/{OUR_BITS:#x}",
        ),
        f"{PREFIX}-POSTROUTING": (f"-m connmark --mark {_OURS} {_BY_DNAT} -j MASQUERADE",),
        **grow(_TRANSLATE, content.listens, beside and beside.listens),
        **grow(_REDIRECT, content.listen_runs, beside and beside.listen_runs),
    }
    jumps = {
        # The address first: by the port alone we would take what passes through the NAT instance.
        "PREROUTING": f"-p tcp -m addrtype --dst-type LOCAL -j {PREFIX}-PREROUTING",
        "POSTROUTING": f"-p tcp -j {PREFIX}-POSTROUTING",
    }
    return Table(chains, jumps)


def filters(content: Content, beside: Optional[Content] = None) -> Table:
    """Return what the table filter is to hold, without some of what it holds for `beside` too."""
    stamp = f"{content.stamp:#x}/{OUR_BITS:#x}" if content.stamp else ""
    chains = {
        IDENTITY: (f'-m comment --comment "{content.identity}"',) if content.identity else (),
        f"{PREFIX}-FORWARD": (
            # All but the first packets after a change end here.
            *((f"-m connmark --mark {stamp} {_BY_DNAT} -j ACCEPT",) if stamp else ()),
            f"-m connmark ! --mark {_OURS} -j RETURN",
            "-m conntrack ! --ctstate DNAT -j RETURN",
            "-m conntrack --ctdir REPLY -j ACCEPT",
            *_from_sources(content, f"-p tcp -j {LIVE}"),
            "-m conntrack --ctstate RELATED -j ACCEPT",  # ICMP about a flow
            # A new flow's SYN is sent again and then meets the new target; a RST would also leave
            # an entry with the old target, which the client's next attempt from that port meets.
            "-m conntrack --ctstate NEW -j DROP",
            f"-p tcp {_RST}",
        ),
        # Answers to the instance's own connections may come to a port that is also a listen port.
        f"{PREFIX}-INPUT": (
            f"-m conntrack --ctstate INVALID -j {STRAY}",
            "-m conntrack --ctdir REPLY -j RETURN",
            f"-j {LISTEN}",
        ),
        STAMP: (*((f"-j CONNMARK --set-xmark {stamp}",) if stamp else ()), "-j ACCEPT"),
        STRAY: _drop(content),
        **grow(_ADMIT, content.listens, beside and beside.listens),
        **grow(_REJECT, content.listen_runs, beside and beside.listen_runs),
    }
    jumps = {
        "FORWARD": f"-j {PREFIX}-FORWARD",
        "INPUT": f"! -i lo -p tcp -j {PREFIX}-INPUT",
    }
    return Table(chains, jumps)


def _drop(content: Content) -> Tuple[str, ...]:
    """Drop what strays to a listen port, or from a port that targets answer from.

    A packet that comes far too late, say: conntrack places it in no flow, so it is not translated
    and ends here. A RST in answer would end a flow that is well.
    """
    if not knows_strays():
        return ()
    return (
        *(f"-p tcp -m tcp --sport {_ports(a, b)} -j DROP" for a, b, _ in content.answering_runs),
        *(f"{_to_ports(low, high)} -j DROP" for low, high, _ in content.listen_runs),
    )


def _from_sources(content: Content, verdict: str) -> Tuple[str, ...]:
    return tuple(
        f"-s {source} {verdict}" if source.prefixlen else verdict for source in content.sources
    )


def _ports(low: int, high: int) -> str:
    return str(low) if low == high else f"{low}:{high}"


def _to_ports(low: int, high: int) -> str:
    return f"-p tcp -m tcp --dport {_ports(low, high)}"


def _from_ports(low: int, high: int) -> str:
    """Match a forwarded flow by the port that its client asked for."""
    return f"-p tcp -m conntrack --ctorigdstport {_ports(low, high)}"


def _translate(listen: int, _: int, targets: Tuple[Target, ...]) -> List[str]:
    """Send new connections to each target by turns: the first takes every n-th of n, and so on."""
    port = f"-p tcp -m tcp --dport {listen}"
    rules = []
    for place, target in enumerate(targets):
        left = len(targets) - place
        turn = f" -m statistic --mode nth --every {left} --packet 0" if left > 1 else ""
        rules.append(f"{port}{turn} -j DNAT --to-destination {target}")
    return rules


def _admit(listen: int, _: int, targets: Tuple[Target, ...]) -> List[str]:
    # The cheap comparisons come first: most packets are another forward's, to another address.
    return [
        f"-d {target.address!s}/32 -p tcp -m tcp --dport {target.port}"
        f" -m conntrack --ctorigdstport {listen} -g {STAMP}"
        for target in targets
    ]


def _redirect(low: int, high: int, _: Tuple[Target, ...]) -> List[str]:
    return [f"{_to_ports(low, high)} -j REDIRECT"]


def _reject(low: int, high: int, _: Tuple[Target, ...]) -> List[str]:
    return [f"{_to_ports(low, high)} {_RST}"]


_TRANSLATE = Tree(TARGET, _translate, _to_ports)
_REDIRECT = Tree(SELF, _redirect, _to_ports)
_ADMIT = Tree(LIVE, _admit, _from_ports)
_REJECT = Tree(LISTEN, _reject, _to_ports)

# In the order in which an empty kernel may receive them.
TABLES = {"raw": raw, "filter": filters, "nat": nat}
