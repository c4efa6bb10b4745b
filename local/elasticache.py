"""ElastiCache's API over the fleet: what moto lacks of it, with AWS's shapes, gaps and paging."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from moto.backends import get_backend
from moto.core.responses import ActionResult
from moto.elasticache.exceptions import (
    CacheClusterNotFound,
    ElastiCacheException,
    InvalidARNFault,
    InvalidParameterValueException,
    ReplicationGroupNotFound,
)
from moto.elasticache.responses import ElastiCacheResponse

from local.caches import (
    ACCOUNT,
    NO_ENDPOINT,
    REGION,
    CacheSecurityGroup,
    Cluster,
    Node,
    Options,
    ReplicationGroup,
    ServerlessCache,
    slots,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from local.fleet import Fleet

_UNSETTLED = NO_ENDPOINT | {"deleted", "restore-failed", "incompatible-network"}


class ServerlessCacheNotFound(ElastiCacheException):
    """AWS's answer about a serverless cache that does not exist."""

    code = "ServerlessCacheNotFoundFault"


class CacheSecurityGroupNotFound(ElastiCacheException):
    """AWS's answer about a cache security group that does not exist."""

    code = "CacheSecurityGroupNotFound"


class InvalidReplicationGroupState(ElastiCacheException):
    """AWS's answer where a replication group is not `available`."""

    code = "InvalidReplicationGroupState"


class InvalidCacheClusterState(ElastiCacheException):
    """AWS's answer where a cluster is not `available`."""

    code = "InvalidCacheClusterState"


