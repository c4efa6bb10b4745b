"""Read caches from the shapes of ElastiCache's Describe answers; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cachegate.domain.cache import Cache, CacheKind, CacheNode, Endpoint, NodeId, Notified, Role

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mypy_boto3_elasticache.type_defs import (
        CacheClusterTypeDef,
        EndpointTypeDef,
        NodeGroupTypeDef,
        ReplicationGroupTypeDef,
        ServerlessCacheTypeDef,
    )

    from cachegate.aws.tags import CacheName, CacheTags

ONLY_NODE = "0001"  # a Redis OSS or Valkey cluster is one node, and this is its id
_ROLES = {role.value: role for role in Role}


def unknown(name: CacheName, tags: CacheTags) -> Cache:
    """Return what the tag alone tells: the cache exists."""
    return Cache(
        name=name.name,
        kind=name.kind,
        engine="unknown",
        status="unknown",
        vpc_id=None,
        expose=tags.expose,
        pinned_port=tags.port,
        plaintext_accepted=tags.plaintext_accepted,
        whole=False,
        described=False,
    )


def cluster(shape: CacheClusterTypeDef, tags: CacheTags, vpc_id: str | None) -> Cache:
    """Read a cluster that is no member of a replication group."""
    nodes = tuple(
        CacheNode(
            id=NodeId(shape["CacheClusterId"], node["CacheNodeId"]),
            endpoint=endpoint_of(node.get("Endpoint")),
        )
        for node in sorted(shape.get("CacheNodes", []), key=lambda node: node["CacheNodeId"])
    )
    return Cache(
        name=shape["CacheClusterId"],
        kind=CacheKind.CLUSTER,
        engine=shape.get("Engine", "unknown").lower(),
        status=shape.get("CacheClusterStatus", "unknown").lower(),
        vpc_id=vpc_id,
        expose=tags.expose,
        nodes=nodes,
        endpoint=endpoint_of(shape.get("ConfigurationEndpoint")),
        tls=shape.get("TransitEncryptionEnabled", False),
        tls_optional=_admits_plaintext(shape),
        auth=shape.get("AuthTokenEnabled", False),
        network_type=shape.get("NetworkType", "ipv4"),
        pinned_port=tags.port,
        plaintext_accepted=tags.plaintext_accepted,
        whole=bool(nodes),  # no cluster is without nodes: AWS hides them while it works on it
        notified=(_notified(shape),),
        groups=_groups(shape),
    )


def replication_group(
    shape: ReplicationGroupTypeDef,
    members: Mapping[str, CacheClusterTypeDef],
    tags: CacheTags,
    vpc_id: str | None,
) -> Cache:
    """Read a replication group; `members` are those of its clusters that AWS describes."""
    shards = shape.get("NodeGroups", [])
    cluster_mode = shape.get("ClusterEnabled", False)
    first: NodeGroupTypeDef = shards[0] if shards and not cluster_mode else {}
    nodes = tuple(_nodes(shape, members))
    engines = [shape.get("Engine"), *(member.get("Engine") for member in members.values())]
    return Cache(
        name=shape["ReplicationGroupId"],
        kind=CacheKind.REPLICATION_GROUP,
        engine=next((engine.lower() for engine in engines if engine), "redis"),
        status=shape.get("Status", "unknown").lower(),
        vpc_id=vpc_id,
        expose=tags.expose,
        nodes=nodes,
        primary_endpoint=endpoint_of(first.get("PrimaryEndpoint")),
        reader_endpoint=endpoint_of(first.get("ReaderEndpoint")),
        endpoint=endpoint_of(shape.get("ConfigurationEndpoint")),
        cluster_mode=cluster_mode,
        tls=shape.get("TransitEncryptionEnabled", False),
        tls_optional=_admits_plaintext(shape),
        auth=shape.get("AuthTokenEnabled", False) or bool(shape.get("UserGroupIds")),
        network_type=shape.get("NetworkType", "ipv4"),
        pinned_port=tags.port,
        plaintext_accepted=tags.plaintext_accepted,
        notified=tuple(_notified(members[each]) for each in sorted(members)),
        groups=frozenset().union(*map(_groups, members.values())),
    )


def _admits_plaintext(shape: CacheClusterTypeDef | ReplicationGroupTypeDef) -> bool:
    """Tell whether TLS is on its way in or out: the mode `preferred` admits both kinds of clients.

    https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/in-transit-encryption-enable.html;
    without a mode, a cache with TLS requires it.
    """
    return shape.get("TransitEncryptionMode") == "preferred"


def _notified(shape: CacheClusterTypeDef) -> Notified:
    """Read a cluster's topic: only clusters show it, a replication group's own answer does not.

    The configuration is left out where there is none
    (https://docs.aws.amazon.com/AmazonElastiCache/latest/APIReference/API_CacheCluster.html).
    """
    configuration = shape.get("NotificationConfiguration", {})
    return Notified(
        cluster_id=shape["CacheClusterId"],
        status=shape.get("CacheClusterStatus", "unknown").lower(),
        topic=configuration.get("TopicArn") or None,
        topic_active=configuration.get("TopicStatus", "").lower() == "active",
        pending=any(shape.get("PendingModifiedValues", {}).values()),
    )


def _groups(shape: CacheClusterTypeDef) -> frozenset[str]:
    """Read a cluster's security groups, those that it is about to get too, not those that it loses.

    https://docs.aws.amazon.com/AmazonElastiCache/latest/APIReference/API_SecurityGroupMembership.html
    gives a status and no list of its values; that one begins with "remov" is docs/fidelity.md's.
    """
    return frozenset(
        group["SecurityGroupId"]
        for group in shape.get("SecurityGroups", [])
        if group.get("SecurityGroupId") and not group.get("Status", "").lower().startswith("remov")
    )


def _nodes(
    shape: ReplicationGroupTypeDef, members: Mapping[str, CacheClusterTypeDef]
) -> Iterator[CacheNode]:
    """Yield every node that any of the three places knows: shards, member list, clusters.

    With cluster mode enabled the shards carry neither roles nor ReadEndpoint
    (https://docs.aws.amazon.com/AmazonElastiCache/latest/APIReference/API_NodeGroupMember.html),
    so the cluster's own node endpoint comes first, and it is the same with cluster mode disabled.
    """
    ids = {NodeId(cluster_id, ONLY_NODE) for cluster_id in shape.get("MemberClusters", [])}
    shards, roles = {}, {}
    endpoints: dict[NodeId, Endpoint | None] = {}
    for shard in shape.get("NodeGroups", []):
        for member in shard.get("NodeGroupMembers", []):
            node_id = NodeId(member["CacheClusterId"], member.get("CacheNodeId", ONLY_NODE))
            shards[node_id] = shard["NodeGroupId"]
            roles[node_id] = _ROLES.get(member.get("CurrentRole", "").lower())
            endpoints[node_id] = endpoint_of(member.get("ReadEndpoint"))
    for cluster_id, described in members.items():
        for node in described.get("CacheNodes", []):
            node_id = NodeId(cluster_id, node["CacheNodeId"])
            endpoints[node_id] = endpoint_of(node.get("Endpoint")) or endpoints.get(node_id)
    for node_id in sorted(ids | shards.keys() | endpoints.keys()):
        yield CacheNode(
            id=node_id,
            endpoint=endpoints.get(node_id),
            shard=shards.get(node_id),
            role=roles.get(node_id),
        )


def serverless(shape: ServerlessCacheTypeDef, tags: CacheTags, vpc_id: str | None) -> Cache:
    """Read a serverless cache: endpoints without nodes, always with TLS."""
    return Cache(
        name=shape["ServerlessCacheName"],
        kind=CacheKind.SERVERLESS,
        engine=shape.get("Engine", "unknown").lower(),
        status=shape.get("Status", "unknown").lower(),
        vpc_id=vpc_id,
        expose=tags.expose,
        endpoint=endpoint_of(shape.get("Endpoint")),
        reader_endpoint=endpoint_of(shape.get("ReaderEndpoint")),
        cluster_mode=shape.get("Engine", "").lower() != "memcached",
        tls=True,
        auth=bool(shape.get("UserGroupId")),
        network_type=shape.get("NetworkType", "ipv4"),
        pinned_port=tags.port,
        plaintext_accepted=tags.plaintext_accepted,
        groups=frozenset(shape.get("SecurityGroupIds", [])),
    )


def endpoint_of(shape: EndpointTypeDef | None) -> Endpoint | None:
    """Read an endpoint; AWS leaves it out, or its address, while it works on the node."""
    if not shape or not shape.get("Address") or not shape.get("Port"):
        return None
    return Endpoint(shape["Address"], shape["Port"])
