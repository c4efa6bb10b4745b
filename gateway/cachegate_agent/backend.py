"""What the two back-ends have in common: nftables.py and iptables.py satisfy Backend."""

from __future__ import annotations

from typing import TYPE_CHECKING, Dict, FrozenSet, NamedTuple, Optional, Protocol, Tuple

if TYPE_CHECKING:
    from ipaddress import IPv4Network

    from cachegate_agent.rules import Identity, Rules, Target

# Set in the connection mark of every flow that we forward, in the rule that translates it. It
# tells our flows from those of other programs' DNAT rules (published container ports, a rule made
# by hand), also after their forward is gone, and lets the kernel list ours alone.
FLOW_BIT = 0x1000

# What the mark of a flow becomes when a rule set admits it: FLOW_BIT, and a number that says which
# rule set it was. A packet whose flow bears the stamp of the rules in force need not be looked up.
# See stamps.py for what keeps that true. All bits at once are no stamp: a mask is never mistaken.
STAMPS = tuple(FLOW_BIT | number << 9 for number in range(1, 7))
OUR_BITS = 0x1E00  # all are set and read under this mask, which leaves the other 28 bits to others

# Packet mark of the SYNs by which tell.py speaks to the ends of stale flows: exempt from tracking.
TELL_MARK = 0xCAC4E6A7


class Live(NamedTuple):
    """What the kernel holds of ours, as read back."""

    identity: Optional[Identity]  # None where it cannot be read: somebody changed it
    sources: Tuple[IPv4Network, ...]  # as Rules.admitted
    targets: Dict[int, Tuple[Target, ...]]  # as Rules.targets, ports at rest included
    stamps: FrozenSet[int]  # those that its rules give or ask for: one, where they are whole
    # Fingerprint of everything else (hooks, rules, declarations). Equal fingerprints mean an equal
    # shape; it is compared with the one that was read right after the last good swap, so that a
    # listing format that differs between versions of a tool is no drift. Never equal ("" will do)
    # where the parts contradict each other.
    shape: str

    @property
    def stamp(self) -> int:
        """The stamp of these rules; 0 where they have none, or contradict each other."""
        return max(self.stamps) if len(self.stamps) == 1 else 0

    def holds(self, rules: Rules) -> bool:
        """Tell whether sources, targets and identity are exactly those of the rule set."""
        return (
            self.identity == rules.identity
            and self.sources == rules.admitted
            and self.targets == rules.targets
        )


class Backend(Protocol):
    """A way to put a rule set into the kernel.

    The rules of both back-ends mean the same. Of TCP packets to one of the instance's own
    addresses: a first SYN from an admitted source to a listen port with targets is marked with
    the stamp, translated, let through and masqueraded. Everything else that comes in to a listen
    port of ours from outside, from whatever source, is answered by RST and never reaches a local
    program. What conntrack places in no flow (ct state invalid) is dropped on its way in to a
    listen port or from a port that targets answer from. A packet of a forwarded flow (FLOW_BIT)
    that bears another stamp is looked up: its flow gets the stamp where the rule set admits it.
    Where it does not, the packet is answered by RST, or dropped while its flow is still new (ct
    state new), because it will be sent again and then meets the new target. Packets marked
    TELL_MARK are not tracked. Nothing else is touched.
    """

    name: str

    def why_not(self) -> str:
        """Return why this back-end cannot be used here, or "" where it can."""
        ...

    def render(self, rules: Rules) -> str:
        """Return the full text for an empty kernel, needing neither root nor any program."""
        ...

    def read(self) -> Optional[Live]:
        """Return what the kernel holds of ours, or None where it holds nothing.

        Raise Failed("kernel_refused") where the kernel cannot be asked.
        """
        ...

    def swap(self, rules: Rules, stamp: int, since: Optional[Live]) -> None:
        """Make the kernel hold exactly these rules, without refusing or misleading any packet.

        `stamp` is one of STAMPS, and no flow bears it which these rules do not admit. `since` is
        what the kernel holds, where that is known to be whole: only what differs need be written.
        None means that nothing is known, and everything is to be written over what is there. Raise
        Failed("kernel_refused") with the kernel's words where it is not accepted.
        """
        ...

    def remove(self) -> bool:
        """Take away everything of ours; return whether there was anything."""
        ...
