"""A NAT instance as a machine: what EC2 says of its type and of each of its network interfaces."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ipaddress import IPv4Address


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """A network interface of an instance."""

    interface_id: str
    index: int  # EC2's device index: 0 is the first one
    subnet_id: str
    groups: tuple[str, ...]  # security groups, sorted
    addresses: frozenset[IPv4Address]  # private ones
    public_address: IPv4Address | None = None
    elastic: bool = False  # whether that one is an Elastic IP: it stays when the instance stops
    tcp_timeout: int | None = None  # seconds that EC2 tracks an idle connection, where it is set


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """An instance with its interfaces, by device index."""

    instance_id: str
    kind: str  # EC2's instance type
    cards: tuple[Card, ...]

    @property
    def outer(self) -> Card | None:
        """Return the interface that clients reach: the first with a public address, or the first.

        None where EC2 shows none.
        """
        public = (card for card in self.cards if card.public_address is not None)
        return next(public, None) or next(iter(self.cards), None)

    def sending(self, addresses: frozenset[IPv4Address] | None) -> tuple[Card, ...]:
        """Return the interfaces that send to caches, going by the addresses that it sends from.

        None where those are not known: then it is clear only where there is but one interface.
        """
        if len(self.cards) < 2:
            return self.cards
        return tuple(card for card in self.cards if card.addresses & (addresses or frozenset()))
