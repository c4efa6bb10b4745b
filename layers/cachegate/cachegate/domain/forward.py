"""What the NAT instance should do: forwards, and the rule set that holds all of one VPC."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Network
from itertools import pairwise
from typing import Any

from cachegate.errors import ConfigurationError

LISTEN_PORTS = range(1, 65536)
NEVER_LISTEN = frozenset({22})  # SSH: a forward there would lock people out of the NAT instance


class ForwardKind(StrEnum):
    """What a listen port stands for."""

    NODE = "node"
    PRIMARY = "primary"
    READERS = "readers"
    ENDPOINT = "endpoint"


@dataclass(frozen=True, slots=True, order=True)
class Target:
    """Where a forward lands: an address of the VPC and a TCP port."""

    address: IPv4Address
    port: int

    def __str__(self) -> str:
        return f"{self.address}:{self.port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Forward:
    """One listen port and where it leads; without targets it is at rest and answers RST."""

    listen: int
    kind: ForwardKind
    key: str
    targets: tuple[Target, ...]

    def __post_init__(self) -> None:
        if self.listen not in LISTEN_PORTS or self.listen in NEVER_LISTEN:
            raise ConfigurationError(f"{self.key}: {self.listen} cannot be a listen port")
        if self.kind is not ForwardKind.READERS and len(self.targets) > 1:
            raise ConfigurationError(f"{self.key}: only a readers forward has several targets")
        if any(target >= following for target, following in pairwise(self.targets)):
            raise ConfigurationError(f"{self.key}: targets are not sorted or not distinct")

    def to_json(self) -> dict[str, Any]:
        """Return the form that the agent takes."""
        return {
            "listen": self.listen,
            "kind": self.kind.value,
            "key": self.key,
            "targets": [[str(t.address), t.port] for t in self.targets],
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Forward:
        """Read the form that the agent takes and reports."""
        return cls(
            listen=data["listen"],
            kind=ForwardKind(data["kind"]),
            key=data["key"],
            targets=tuple(Target(IPv4Address(a), port) for a, port in data["targets"]),
        )


@dataclass(frozen=True, slots=True)
class RuleSet:
    """All forwards of one VPC and the sources that may use them: replaced as a whole."""

    forwards: tuple[Forward, ...] = ()
    sources: tuple[IPv4Network, ...] = ()

    def __post_init__(self) -> None:
        listens = [forward.listen for forward in self.forwards]
        if any(listen >= following for listen, following in pairwise(listens)):
            raise ConfigurationError("forwards share a listen port or are not sorted by it")
        if any(source >= following for source, following in pairwise(self.sources)):
            raise ConfigurationError("sources are not sorted or not distinct")

    def to_json(self) -> dict[str, Any]:
        """Return the part of the payload that the digest covers."""
        return {
            "forwards": [forward.to_json() for forward in self.forwards],
            "sources": [str(source) for source in self.sources],
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> RuleSet:
        """Read what `to_json` wrote."""
        return cls(
            tuple(Forward.from_json(forward) for forward in data["forwards"]),
            tuple(IPv4Network(source) for source in data["sources"]),
        )

    @property
    def digest(self) -> str:
        """Identify this content: the SHA-256 that the agent computes as well."""
        text = json.dumps(self.to_json(), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()
