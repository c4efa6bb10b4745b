"""Which public address leads to which network interface, in EC2's books and in the world.

https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/using-instance-addressing.html
"""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network
from threading import RLock, Timer
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

# For documentation (RFC 5737); those below are for who asks for one by its number.
_POOL = tuple(map(str, IPv4Network("203.0.113.128/25").hosts()))


class Paths(Protocol):
    """Where packets to public addresses go."""

    def lead(self, ways: Mapping[IPv4Address, IPv4Address | None]) -> None:
        """Let each public address lead to this private one from now on, or to nobody."""
        ...


@dataclass(slots=True)
class PublicAddresses:
    """Gives addresses out, and lets packets follow; one for the account, whoever asks."""

    paths: Paths | None = None
    holders: dict[str, Any] = field(default_factory=dict)  # interfaces
    given: int = 0  # how many were chosen so far
    changes: list[Timer] = field(default_factory=list)  # not in force yet
    lock: RLock = field(default_factory=RLock)

    def take(self, allocated: Iterable[str]) -> str:
        """Return an address that nobody has or has allocated; one that was left comes late again.

        "After an instance's public IP address is released, you can't reuse it."
        """
        used = {*self.holders, *allocated}
        with self.lock:
            while True:
                self.given += 1
                address = _POOL[self.given % len(_POOL)]
                if address not in used:
                    return address

    def change(self, holders: Mapping[str, Any], delay: float) -> None:
        """Note which interface has each address, or None, and let packets follow after a while."""
        with self.lock:
            for address, interface in holders.items():
                if interface is None:
                    self.holders.pop(address, None)
                else:
                    self.holders[address] = interface
        if not delay:
            self._lead(holders)
            return
        self.changes = [each for each in self.changes if each.is_alive()]
        change = Timer(delay, self._lead, (tuple(holders),))
        change.daemon = True
        self.changes.append(change)
        change.start()

    def close(self) -> None:
        """Let nothing change any more."""
        for change in self.changes:
            change.cancel()
            change.join()
        self.changes.clear()

    def _lead(self, addresses: Iterable[str]) -> None:
        """Say where they lead by now: of two changes in a short time the later one stays."""
        with self.lock:
            ways: dict[IPv4Address, IPv4Address | None] = {}
            for address in addresses:
                holder = self.holders.get(address)
                private = IPv4Address(holder.private_ip_address) if holder is not None else None
                ways[IPv4Address(address)] = private
            if self.paths is not None:
                self.paths.lead(ways)
