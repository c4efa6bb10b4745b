"""Planning: a steady pass over many nodes, and the first one."""

from __future__ import annotations

import time
from ipaddress import IPv4Address, IPv4Network

from benchmarks.rows import Rows
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
from cachegate.domain.ledger import Ledger
from cachegate.domain.policy import Policy
from cachegate.planning.plan import make_plan

NODES_A_GROUP = 90  # ElastiCache's usual quota for one cluster


def measure(sizes: tuple[int, ...], repetitions: int) -> Rows:
    """Plan from nothing, then once more with nothing new."""
    rows = Rows("planning")
    policy = Policy(
        stack="gate", sources=(IPv4Network("198.51.100.27/32"),), first_port=1024, last_port=60000
    )
    for repetition in range(repetitions):
        for size in sizes:
            seen = observation(size)
            ledger = Ledger(vpc_id="vpc-1")
            for way in ("first plan", "steady plan"):
                started = time.perf_counter()
                ledger = make_plan(ledger, seen, policy).ledger
                rows.add(way, size, repetition, (time.perf_counter() - started) * 1000)
    return rows


def observation(size: int) -> Observation:
    """Return groups of cluster-mode nodes, every address backed by an interface."""
    caches, addresses = [], {}
    for first in range(0, size, NODES_A_GROUP):
        name = f"group-{first:05}"
        nodes = []
        for n in range(first, min(first + NODES_A_GROUP, size)):
            host = f"{name}-{n:05}.h4sh.use1.cache.amazonaws.com"
            addresses[host] = frozenset({IPv4Address("10.0.0.0") + n + 10})
            nodes.append(
                CacheNode(id=NodeId(f"{name}-{n:05}", "0001"), endpoint=Endpoint(host, 6379))
            )
        caches.append(
            Cache(
                name=name,
                kind=CacheKind.REPLICATION_GROUP,
                engine="valkey",
                status="available",
                vpc_id="vpc-1",
                expose="true",
                nodes=tuple(nodes),
                cluster_mode=True,
                tls=True,
            )
        )
    return Observation(
        at=1_795_000_000.0,
        vpc=Vpc(vpc_id="vpc-1", networks=(IPv4Network("10.0.0.0/16"),)),
        caches=tuple(caches),
        addresses=addresses,
        evidence={a: Evidence.PRESENT for found in addresses.values() for a in found},
    )