class Responses(ElastiCacheResponse):
    """Answers about caches come from the fleet; subnet groups, users and snapshots stay moto's."""

    fleet: ClassVar[Fleet]

    def describe_cache_clusters(self) -> ActionResult:
        """Answer DescribeCacheClusters; nodes are shown only where they were asked for."""
        wanted = self._get_param("CacheClusterId")
        with self.fleet.lock:
            clusters = [c for c in self.fleet.clusters.values() if wanted in (None, c.cluster_id)]
            if wanted and not clusters:
                raise CacheClusterNotFound(wanted)
            if _flag(self._get_param("ShowCacheClustersNotInReplicationGroups")):
                clusters = [c for c in clusters if c.group_id is None]
            page, marker = self._page(clusters)
            nodes = _flag(self._get_param("ShowCacheNodeInfo"))
            shown = [cluster_shape(cluster, with_nodes=nodes) for cluster in page]
        return ActionResult({"CacheClusters": shown, "Marker": marker})

    def describe_replication_groups(self) -> ActionResult:
        """Answer DescribeReplicationGroups."""
        wanted = self._get_param("ReplicationGroupId")
        with self.fleet.lock:
            groups = [g for g in self.fleet.groups.values() if wanted in (None, g.group_id)]
            if wanted and not groups:
                raise ReplicationGroupNotFound(wanted)
            page, marker = self._page(groups)
            shown = [group_shape(group, self.fleet) for group in page]
        return ActionResult({"ReplicationGroups": shown, "Marker": marker})

    def describe_serverless_caches(self) -> ActionResult:
        """Answer DescribeServerlessCaches, whose paging has names of its own."""
        wanted = self._get_param("ServerlessCacheName")
        with self.fleet.lock:
            caches = [c for c in self.fleet.serverless.values() if wanted in (None, c.name)]
            if wanted and not caches:
                raise ServerlessCacheNotFound(f"Serverless Cache {wanted} not found.")
            size = int(self._get_param("MaxResults") or 50)
            start = int(self._get_param("NextToken") or 0)
            page, token = page_of(caches, start, size)
            shown = [serverless_shape(cache) for cache in page]
        return ActionResult({"ServerlessCaches": shown, "NextToken": token})

    def describe_cache_security_groups(self) -> ActionResult:
        """Answer DescribeCacheSecurityGroups: an account that never had EC2-Classic is refused."""
        wanted = self._get_param("CacheSecurityGroupName")
        with self.fleet.lock:
            known = self.fleet.classic_groups
            if known is None:
                raise InvalidParameterValueException(
                    "Use of cache security groups is not permitted in this API version for "
                    "your account."
                )
            groups = [each for each in known.values() if wanted in (None, each.name)]
            if wanted and not groups:
                raise CacheSecurityGroupNotFound(f"CacheSecurityGroup not found: {wanted}")
            page, marker = self._page(groups)
            shown = [classic_shape(group) for group in page]
        return ActionResult({"CacheSecurityGroups": shown, "Marker": marker})

    def list_tags_for_resource(self) -> ActionResult:
        """Answer ListTagsForResource."""
        tags = self._tags()
        return ActionResult({"TagList": [{"Key": k, "Value": v} for k, v in sorted(tags.items())]})

    def add_tags_to_resource(self) -> ActionResult:
        """Answer AddTagsToResource; a group's tags go to its members too, as on AWS."""
        added = {tag["Key"]: tag["Value"] for tag in self._get_param("Tags", [])}
        for tags in self._tagged():
            tags.update(added)
        return self.list_tags_for_resource()

    def remove_tags_from_resource(self) -> ActionResult:
        """Answer RemoveTagsFromResource."""
        for tags in self._tagged():
            for key in self._get_param("TagKeys", []):
                tags.pop(key, None)
        return self.list_tags_for_resource()

    def modify_replication_group(self) -> ActionResult:
        """Answer ModifyReplicationGroup, of which only the topic of its members is played."""
        name, topic, status = self._topic("ReplicationGroupId")
        with self.fleet.lock:
            group = self.fleet.groups.get(name)
            if group is None:
                raise ReplicationGroupNotFound(name)
            if group.status != "available":
                raise InvalidReplicationGroupState(f"{name} is {group.status}")
            self.fleet.modify_topic(name, topic, status)
            return ActionResult({"ReplicationGroup": group_shape(group, self.fleet)})

    def modify_cache_cluster(self) -> ActionResult:
        """Answer ModifyCacheCluster, of which only the topic is played."""
        name, topic, status = self._topic("CacheClusterId")
        with self.fleet.lock:
            cluster = self.fleet.clusters.get(name)
            if cluster is None:
                raise CacheClusterNotFound(name)
            if cluster.group_id is not None:
                raise InvalidParameterValueException(f"{name} is a member: modify its group")
            if cluster.status != "available":
                raise InvalidCacheClusterState(f"{name} is {cluster.status}")
            self.fleet.modify_topic(name, topic, status)
            return ActionResult({"CacheCluster": cluster_shape(cluster, with_nodes=False)})

    def _topic(self, identifier: str) -> tuple[str, str, str]:
        """Return name, topic and status of a request, and refuse it where it asks for more."""
        asked = self._get_params()
        more = set(asked) - {identifier, "NotificationTopicArn", "NotificationTopicStatus"}
        if more:
            raise InvalidParameterValueException(f"not played here: {', '.join(sorted(more))}")
        topic, status = asked["NotificationTopicArn"], asked["NotificationTopicStatus"]
        if topic not in get_backend("sns")[ACCOUNT][REGION].topics:
            raise InvalidParameterValueException(f"The topic {topic} does not exist.")
        if status not in {"active", "inactive"}:
            raise InvalidParameterValueException(f"no such topic status: {status}")
        return asked[identifier], topic, status

    def _not_here(self) -> ActionResult:
        """Refuse loudly: moto would make a cache that no describe call of ours shows."""
        raise InvalidParameterValueException("caches of the embedded world are made by World")

    create_cache_cluster = create_replication_group = create_serverless_cache = _not_here
    delete_cache_cluster = delete_replication_group = _not_here

    def _page(self, everything: Sequence[Any]) -> tuple[Sequence[Any], str | None]:
        size = int(self._get_param("MaxRecords") or 100)
        if not 20 <= size <= 100:
            raise InvalidParameterValueException(f"MaxRecords must be between 20 and 100: {size}")
        return page_of(everything, int(self._get_param("Marker") or 0), size)

    def _tags(self) -> dict[str, str]:
        return self._tagged()[0]

    def _tagged(self) -> list[dict[str, str]]:
        """Return the tags of the named resource, then those that follow them."""
        arn = self._get_param("ResourceName")
        named = [cache for cache in self.fleet.resources if cache.arn == arn]
        if not named:
            raise InvalidARNFault(arn)
        members = named[0].members if isinstance(named[0], ReplicationGroup) else []
        return [named[0].tags, *(self.fleet.clusters[member].tags for member in members)]


