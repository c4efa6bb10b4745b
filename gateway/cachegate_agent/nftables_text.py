"""The rule set in nft's language: the whole table, and the least change from one to another.

Two nft traps show in these texts: `fwd` is a reserved word, and `elements = { }` is a syntax error.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Dict, Iterable, List, NamedTuple, Tuple

from cachegate_agent.backend import FLOW_BIT, OUR_BITS, TELL_MARK
from cachegate_agent.kernel_settings import knows_strays

if TYPE_CHECKING:
    from ipaddress import IPv4Network

    from cachegate_agent.rules import Rules, Target

TABLE = "ip cachegate"
READERS = "readers-"  # and the listen port: the chain that shares out one port's connections

Targets = Dict[int, Tuple["Target", ...]]

# The kernel keeps a plain set of ports as a bitmap and a list, and walks the list for each new
# element: 5,000 take 120 ms. Not so where elements may have a timeout. Ours have none, so nobody
# need look for expired ones every second.
_HASHED = "flags timeout; gc-interval 1d;"

SETS = {
    "sources": ("set", "type ipv4_addr; flags interval;"),
    "listens": ("set", f"type inet_service; {_HASHED}"),
    "live": ("set", "type inet_service . ipv4_addr . inet_service;"),
    "forwards": ("map", "type inet_service : ipv4_addr . inet_service;"),
    "readers": ("map", "type inet_service : verdict;"),
    "answering": ("set", f"type inet_service; {_HASHED}"),
}


class Chain(NamedTuple):
    """One chain whose rules never change, but for the stamp."""

    name: str
    hook: str  # "" where it hangs on no hook
    rules: Tuple[str, ...]


_FLOW = "ct original proto-dst . ip daddr . tcp dport"
_OURS = f"ct mark & {FLOW_BIT:#x} == {FLOW_BIT:#x} ct status dnat"
_STAMP = f"ct mark set ct mark & {0xFFFFFFFF ^ OUR_BITS:#x} | $stamp"

# Each hook comes one step before the usual priority, so that nobody else decides about our ports
# first. A chain that is jumped to stands before the chain that jumps.
CHAINS = (
    Chain(
        "translate",
        "",
        (
            # Redirect means: to this machine itself, where the input chain answers RST. It also
            # keeps later NAT rules, another program's on the same port, from taking the packet.
            "ip saddr != @sources redirect",
            # Only a SYN opens a flow. A packet from the middle of a flow that is not known (cut, or
            # older than the last boot) is answered by RST, whether or not the target is alive.
            "tcp flags & (fin | syn | rst | ack) != syn redirect",
            _STAMP,
            "dnat ip to tcp dport map @forwards",
            "tcp dport vmap @readers",
            "redirect",
        ),
    ),
    Chain(
        "prerouting",
        "type nat hook prerouting priority -101; policy accept;",
        # The address first: by the port alone we would take what passes through the NAT instance.
        ("fib daddr type local tcp dport @listens goto translate",),
    ),
    Chain(
        "strays",
        "",
        # A packet that comes far too late, say: conntrack places it in no flow, so it is not
        # translated and ends here. A RST in answer would end a flow that is well.
        ("tcp sport @answering drop", "tcp dport @listens drop"),
    ),
    Chain(
        "input",
        "type filter hook input priority -10; policy accept;",
        (
            "ct state invalid jump strays",
            # Not in reply direction: a connection of the instance itself may use such a local port.
            'iifname != "lo" tcp dport @listens ct direction original reject with tcp reset',
        ),
    ),
    Chain(
        "guard",
        "",
        (
            f"meta l4proto tcp ip saddr @sources {_FLOW} @live {_STAMP} accept",
            # A first packet that was translated by the rules before these: it will be sent again.
            "ct state new drop",
            # An acknowledgement without data may be the end of a handshake: the flow is refused
            # at its first data, so that a client which is just connecting is not.
            "tcp flags & (fin | syn | rst | psh | ack) == ack drop",
            "meta l4proto tcp reject with tcp reset",
        ),
    ),
    Chain(
        "forward",
        "type filter hook forward priority -10; policy accept;",
        (
            # All but the first packets after a change end here.
            f"ct mark & {OUR_BITS:#x} == $stamp accept",
            f"{_OURS} ct direction original goto guard",
        ),
    ),
    Chain(
        "postrouting",
        "type nat hook postrouting priority 99; policy accept;",
        (f"{_OURS} masquerade",),
    ),
    Chain(
        "output",
        "type filter hook output priority -300; policy accept;",
        (f"meta mark {TELL_MARK:#x} notrack",),
    ),
)


def chains() -> Tuple[Chain, ...]:
    """Return all chains with the rules that this kernel is to hold."""
    if knows_strays():
        return CHAINS
    return tuple(each._replace(rules=()) if each.name == "strays" else each for each in CHAINS)


class Content(NamedTuple):
    """What changes from one rule set to the next, beside the identity."""

    sources: Tuple[IPv4Network, ...]
    targets: Targets
    stamp: int

    @property
    def shared(self) -> Targets:
        """The listen ports whose connections are shared out among several targets."""
        return {listen: targets for listen, targets in self.targets.items() if len(targets) > 1}

    def only(self, listens: Iterable[int]) -> Content:
        """Leave out all other listen ports."""
        return self._replace(
            targets={each: self.targets[each] for each in listens if each in self.targets}
        )

    def elements(self) -> Dict[str, List[str]]:
        """Return the elements of every set and map, in nft's words."""
        # Writing an address takes the most time by far: each once, and without its __format__.
        ends = {
            listen: [f"{address!s} . {port}" for address, port in targets]
            for listen, targets in self.targets.items()
        }
        return {
            "sources": [str(network) for network in self.sources],
            "listens": [str(listen) for listen in self.targets],
            "live": [f"{listen} . {end}" for listen, some in ends.items() for end in some],
            "forwards": [
                f"{listen} : {some[0]}" for listen, some in ends.items() if len(some) == 1
            ],
            "readers": [f"{listen} : goto {READERS}{listen}" for listen in self.shared],
            "answering": self.answering(),
        }

    def answering(self) -> List[str]:
        """Return the ports that targets answer from, each once."""
        ports = {target.port for some in self.targets.values() for target in some}
        return [str(port) for port in sorted(ports)]


