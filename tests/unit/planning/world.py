"""A small true world behind the observations: what caches there really are, and what DNS says.

Every change of the truth may reach DNS at once or late; answers may get lost or be old. Addresses
are few, so that one that a node left is soon another's.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network
from typing import TYPE_CHECKING

from cachegate.domain.cache import (
    Cache,
    CacheKind,
    CacheNode,
    Endpoint,
    Evidence,
    NodeId,
    Observation,
    Role,
    Vpc,
)
from tests.unit.planning.builders import START

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

NETWORK = IPv4Network("10.0.0.0/28")
NARROW = IPv4Network("10.0.0.0/29")
POOL = [IPv4Address("10.0.0.0") + n for n in range(1, 15)]


@dataclass
class TrueCache:
    name: str
    kind: CacheKind
    nodes: dict[NodeId, IPv4Address]
    primary: NodeId | None = None
    tls: bool = False
    grown: int = 0

    @property
    def hosts(self) -> dict[NodeId, str]:
        """Turning TLS on renames every node."""
        prefix = "tls." if self.tls else ""
        return {node: f"{prefix}{node}".replace("/", ".") for node in self.nodes}


@dataclass
class World:
    now: float = START
    caches: dict[str, TrueCache] = field(default_factory=dict)
    dns: dict[str, frozenset[IPv4Address]] = field(default_factory=dict)

    def free_addresses(self) -> list[IPv4Address]:
        used = {a for cache in self.caches.values() for a in cache.nodes.values()}
        return [address for address in POOL if address not in used]

    def true_names(self) -> Iterator[tuple[str, IPv4Address]]:
        for cache in self.caches.values():
            for node, host in cache.hosts.items():
                yield host, cache.nodes[node]
            if cache.primary is not None:
                yield f"{cache.name}.primary", cache.nodes[cache.primary]

    def catch_up(self) -> None:
        """DNS tells the truth for every name that exists."""
        self.dns = {host: frozenset({address}) for host, address in self.true_names()}

    def meet(self) -> None:
        """Names that are new get their answer; the old ones stay as old as they are."""
        self.dns = {host: frozenset({address}) for host, address in self.true_names()} | self.dns

    def add(self, name: str, kind: CacheKind, size: int) -> None:
        free = self.free_addresses()
        size = min(size, len(free))
        if name in self.caches or size == 0:
            return
        cache = TrueCache(name, kind, {})
        self.caches[name] = cache
        for _ in range(size):
            self._grow(cache)

    def scale_out(self, name: str) -> None:
        if self.free_addresses():
            self._grow(self.caches[name])

    def _grow(self, cache: TrueCache) -> None:
        cache.grown += 1
        group = cache.kind is CacheKind.REPLICATION_GROUP
        number = f"{cache.grown:04}"
        node = NodeId(f"{cache.name}-{number}", "0001") if group else NodeId(cache.name, number)
        cache.nodes[node] = self.free_addresses()[0]
        if group and cache.primary is None:
            cache.primary = node

    def scale_in(self, name: str, place: int) -> None:
        cache = self.caches[name]
        if len(cache.nodes) == 1:
            del self.caches[name]
            return
        node = sorted(cache.nodes)[place % len(cache.nodes)]
        del cache.nodes[node]
        if cache.primary == node:
            cache.primary = min(cache.nodes)

    def replace(self, name: str, place: int, choice: int) -> None:
        """The same node at another address."""
        cache, free = self.caches[name], self.free_addresses()
        if free:
            node = sorted(cache.nodes)[place % len(cache.nodes)]
            cache.nodes[node] = free[choice % len(free)]

    def move_away(self, name: str, place: int) -> IPv4Address | None:
        """A node leaves its address, and DNS does not know it yet; return what is free now."""
        cache, free = self.caches[name], self.free_addresses()
        node = sorted(cache.nodes)[place % len(cache.nodes)]
        if not free:
            return None
        left, cache.nodes[node] = cache.nodes[node], free[-1]
        return left

    def take(self, name: str, place: int, address: IPv4Address) -> None:
        """A node moves to an address, and DNS knows it at once."""
        cache = self.caches[name]
        node = sorted(cache.nodes, reverse=True)[place % len(cache.nodes)]
        cache.nodes[node] = address
        self.dns[cache.hosts[node]] = frozenset({address})

    def fail_over(self, name: str, place: int) -> None:
        cache = self.caches[name]
        if cache.primary is not None:
            cache.primary = sorted(cache.nodes)[place % len(cache.nodes)]

    def keys(self) -> dict[str, IPv4Address]:
        """The keys of all nodes that truly live, and their true addresses."""
        return {
            f"{cache.name}/{node}": address
            for cache in self.caches.values()
            for node, address in cache.nodes.items()
        }

    def observe(
        self,
        *,
        silent: Collection[str] = (),
        unresolved: Collection[str] = (),
        unnamed: Collection[str] = (),
        listed: bool = True,
        evidence: Evidence = Evidence.PRESENT,
        narrow: bool = False,
    ) -> Observation:
        """What a pass sees; what it cannot know it says, as the adapters do."""
        shown = [c for c in self.caches.values() if listed or c.name not in silent]
        addresses = {h: a for h, a in self.dns.items() if h not in unresolved}
        true = {address for _, address in self.true_names()}
        known = {address for answer in addresses.values() for address in answer}
        return Observation(
            at=self.now,
            vpc=Vpc(vpc_id="vpc-1", networks=(NARROW if narrow else NETWORK,)),
            caches=tuple(_cache(c, silent=c.name in silent, unnamed=unnamed) for c in shown),
            addresses=addresses,
            evidence={a: evidence if a in true else Evidence.UNKNOWN for a in known},
            listed=listed,
        )


def _cache(true: TrueCache, *, silent: bool, unnamed: Collection[str]) -> Cache:
    hosts = true.hosts
    nodes = tuple(
        CacheNode(
            id=node,
            endpoint=None if hosts[node] in unnamed else Endpoint(hosts[node], 6379),
            role=_role(true, node),
        )
        for node in true.nodes
    )
    return Cache(
        name=true.name,
        kind=true.kind,
        engine="redis",
        status="available",
        vpc_id="vpc-1",
        expose="true",
        nodes=() if silent else nodes,
        primary_endpoint=Endpoint(f"{true.name}.primary", 6379) if true.primary else None,
        tls=true.tls,
        whole=not silent,
        described=not silent,
    )


def _role(true: TrueCache, node: NodeId) -> Role | None:
    if true.primary is None:
        return None
    return Role.PRIMARY if node == true.primary else Role.REPLICA
