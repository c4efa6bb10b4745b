"""Cache security groups: who reached caches outside any VPC.

AWS retired EC2-Classic in 2022 (https://aws.amazon.com/blogs/aws/ec2-classic-is-retiring-heres-how-to-prepare/).
The API is still there
(https://docs.aws.amazon.com/AmazonElastiCache/latest/APIReference/API_DescribeCacheSecurityGroups.html),
and accounts that never had EC2-Classic are refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cachegate.aws.failures import CallError, in_words
from cachegate.domain.cache import Admitted, CacheSecurityGroup

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mypy_boto3_elasticache import ElastiCacheClient
    from mypy_boto3_elasticache.type_defs import CacheSecurityGroupTypeDef


def classic_groups(
    elasticache: ElastiCacheClient, names: Iterable[str]
) -> tuple[CacheSecurityGroup, ...]:
    """Return these cache security groups, sorted by name.

    They explain why a cache is refused, and decide nothing: where AWS does not tell of them, that
    is said of each.
    """
    wanted = sorted(set(names))
    pages = elasticache.get_paginator("describe_cache_security_groups").paginate()
    unknown = "AWS does not show it"
    found: dict[str, CacheSecurityGroup] = {}
    try:
        for page in pages:
            for shape in page["CacheSecurityGroups"]:
                found[shape["CacheSecurityGroupName"]] = _group(shape)
    except CallError as error:
        unknown = in_words(error)
    return tuple(
        found.get(name) or CacheSecurityGroup(name=name, unknown=unknown) for name in wanted
    )


def _group(shape: CacheSecurityGroupTypeDef) -> CacheSecurityGroup:
    admitted = (
        Admitted(
            each.get("EC2SecurityGroupName", "unknown"),
            each.get("EC2SecurityGroupOwnerId", "unknown"),
            each.get("Status", "unknown"),
        )
        for each in shape.get("EC2SecurityGroups", [])
    )
    return CacheSecurityGroup(name=shape["CacheSecurityGroupName"], admits=tuple(sorted(admitted)))
