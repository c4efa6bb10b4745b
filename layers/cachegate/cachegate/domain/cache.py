"""What AWS has: caches, their nodes and endpoints, as one observation saw them."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from ipaddress import IPv4Address, IPv4Network

NAT_TAG = "cachegate:nat"  # of an EC2 instance: the stack whose NAT instance it is
ANY_STACK = "true"  # an expose tag that names no stack


class CacheKind(StrEnum):
    """Which of AWS's three things a cache is."""

    REPLICATION_GROUP = "replication-group"
    CLUSTER = "cluster"
    SERVERLESS = "serverless"


class Role(StrEnum):
    """What a node does in its shard now; it may change at any time."""

    PRIMARY = "primary"
    REPLICA = "replica"


class Evidence(StrEnum):
    """What AWS says of something that may be gone: an address of a VPC, a topic."""

    PRESENT = "present"
    ABSENT = "absent"
    UNKNOWN = "unknown"


class Health(StrEnum):
    """What EC2's status checks of an instance say."""

    OK = "ok"
    IMPAIRED = "impaired"
    UNKNOWN = "unknown"  # not checked yet, or EC2 cannot tell


@dataclass(frozen=True, slots=True, order=True)
class NodeId:
    """The identity of a cache node: never a host name, never an address."""

    cluster_id: str
    node_id: str

    def __str__(self) -> str:
        return f"{self.cluster_id}/{self.node_id}"


@dataclass(frozen=True, slots=True, order=True)
class Endpoint:
    """A DNS name and TCP port as AWS gives it."""

    host: str
    port: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheNode:
    """One node. No endpoint means that AWS shows none now, as while it is being added."""

    id: NodeId
    endpoint: Endpoint | None
    shard: str | None = None
    role: Role | None = None  # None where AWS does not tell: cluster mode enabled, Memcached


@dataclass(frozen=True, slots=True, kw_only=True)
class Notified:
    """Where AWS announces what happens to one cluster, as it describes the cluster."""

    cluster_id: str
    status: str
    topic: str | None = None  # ARN of its SNS topic
    topic_active: bool = False  # AWS publishes to an active one only
    pending: bool = False  # a modification waits for the maintenance window


@dataclass(frozen=True, slots=True, order=True)
class Admitted:
    """An EC2 security group that a cache security group lets in, or will, or did."""

    group: str  # a name: EC2-Classic had no other identity for it
    owner: str  # account id
    status: str  # authorizing, authorized, revoking or revoked

    def __str__(self) -> str:
        return f"EC2 security group {self.group} of account {self.owner} ({self.status})"


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheSecurityGroup:
    """What decided who reached a cache outside any VPC."""

    name: str
    admits: tuple[Admitted, ...] = ()
    unknown: str = ""  # why AWS did not tell what it admits, if so


@dataclass(frozen=True, slots=True, kw_only=True)
class Cache:
    """What a person names, with all that one observation learned of it.

    `whole` is False where AWS's answer for this cache was missing or empty although its tag
    says that it exists: then its nodes are unknown, not gone.
    """

    name: str
    kind: CacheKind
    engine: str  # redis, valkey or memcached
    status: str
    vpc_id: str | None  # None: outside any VPC (EC2-Classic)
    expose: str  # value of the tag cachegate:expose: "true" or a stack's name
    nodes: tuple[CacheNode, ...] = ()
    primary_endpoint: Endpoint | None = None
    reader_endpoint: Endpoint | None = None
    endpoint: Endpoint | None = None  # serverless, or the configuration endpoint
    cluster_mode: bool = False
    tls: bool = False
    tls_optional: bool = False  # its TLS admits clients without TLS, too
    auth: bool = False
    network_type: str = "ipv4"  # ipv4, ipv6 or dual_stack
    pinned_port: str | None = None  # the tag's text, judged by the planner
    plaintext_accepted: bool = False
    whole: bool = True
    described: bool = True  # False: AWS told nothing, and only the tags are known
    notified: tuple[Notified, ...] = ()  # of each cluster described; serverless caches have none
    groups: frozenset[str] = frozenset()  # security groups; empty where AWS did not show them
    classic_groups: tuple[CacheSecurityGroup, ...] = ()  # of a cache outside any VPC

    @property
    def in_the_clear(self) -> bool:
        """Tell whether clients may speak with it unencrypted, as far as AWS told."""
        return self.described and (not self.tls or self.tls_optional)

    @property
    def unprotected(self) -> bool:
        """Tell whether whoever reaches it may use it, in the clear, and nobody accepted that."""
        return self.in_the_clear and not (self.auth or self.plaintext_accepted)


@dataclass(frozen=True, slots=True, kw_only=True)
class Vpc:
    """A VPC that holds NAT instances of ours, and the networks its forwards may lead into."""

    vpc_id: str
    networks: tuple[IPv4Network, ...]  # associated CIDRs, those of a peered VPC where allowed


@dataclass(frozen=True, slots=True, kw_only=True)
class NatInstance:
    """An EC2 instance with our tag."""

    instance_id: str
    vpc_id: str
    state: str  # pending, running, stopping, stopped (terminated ones are left out)
    private_address: IPv4Address
    public_address: IPv4Address | None
    stack: str  # value of the tag cachegate:nat
    groups: tuple[str, ...] = ()  # security groups of its first interface, which sends
    health: Health = Health.UNKNOWN
    interface: str | None = None  # its first network interface, where it has several


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """What one pass saw of one VPC, at one time. Absent is not empty.

    `addresses` holds a name only where DNS answered with IPv4 addresses; a name that failed is
    left out. `evidence` holds what the network interfaces say of every address in `addresses`.
    `listed` is False where the list of tagged caches itself is not to be trusted.
    """

    at: float  # seconds since the epoch, when the pass began to observe
    vpc: Vpc
    caches: tuple[Cache, ...]
    addresses: Mapping[str, frozenset[IPv4Address]]
    evidence: Mapping[IPv4Address, Evidence] = field(default_factory=dict)
    listed: bool = True
