"""The rule set: which listen port leads to which targets, and who is admitted.

Values here are made by payload.py, which checks them, and are never changed. They are named tuples
because importing dataclasses would cost a fifth of the agent's whole start.
"""

from __future__ import annotations

import hashlib
from functools import cache, cached_property
from ipaddress import IPv4Address, IPv4Network, collapse_addresses
from socket import AF_INET, inet_pton
from typing import Dict, NamedTuple, Tuple


# The same few thousand texts are met again and again in payload, saved state and listings; and
# equal addresses that are one object compare at once.
@cache
def address_of(text: str) -> IPv4Address:
    """Return the address that a text names; raise ValueError where it names none."""
    try:
        # IPv4Address itself takes four times as long to read a text.
        return IPv4Address(inet_pton(AF_INET, text))
    except OSError as error:
        raise ValueError(f"{text[:20]!r} is no IPv4 address") from error


class Target(NamedTuple):
    """Where a forward lands: an address and a TCP port."""

    address: IPv4Address
    port: int

    def __str__(self) -> str:
        return f"{self.address!s}:{self.port}"  # not by its slow __format__


class Forward(NamedTuple):
    """One listen port; without targets it is at rest and answers RST."""

    listen: int
    kind: str
    key: str
    targets: Tuple[Target, ...]


class Identity(NamedTuple):
    """Whose rule set it is, and which one; what the kernel keeps beside the rules."""

    owner: str  # fingerprint of the owner, see fingerprint()
    generation: int
    digest: str

    def __str__(self) -> str:
        # An nftables comment holds at most 128 characters: this takes 116 at most.
        return f"cachegate {self.owner} {self.generation} {self.digest}"

    @classmethod
    def parse(cls, text: str) -> Identity:
        """Read what str() wrote; raise ValueError for any other text."""
        word, owner, generation, digest = text.split(" ")
        if word != "cachegate":
            raise ValueError(text)
        return cls(owner, int(generation), digest)


class _Rules(NamedTuple):
    owner: str
    generation: int
    digest: str
    targets_within: Tuple[IPv4Network, ...]
    sources: Tuple[IPv4Network, ...]
    forwards: Tuple[Forward, ...]


class Rules(_Rules):
    """A whole rule set as it was received and found correct."""

    @property
    def identity(self) -> Identity:
        """What the kernel is to remember of it."""
        return Identity(fingerprint(self.owner), self.generation, self.digest)

    @property
    def admitted(self) -> Tuple[IPv4Network, ...]:
        """The sources without overlaps, sorted: the form in which they are compared."""
        return tuple(collapse_addresses(self.sources))

    @cached_property
    def targets(self) -> Dict[int, Tuple[Target, ...]]:
        """The targets of each listen port, sorted: the form in which they are compared."""
        return {
            forward.listen: tuple(sorted(forward.targets))
            if len(forward.targets) > 1
            else forward.targets
            for forward in self.forwards
        }

    def at_rest(self) -> Rules:
        """Return the same listen ports, all of them at rest."""
        return self._replace(forwards=tuple(f._replace(targets=()) for f in self.forwards))


def fingerprint(owner: str) -> str:
    """Shorten an owner to 16 hexadecimal digits, because a stack id does not fit into a comment."""
    return hashlib.sha256(owner.encode()).hexdigest()[:16]
