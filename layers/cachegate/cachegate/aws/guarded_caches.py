"""The caches as security groups meet them: every one of the Region, forwarded or not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cachegate.aws.failures import needed
from cachegate.aws.listings import clusters, serverless_caches, subnet_group_vpcs, subnet_vpcs
from cachegate.aws.shapes import endpoint_of
from cachegate.aws.tags import CacheName, tagged_caches
from cachegate.domain.cache import ANY_STACK, CacheKind
from cachegate.domain.groups import GuardedCache

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from mypy_boto3_ec2 import EC2Client
    from mypy_boto3_elasticache import ElastiCacheClient
    from mypy_boto3_elasticache.type_defs import (
        CacheClusterTypeDef,
        EndpointTypeDef,
        ServerlessCacheTypeDef,
    )
    from mypy_boto3_resourcegroupstaggingapi import ResourceGroupsTaggingAPIClient


class GuardedCaches:
    """Clusters and serverless caches, all or none.

    A cache that is not seen would make its interfaces look like somebody else's, so whatever fails
    for now raises TransientError. Replication groups are not asked for: their security groups are
    shown by their members only, whose node endpoints have the same addresses and ports
    (https://docs.aws.amazon.com/AmazonElastiCache/latest/APIReference/API_ReplicationGroup.html).
    """

    def __init__(
        self,
        elasticache: ElastiCacheClient,
        tagging: ResourceGroupsTaggingAPIClient,
        ec2: EC2Client,
        stack: str,
    ) -> None:
        self._elasticache = elasticache
        self._tagging = tagging
        self._ec2 = ec2
        self._stack = stack

    def guarded(self) -> tuple[GuardedCache, ...]:
        """Return every one that has a security group; raise TransientError where some may lack."""
        tagged = tagged_caches(self._tagging)
        exposed = {n for n, tags in tagged.items() if tags.expose in {ANY_STACK, self._stack}}
        with needed("the caches that have security groups are not known"):
            found = [*self._clusters(exposed), *self._serverless(exposed)]
        return tuple(cache for cache in found if cache.groups)

    def _clusters(self, exposed: set[CacheName]) -> Iterator[GuardedCache]:
        found = clusters(self._elasticache)
        vpcs = subnet_group_vpcs(self._elasticache) if found else {}
        for name, shape in sorted(found.items()):
            yield _guarded(
                name=name,
                groups={
                    each.get("SecurityGroupId", "") for each in shape.get("SecurityGroups", [])
                },
                endpoints=_node_endpoints(shape),
                vpc_id=vpcs.get(shape.get("CacheSubnetGroupName", "")),
                exposed=_owner(shape) in exposed,
            )

    def _serverless(self, exposed: set[CacheName]) -> Iterator[GuardedCache]:
        found = serverless_caches(self._elasticache)
        first = {each["ServerlessCacheName"]: _first_subnet(each) for each in found}
        vpcs = subnet_vpcs(self._ec2, sorted(set(first.values()) - {""}))
        for shape in sorted(found, key=lambda shape: shape["ServerlessCacheName"]):
            name = shape["ServerlessCacheName"]
            yield _guarded(
                name=name,
                groups=set(shape.get("SecurityGroupIds", [])),
                endpoints=(shape.get("Endpoint"), shape.get("ReaderEndpoint")),
                vpc_id=vpcs.get(first[name]),
                exposed=CacheName(CacheKind.SERVERLESS, name) in exposed,
            )


def _guarded(
    *,
    name: str,
    groups: set[str],
    endpoints: Iterable[EndpointTypeDef | None],
    vpc_id: str | None,
    exposed: bool,
) -> GuardedCache:
    known = [endpoint for endpoint in map(endpoint_of, endpoints) if endpoint is not None]
    return GuardedCache(
        name=name,
        groups=frozenset(groups - {""}),
        ports=frozenset(endpoint.port for endpoint in known),
        hosts=frozenset(endpoint.host for endpoint in known),
        vpc_id=vpc_id,
        exposed=exposed,
    )


def _node_endpoints(shape: CacheClusterTypeDef) -> Iterator[EndpointTypeDef | None]:
    yield shape.get("ConfigurationEndpoint")
    for node in shape.get("CacheNodes", []):
        yield node.get("Endpoint")


def _owner(shape: CacheClusterTypeDef) -> CacheName:
    """Name the cache whose tag decides: a member's own tag does not count, its group's does."""
    group = shape.get("ReplicationGroupId")
    if group is not None:
        return CacheName(CacheKind.REPLICATION_GROUP, group)
    return CacheName(CacheKind.CLUSTER, shape["CacheClusterId"])


def _first_subnet(shape: ServerlessCacheTypeDef) -> str:
    return next(iter(shape.get("SubnetIds", [])), "")