def page_of(everything: Sequence[Any], start: int, size: int) -> tuple[Sequence[Any], str | None]:
    """Return one page and the marker of the next, None after the last."""
    end = start + size
    return everything[start:end], str(end) if end < len(everything) else None


def cluster_shape(cluster: Cluster, *, with_nodes: bool) -> dict[str, Any]:
    """Return a CacheCluster as DescribeCacheClusters prints it."""
    options = cluster.options
    shape = {
        "CacheClusterId": cluster.cluster_id,
        "CacheClusterStatus": cluster.status,
        "Engine": options.engine,
        "EngineVersion": options.engine_version,
        "CacheNodeType": "cache.t4g.micro",
        "NumCacheNodes": len(cluster.nodes),
        "CacheSubnetGroupName": options.subnet_group,
        "ReplicationGroupId": cluster.group_id,
        "SecurityGroups": [
            {"SecurityGroupId": group, "Status": "active"} for group in options.security_groups
        ],
        "CacheSecurityGroups": [
            {"CacheSecurityGroupName": group, "Status": "active"}
            for group in options.classic_groups
        ],
        **encryption(options),
        "AtRestEncryptionEnabled": False,
        "AuthTokenEnabled": options.auth is not None,
        "NetworkType": options.network_type,
        "IpDiscovery": "ipv6" if options.network_type == "ipv6" else "ipv4",
        "ARN": cluster.arn,
        "PendingModifiedValues": {},
    }
    if options.topic is not None:
        shape["NotificationConfiguration"] = {
            "TopicArn": options.topic,
            "TopicStatus": options.topic_status,
        }
    settled = cluster.status not in _UNSETTLED
    if options.engine == "memcached" and settled:
        shape["ConfigurationEndpoint"] = endpoint(cluster.configuration_name, options.listens_on)
    if with_nodes and settled:
        shape["CacheNodes"] = [node_shape(node) for node in cluster.nodes]
    return {key: value for key, value in shape.items() if value is not None}


def encryption(options: Options) -> dict[str, Any]:
    """Return what a cluster and a replication group say of TLS; a mode only where there is TLS."""
    if not options.tls:
        return {"TransitEncryptionEnabled": False}
    mode = "preferred" if options.tls_optional else "required"
    return {"TransitEncryptionEnabled": True, "TransitEncryptionMode": mode}


def classic_shape(group: CacheSecurityGroup) -> dict[str, Any]:
    """Return a CacheSecurityGroup."""
    return {
        "OwnerId": ACCOUNT,
        "CacheSecurityGroupName": group.name,
        "Description": group.name,
        "EC2SecurityGroups": [
            {"EC2SecurityGroupName": name, "EC2SecurityGroupOwnerId": owner, "Status": status}
            for name, owner, status in group.admits
        ],
        "ARN": group.arn,
    }


def node_shape(node: Node) -> dict[str, Any]:
    """Return a CacheNode: without an endpoint while it is being added or removed."""
    shape = {
        "CacheNodeId": node.node_id,
        "CacheNodeStatus": node.status,
        "CacheNodeCreateTime": node.created,
        "CustomerAvailabilityZone": "us-east-1a",
    }
    if node.status not in NO_ENDPOINT:
        shape["Endpoint"] = endpoint(node.name, node.port)
    return shape


