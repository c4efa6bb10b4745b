"""Caches, observations and passes in few words. Nodes live in 10.0.0.0/16."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address, IPv4Network
from typing import TYPE_CHECKING, Any

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
from cachegate.domain.ledger import Ledger
from cachegate.domain.plan import Change, ChangeKind, Plan
from cachegate.domain.policy import Policy
from cachegate.planning.plan import make_plan

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

START = 1_800_000_000.0
NETWORK = IPv4Network("10.0.0.0/16")
SOURCES = (IPv4Network("203.0.113.0/24"),)
POLICY = Policy(stack="dev", sources=SOURCES, first_port=6379, last_port=6478)


def node(
    cluster: str, number: int = 1, role: Role | None = None, *, named: bool = True
) -> CacheNode:
    """A node whose name is <cluster>.<number>; AWS may not show its endpoint yet."""
    endpoint = Endpoint(f"{cluster}.{number:04}", 6379) if named else None
    return CacheNode(id=NodeId(cluster, f"{number:04}"), endpoint=endpoint, role=role)


def memcached(name: str, nodes: int = 1, **fields: Any) -> Cache:
    """A cluster with nodes 0001, 0002, ..."""
    members = tuple(node(name, number) for number in range(1, nodes + 1))
    return _cache(name, CacheKind.CLUSTER, nodes=members, engine="memcached", **fields)


def group(name: str, nodes: int = 3, primary: int = 1, **fields: Any) -> Cache:
    """A replication group with cluster mode disabled: <name>-001 and so on."""
    members = tuple(
        node(f"{name}-{n:03}", role=Role.PRIMARY if n == primary else Role.REPLICA)
        for n in range(1, nodes + 1)
    )
    endpoint = Endpoint(f"{name}.primary", 6379)
    return _cache(
        name,
        CacheKind.REPLICATION_GROUP,
        **{"nodes": members, "primary_endpoint": endpoint, **fields},
    )


def serverless(name: str, **fields: Any) -> Cache:
    """A serverless cache: both endpoints share one name."""
    host = f"{name}.serverless"
    return _cache(
        name,
        CacheKind.SERVERLESS,
        endpoint=Endpoint(host, 6379),
        reader_endpoint=Endpoint(host, 6380),
        **fields,
    )


def _cache(name: str, kind: CacheKind, **fields: Any) -> Cache:
    defaults = {"engine": "redis", "status": "available", "vpc_id": "vpc-1", "expose": "true"}
    return Cache(name=name, kind=kind, **{**defaults, "tls": True, **fields})


def dns(records: Mapping[str, str]) -> dict[str, frozenset[IPv4Address]]:
    """Answers such as {"old.0001": "10.0.1.1 10.0.1.2"}."""
    return {
        name: frozenset(IPv4Address(address) for address in text.split())
        for name, text in records.items()
    }


def observe(
    at: float,
    caches: Iterable[Cache],
    records: Mapping[str, str],
    *,
    listed: bool = True,
    absent: str = "",
    present: str | None = None,
    networks: tuple[IPv4Network, ...] = (NETWORK,),
) -> Observation:
    """An observation at START + at; unless said otherwise, interfaces hold every address."""
    addresses = dns(records)
    known = {address for answer in addresses.values() for address in answer}
    shown = known if present is None else {IPv4Address(a) for a in present.split()}
    evidence = {a: Evidence.PRESENT if a in shown else Evidence.UNKNOWN for a in known}
    evidence |= {IPv4Address(a): Evidence.ABSENT for a in absent.split()}
    return Observation(
        at=START + at,
        vpc=Vpc(vpc_id="vpc-1", networks=networks),
        caches=tuple(caches),
        addresses=addresses,
        evidence=evidence,
        listed=listed,
    )


@dataclass
class Passes:
    """One VPC through several passes, with its ledger, as sync would run them."""

    policy: Policy = POLICY
    ledger: Ledger = field(default_factory=lambda: Ledger(vpc_id="vpc-1"))
    plan: Plan = field(default_factory=lambda: Plan(ledger=Ledger(vpc_id="vpc-1")))

    def at(
        self,
        at: float,
        caches: Iterable[Cache],
        records: Mapping[str, str],
        *,
        force: bool = False,
        **seen: Any,
    ) -> Plan:
        """Run a pass at START + at, record its ledger and return its plan."""
        observation = observe(at, caches, records, **seen)
        self.plan = make_plan(self.ledger, observation, self.policy, force=force)
        self.ledger = self.plan.ledger
        return self.plan

    def listen(self, key: str) -> int:
        return self.ledger.leases[key].listen

    def listens(self) -> dict[str, int]:
        return {key: lease.listen for key, lease in self.ledger.leases.items()}

    def targets(self, key: str) -> str:
        """The addresses that a key leads to, such as "10.0.1.1 10.0.1.2"."""
        return " ".join(str(target.address) for target in self.ledger.leases[key].targets)

    def changes(self, *kinds: ChangeKind) -> list[Change]:
        return [change for change in self.plan.changes if change.kind in kinds]

    def held(self) -> dict[str | None, str]:
        """The reasons of the last plan's holds, by key."""
        return {change.key: change.reason for change in self.changes(ChangeKind.HOLD)}

    def codes(self) -> dict[str, str]:
        """The problems of the last plan, by cache."""
        return {problem.cache: problem.code for problem in self.plan.problems}

    def with_policy(self, **fields: Any) -> None:
        self.policy = replace(self.policy, **fields)
