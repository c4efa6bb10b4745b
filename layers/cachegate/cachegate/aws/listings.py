"""Whole listings of what ElastiCache has: the number of calls grows by page, not by cache."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cachegate.aws.batches import MOST_VALUES, batches

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mypy_boto3_ec2 import EC2Client
    from mypy_boto3_elasticache import ElastiCacheClient
    from mypy_boto3_elasticache.type_defs import CacheClusterTypeDef, ServerlessCacheTypeDef


def clusters(elasticache: ElastiCacheClient) -> dict[str, CacheClusterTypeDef]:
    """Return every cluster by id, members of replication groups too."""
    paginator = elasticache.get_paginator("describe_cache_clusters")
    pages = paginator.paginate(ShowCacheNodeInfo=True)  # else there are no node endpoints
    return {each["CacheClusterId"]: each for page in pages for each in page["CacheClusters"]}


def subnet_group_vpcs(elasticache: ElastiCacheClient) -> dict[str, str]:
    """Return the VPC of every subnet group."""
    pages = elasticache.get_paginator("describe_cache_subnet_groups").paginate()
    groups = (group for page in pages for group in page["CacheSubnetGroups"])
    return {group["CacheSubnetGroupName"]: group["VpcId"] for group in groups}


def serverless_caches(elasticache: ElastiCacheClient) -> list[ServerlessCacheTypeDef]:
    """Return every serverless cache."""
    pages = elasticache.get_paginator("describe_serverless_caches").paginate()
    return [cache for page in pages for cache in page["ServerlessCaches"]]


def subnet_vpcs(ec2: EC2Client, subnet_ids: Iterable[str]) -> dict[str, str]:
    """Return the VPC of each subnet; one that is gone is left out."""
    found: dict[str, str] = {}
    for ids in batches(subnet_ids, MOST_VALUES):
        pages = ec2.get_paginator("describe_subnets").paginate(
            Filters=[{"Name": "subnet-id", "Values": ids}]
        )
        found |= {each["SubnetId"]: each["VpcId"] for page in pages for each in page["Subnets"]}
    return found
