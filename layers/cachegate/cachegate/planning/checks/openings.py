"""What rules of security groups let through, taken together. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Network, collapse_addresses
from typing import TYPE_CHECKING

from cachegate.domain.ingress import GroupReference, PrefixList, UnknownSource
from cachegate.planning.own_path import covers
from cachegate.planning.text import listing

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from cachegate.domain.group_rules import GroupRule


@dataclass(frozen=True, slots=True)
class Open:
    """What is open at one TCP port, by rules of one direction."""

    networks: tuple[IPv4Network, ...]  # joined where they touch
    groups: frozenset[str]
    unread: tuple[str, ...]  # prefix lists and sources that nobody here can read

    def to(self, network: IPv4Network, groups: Collection[str] = ()) -> bool:
        """Tell whether it is open for a network, or for what has one of some groups."""
        return not self.groups.isdisjoint(groups) or any(
            network.subnet_of(each) for each in self.networks
        )


def open_at(rules: Iterable[GroupRule], port: int) -> Open:
    """Return what rules open at a TCP port."""
    peers = [rule.opening.peer for rule in rules if covers(rule.opening.traffic, port)]
    unread = {str(peer) for peer in peers if isinstance(peer, PrefixList | UnknownSource)}
    return Open(
        networks=tuple(collapse_addresses(p for p in peers if isinstance(p, IPv4Network))),
        groups=frozenset(p.group_id for p in peers if isinstance(p, GroupReference)),
        unread=tuple(sorted(unread)),
    )


def maybe(unread: Iterable[str]) -> str:
    """Say that what nobody here can read may open it."""
    names = sorted(set(unread))
    return f"; {listing(names)} may, which is not read here" if names else ""


def authorize(group_id: str, direction: str, port: str, peer: IPv4Network | GroupReference) -> str:
    """Write the command that opens TCP ports of a group (6379, or 6379-6381) for a peer."""
    first, _, last = port.partition("-")
    named = isinstance(peer, GroupReference)
    whom = f"UserIdGroupPairs=[{{GroupId={peer}}}]" if named else f"IpRanges=[{{CidrIp={peer}}}]"
    return (
        f"aws ec2 authorize-security-group-{direction} --group-id {group_id} --ip-permissions "
        f"'IpProtocol=tcp,FromPort={first},ToPort={last or first},{whom}'"
    )