def endpoint(name: str, port: int) -> dict[str, Any]:
    """Return an Endpoint."""
    return {"Address": name, "Port": port}


def group_shape(group: ReplicationGroup, fleet: Fleet) -> dict[str, Any]:
    """Return a ReplicationGroup: endpoints, roles, node names with cluster mode disabled only."""
    options, settled = group.options, group.status not in _UNSETTLED
    shape = {
        "ReplicationGroupId": group.group_id,
        "Description": group.group_id,
        "Status": group.status,
        "MemberClusters": group.members,
        "NodeGroups": [_shard_shape(group, shard, fleet) for shard in group.shards] if settled
        else [],
        "ClusterEnabled": group.cluster_mode,
        "ClusterMode": "enabled" if group.cluster_mode else "disabled",
        "AutomaticFailover": "enabled" if len(group.members) > len(group.shards) else "disabled",
        "MultiAZ": "disabled",
        **encryption(options),
        "AuthTokenEnabled": options.auth is not None,
        "Engine": options.engine,
        "NetworkType": options.network_type,
        "IpDiscovery": "ipv6" if options.network_type == "ipv6" else "ipv4",
        "ARN": group.arn,
    }  # fmt: skip
    if group.cluster_mode and settled:
        shape["ConfigurationEndpoint"] = endpoint(group.configuration_name, options.listens_on)
    return shape


def _shard_shape(group: ReplicationGroup, shard: str, fleet: Fleet) -> dict[str, Any]:
    members = []
    for cluster_id in group.shards[shard]:
        node = fleet.clusters[cluster_id].nodes[0]
        member: dict[str, Any] = {
            "CacheClusterId": cluster_id,
            "CacheNodeId": node.node_id,
            "PreferredAvailabilityZone": "us-east-1a",
        }
        if not group.cluster_mode:
            primary = group.primaries.get(shard) == cluster_id
            member["CurrentRole"] = "primary" if primary else "replica"
            if node.status not in NO_ENDPOINT:
                member["ReadEndpoint"] = endpoint(node.name, node.port)
        members.append(member)
    shape: dict[str, Any] = {
        "NodeGroupId": shard,
        "Status": group.status,
        "NodeGroupMembers": members,
    }
    if group.cluster_mode:
        first, last = slots(list(group.shards).index(shard), len(group.shards))
        shape["Slots"] = f"{first}-{last}"
    else:
        shape["PrimaryEndpoint"] = endpoint(group.primary_name, group.options.listens_on)
        shape["ReaderEndpoint"] = endpoint(group.reader_name, group.options.listens_on)
    return shape


def serverless_shape(cache: ServerlessCache) -> dict[str, Any]:
    """Return a ServerlessCache; readers share the name and have a port of their own."""
    options = cache.options
    shape: dict[str, Any] = {
        "ServerlessCacheName": cache.name,
        "Status": cache.status,
        "Engine": options.engine,
        "MajorEngineVersion": options.engine_version.split(".")[0],
        "SecurityGroupIds": list(options.security_groups),
        "SubnetIds": list(cache.subnet_ids),
        "NetworkType": options.network_type,
        "ARN": cache.arn,
    }
    if options.auth is not None:
        shape["UserGroupId"] = options.auth
    if cache.status.lower() not in _UNSETTLED:
        port = options.listens_on
        shape["Endpoint"] = endpoint(cache.endpoint_name, port)
        if options.engine != "memcached":
            shape["ReaderEndpoint"] = endpoint(cache.endpoint_name, port + 1)
    return shape


def _flag(value: Any) -> bool:
    """Read a boolean parameter, which arrives as text or parsed."""
    return str(value).lower() == "true"
