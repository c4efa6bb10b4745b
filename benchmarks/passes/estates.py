"""What a pass sees: so many cache nodes, alike in name and address, or unlike each other."""

from __future__ import annotations

import random
import string
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
    Vpc,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

NODES_A_GROUP = 90  # ElastiCache's usual quota for one cluster
NETWORK = IPv4Network("10.0.0.0/16")
ROOM = range(10, NETWORK.num_addresses - 2)  # AWS keeps the first addresses
PORT = 6379


def alike(size: int) -> Observation:
    """Return nodes in full groups, numbered, at addresses side by side: as small as it gets."""
    caches, addresses = [], {}
    for first in range(0, size, NODES_A_GROUP):
        name = f"group-{first:05}"
        nodes = []
        for number in range(first, min(first + NODES_A_GROUP, size)):
            node = f"{name}-{number:05}"
            addresses[_host(node)] = _address(ROOM[number])
            nodes.append(_node(node))
        caches.append(_cache(name, nodes))
    return _seen(caches, addresses)


def unlike(size: int) -> Observation:
    """Return caches of one node, with random names and addresses: as large as it gets."""
    chance = random.Random(4)  # noqa: S311
    caches, addresses = [], {}
    for place in chance.sample(ROOM, size):
        name = "c" + "".join(chance.choices(string.ascii_lowercase + string.digits, k=16))
        node = f"{name}-0001-001"
        addresses[_host(node)] = _address(place)
        caches.append(_cache(name, [_node(node)]))
    return _seen(caches, addresses)


def _host(node: str) -> str:
    return f"{node}.h4sh.use1.cache.amazonaws.com"


def _address(place: int) -> frozenset[IPv4Address]:
    return frozenset({NETWORK[place]})


def _node(name: str) -> CacheNode:
    return CacheNode(id=NodeId(name, "0001"), endpoint=Endpoint(_host(name), PORT))


def _cache(name: str, nodes: Iterable[CacheNode]) -> Cache:
    return Cache(
        name=name,
        kind=CacheKind.REPLICATION_GROUP,
        engine="valkey",
        status="available",
        vpc_id="vpc-1",
        expose="true",
        nodes=tuple(nodes),
        cluster_mode=True,  # one listen port a node; other groups take two more
        tls=True,
    )


def _seen(caches: Sequence[Cache], addresses: dict[str, frozenset[IPv4Address]]) -> Observation:
    """Return all of it, every address backed by a network interface."""
    return Observation(
        at=1_795_000_000.0,
        vpc=Vpc(vpc_id="vpc-1", networks=(NETWORK,)),
        caches=tuple(caches),
        addresses=addresses,
        evidence={a: Evidence.PRESENT for found in addresses.values() for a in found},
    )