def content_of(rules: Rules, stamp: int) -> Content:
    """Return the part of a rule set that changes."""
    return Content(rules.admitted, dict(sorted(rules.targets.items())), stamp)


def whole(rules: Rules, stamp: int) -> str:
    """Return the table for a kernel that holds none."""
    content = content_of(rules, stamp)
    elements = content.elements()
    lines = [_define(stamp), f"table {TABLE} {{"]
    for name, (word, declaration) in SETS.items():
        lines.append(f"\t{word} {name} {{ {declaration} {_list(elements[name])}}}")
    lines += _chain("identity", "", (_identity(rules),))
    for listen, targets in content.shared.items():
        lines += _chain(f"{READERS}{listen}", "", (_share(targets),))
    for chain in chains():
        lines += _chain(chain.name, chain.hook, chain.rules)
    return "\n".join([*lines, "}", ""])


def afresh(rules: Rules, stamp: int) -> str:
    """Return the change that empties the chains that are there, and makes everything else anew.

    Base chains stay where they are. A table that is deleted and made again within one transaction
    takes the hooks away for a moment, and the packets of that moment meet no rules. Sets may have
    been declared otherwise by another version of this agent.
    """
    content = content_of(rules, stamp)
    lines = [_define(stamp)]
    lines += [
        f"add chain {TABLE} {chain.name}" + (f" {{ {chain.hook} }}" if chain.hook else "")
        for chain in CHAINS
    ]
    lines += [f"flush chain {TABLE} {chain.name}" for chain in CHAINS]
    lines += [f"delete {word} {TABLE} {name}" for name, (word, _) in SETS.items()]
    lines += [
        f"add {word} {TABLE} {name} {{ {declaration} }}"
        for name, (word, declaration) in SETS.items()
    ]
    lines += _share_out(content.shared)
    for name, elements in content.elements().items():
        lines += _change("add", name, elements)
    for chain in chains():
        lines += _rules(chain)
    return "\n".join([*lines, *_identify(rules), ""])


def change(before: Content, rules: Rules, stamp: int) -> str:
    """Return the change that deletes and adds only what differs."""
    after = Content(rules.admitted, rules.targets, stamp)
    held = before.targets.get
    differing = {listen for listen, targets in after.targets.items() if held(listen) != targets}
    differing |= before.targets.keys() - after.targets.keys()
    gone, come = (each.only(sorted(differing)) for each in (before, after))
    old, new = gone.elements(), come.elements()
    if old["answering"] != new["answering"]:
        # The port of a target that is left may be another one's that stays.
        old["answering"], new["answering"] = before.answering(), after.answering()
    lines = []
    for name in SETS:
        # Order is kept for the reader of a log; sets make it fast.
        kept = set(new[name])
        lines += _change("delete", name, [item for item in old[name] if item not in kept])
    lines += _share_out(come.shared)
    for name in SETS:
        known = set(old[name])
        lines += _change("add", name, [item for item in new[name] if item not in known])
    if before.stamp != stamp:
        lines = [_define(stamp), *lines]
        for chain in chains():
            if any("$stamp" in rule for rule in chain.rules):
                lines += [f"flush chain {TABLE} {chain.name}", *_rules(chain)]
    return "\n".join([*lines, *_identify(rules), ""])


def _define(stamp: int) -> str:
    return f"define stamp = {stamp:#x}"


def _rules(chain: Chain) -> List[str]:
    return [f"add rule {TABLE} {chain.name} {rule}" for rule in chain.rules]


def _list(elements: List[str]) -> str:
    return f"elements = {{ {', '.join(elements)} }}; " if elements else ""


def _chain(name: str, hook: str, rules: Iterable[str]) -> List[str]:
    head = [f"\t\t{hook}"] if hook else []
    return [f"\tchain {name} {{", *head, *(f"\t\t{rule}" for rule in rules), "\t}"]


def _change(verb: str, name: str, elements: List[str]) -> List[str]:
    return [f"{verb} element {TABLE} {name} {{ {', '.join(elements)} }}"] if elements else []


def _share_out(shared: Targets) -> List[str]:
    lines = []
    for listen, targets in shared.items():
        chain = f"{TABLE} {READERS}{listen}"
        lines += [
            f"add chain {chain}",
            f"flush chain {chain}",
            f"add rule {chain} {_share(targets)}",
        ]
    return lines


def _share(targets: Tuple[Target, ...]) -> str:
    """Give each new connection the next target in turn."""
    places = ", ".join(
        f"{index} : {target.address} . {target.port}" for index, target in enumerate(targets)
    )
    return f"meta l4proto tcp dnat ip to numgen inc mod {len(targets)} map {{ {places} }}"


def _identify(rules: Rules) -> List[str]:
    chain = f"{TABLE} identity"
    return [f"add chain {chain}", f"flush chain {chain}", f"add rule {chain} {_identity(rules)}"]


def _identity(rules: Rules) -> str:
    # A rule that no packet meets: its comment changes in the same transaction as the rules.
    return f'return comment "{rules.identity}"'
