"""What ElastiCache knows: caches, their nodes, names, addresses and statuses. No server, no socket.

The shapes and their gaps are AWS's (DescribeCacheClusters, DescribeReplicationGroups
and DescribeServerlessCaches of the 2015-02-02 API; "Finding connection endpoints" of the user guide
for the names). What changes a cache are methods of `Fleet`: AWS itself decides about most of it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ipaddress import IPv4Address

REGION = "us-east-1"
ACCOUNT = "123456789012"  # moto's
SUFFIX = "use1.cache.amazonaws.com"
PORTS = {"redis": 6379, "valkey": 6379, "memcached": 11211}
NO_ENDPOINT = frozenset({"creating", "deleting"})
CLUSTER_HASH, GROUP_HASH, SERVERLESS_HASH = "xkf84q", "v8rkgb", "q5d2m"
SLOTS = 16384  # of a cluster of Redis


def domain(name: str, its_hash: str) -> str:
    """Return what all names of a cache with TLS end with, and its certificate is for."""
    return f"{name}.{its_hash}.{SUFFIX}"


def slots(index: int, count: int) -> tuple[int, int]:
    """Return the first and the last slot of a shard (counted from 0), as AWS spreads them."""
    first, beyond = (SLOTS * i // count for i in (index, index + 1))
    return first, beyond - 1


def arn(kind: str, name: str) -> str:
    """Return the ARN of an ElastiCache resource of this kind: cluster, replicationgroup, ..."""
    return f"arn:aws:elasticache:{REGION}:{ACCOUNT}:{kind}:{name}"


@dataclass(slots=True, kw_only=True)
class Node:
    """One (cluster id, node id) with its name; the address changes, the name does not."""

    cluster_id: str
    node_id: str
    name: str
    port: int
    address: IPv4Address
    status: str = "available"
    created: datetime = field(default_factory=lambda: datetime.now(UTC))


@dataclass(slots=True, kw_only=True)
class Options:
    """What all kinds of caches have in common, as a person sets it at creation."""

    engine: str = "redis"
    engine_version: str = "7.0"
    tags: dict[str, str] = field(default_factory=dict)
    security_groups: tuple[str, ...] = ()
    subnet_group: str | None = "caches"  # None: EC2-Classic, where there was no VPC
    classic_groups: tuple[str, ...] = ()  # cache security groups: only there
    tls: bool = False
    tls_optional: bool = False  # TransitEncryptionMode `preferred`
    auth: str | None = None  # the AUTH token; of a serverless cache, its user group
    network_type: str = "ipv4"
    topic: str | None = None
    topic_status: str = "active"
    port: int | None = None

    @property
    def listens_on(self) -> int:
        """The port of every node: the engine's own unless one was asked for."""
        return self.port or PORTS[self.engine]


@dataclass(slots=True, kw_only=True)
class CacheSecurityGroup:
    """What let instances in EC2-Classic reach caches; each with its owner and status."""

    name: str
    admits: list[tuple[str, str, str]] = field(default_factory=list)

    @property
    def arn(self) -> str:
        """The name that policies know."""
        return arn("securitygroup", self.name)


@dataclass(slots=True, kw_only=True)
class Cluster:
    """A cache cluster: one node of Redis or Valkey, or all nodes of a Memcached cluster."""

    cluster_id: str
    hash: str
    options: Options
    nodes: list[Node] = field(default_factory=list)
    status: str = "available"
    group_id: str | None = None
    tags: dict[str, str] = field(default_factory=dict)

    @property
    def arn(self) -> str:
        """The name that the tagging API and the policies know."""
        return arn("cluster", self.cluster_id)

    @property
    def configuration_name(self) -> str:
        """The name that Memcached clients with auto discovery ask."""
        return f"{self.cluster_id}.{self.hash}.cfg.{SUFFIX}"

    def node_name(self, node_id: str) -> str:
        """Return the name of a node: with TLS the labels stand in another order."""
        if not self.options.tls:
            return f"{self.cluster_id}.{self.hash}.{node_id}.{SUFFIX}"
        if self.group_id is None:
            return f"{node_id}.{domain(self.cluster_id, self.hash)}"
        return f"{self.cluster_id}.{domain(self.group_id, self.hash)}"


@dataclass(slots=True, kw_only=True)
class ReplicationGroup:
    """A Redis or Valkey primary with replicas, or (cluster mode enabled) several such shards."""

    group_id: str
    hash: str
    options: Options
    cluster_mode: bool = False
    status: str = "available"
    shards: dict[str, list[str]] = field(default_factory=dict)  # member cluster ids
    primaries: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)

    @property
    def arn(self) -> str:
        """The name that the tagging API and the policies know."""
        return arn("replicationgroup", self.group_id)

    @property
    def members(self) -> list[str]:
        """The ids of the cache clusters of all shards."""
        return [member for shard in self.shards.values() for member in shard]

    @property
    def primary_name(self) -> str:
        """The name that always leads to the primary (cluster mode disabled only)."""
        if self.options.tls:
            return f"master.{self.group_id}.{self.hash}.{SUFFIX}"
        return f"{self.group_id}.{self.hash}.ng.0001.{SUFFIX}"

    @property
    def reader_name(self) -> str:
        """The name that leads to the replicas by turns (cluster mode disabled only)."""
        if self.options.tls:
            return f"replica.{self.group_id}.{self.hash}.{SUFFIX}"
        return f"{self.group_id}-ro.{self.hash}.ng.0001.{SUFFIX}"

    @property
    def configuration_name(self) -> str:
        """The name that cluster-mode clients start from (cluster mode enabled only)."""
        if self.options.tls:
            return f"clustercfg.{self.group_id}.{self.hash}.{SUFFIX}"
        return f"{self.group_id}.{self.hash}.clustercfg.{SUFFIX}"


@dataclass(slots=True, kw_only=True)
class ServerlessCache:
    """A cache without nodes: one name for writers and readers, told apart by port."""

    name: str
    hash: str
    options: Options
    addresses: tuple[IPv4Address, ...]
    subnet_ids: tuple[str, ...] = ()
    status: str = "available"
    tags: dict[str, str] = field(default_factory=dict)

    @property
    def arn(self) -> str:
        """The name that the tagging API and the policies know."""
        return arn("serverlesscache", self.name)

    @property
    def endpoint_name(self) -> str:
        """The one name of the cache."""
        return f"{self.name}-{self.hash}.serverless.{SUFFIX}"
