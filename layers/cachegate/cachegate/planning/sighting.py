"""What one observation lets the planner rely on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from cachegate.domain.cache import Evidence
from cachegate.domain.forward import Target
from cachegate.planning.keys import wanted_keys
from cachegate.planning.text import listing

if TYPE_CHECKING:
    from collections.abc import Mapping
    from ipaddress import IPv4Address, IPv4Network

    from cachegate.domain.cache import Cache, Observation
    from cachegate.planning.keys import Want


class Claim(NamedTuple):
    """The targets that a key's name leads to now, lowest first, or why none can be used."""

    host: str
    targets: tuple[Target, ...]
    refusal: str = ""

    @property
    def why(self) -> str:
        """Say what the name leads to, or why that is of no use."""
        addresses = (target.address for target in self.targets)
        return self.refusal or f"{self.host} resolves to {listing(addresses)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """An observation, its caches in an order of their own and their keys worked out."""

    seen: Observation
    networks: tuple[IPv4Network, ...]
    caches: tuple[Cache, ...]  # by name
    names: frozenset[str]
    wants: Mapping[str, Want]  # by key, neighbours next to each other
    silent: frozenset[str]  # caches that exist and whose nodes are unknown

    @classmethod
    def of(cls, seen: Observation, last_networks: tuple[IPv4Network, ...]) -> Sighting:
        """Read an observation. A VPC always has a CIDR: without any, the last ones stand."""
        caches = tuple(sorted(seen.caches, key=lambda cache: (cache.name, cache.kind)))
        keys = [(cache.name, wanted_keys(cache)) for cache in caches]
        return cls(
            seen=seen,
            networks=tuple(sorted(set(seen.vpc.networks))) or last_networks,
            caches=caches,
            names=frozenset(name for name, _ in keys),
            wants={want.key: want for _, wants in keys for want in wants},
            silent=frozenset(name for name, wants in keys if not wants),
        )

    @property
    def at(self) -> float:
        """Return when the pass began to observe, in seconds since the epoch."""
        return self.seen.at

    def unknown(self, cache: str) -> str | None:
        """Say why a key of the cache that is not there may be there all the same."""
        if cache in self.silent:
            return f"AWS shows no nodes of {cache} in this pass"
        if not self.seen.listed and cache not in self.names:
            return "the list of tagged caches may not be whole in this pass"
        return None

    def within(self, address: IPv4Address) -> bool:
        """Say whether a forward may lead to the address at all."""
        return any(address in network for network in self.networks)

    def evidence(self, address: IPv4Address) -> Evidence:
        """Return what the network interfaces say; nothing was asked means unknown."""
        return self.seen.evidence.get(address, Evidence.UNKNOWN)

    def resolved(self, want: Want) -> frozenset[IPv4Address]:
        """Return what DNS answered for the endpoint of a key; empty where it did not."""
        if want.endpoint is None:
            return frozenset()
        return self.seen.addresses.get(want.endpoint.host, frozenset())

    def claim(self, want: Want) -> Claim:
        """Return the targets that a key may take: in the VPC, and not known to be absent."""
        if want.endpoint is None:
            return Claim("", (), "AWS shows no endpoint for it now")
        host, port = want.endpoint.host, want.endpoint.port
        found = sorted(self.resolved(want))
        inside = [address for address in found if self.within(address)]
        usable = [a for a in inside if self.evidence(a) is not Evidence.ABSENT]
        if usable:
            return Claim(host, tuple(Target(address, port) for address in usable))
        if not found:
            return Claim(host, (), f"{host} did not resolve")
        if not inside:
            why = f"{host} resolves to {listing(found)}, outside the VPC's networks"
            return Claim(host, (), why)
        why = f"{host} resolves to {listing(inside)}, but no network interface has it"
        return Claim(host, (), why)
