"""Serverless caches, as ElastiCache describes them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from cachegate.aws import shapes
from cachegate.aws.batches import batches
from cachegate.aws.look import Look
from cachegate.aws.tags import CacheName
from cachegate.domain.cache import CacheKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from mypy_boto3_ec2 import EC2Client
    from mypy_boto3_elasticache import ElastiCacheClient
    from mypy_boto3_elasticache.type_defs import ServerlessCacheTypeDef

    from cachegate.aws.tags import CacheTags


class ServerlessCaches:
    """One listing of caches, and one of their subnets for the VPC."""

    def __init__(self, elasticache: ElastiCacheClient, ec2: EC2Client) -> None:
        self._elasticache = elasticache
        self._ec2 = ec2

    def look(self, tagged: Mapping[CacheName, CacheTags]) -> Look:
        """Return those of the tagged caches that AWS describes now."""
        look = Look()
        described = {
            CacheName(CacheKind.SERVERLESS, each["ServerlessCacheName"]): each
            for each in look.ask(self._describe) or []
        }
        subnets = {name: each.get("SubnetIds", []) for name, each in described.items()}
        wanted = sorted({ids[0] for name, ids in subnets.items() if ids and name in tagged})
        vpcs = look.ask(lambda: self._vpcs(wanted)) or {}
        for name in described.keys() & tagged.keys():
            vpc_id = next((vpcs[each] for each in subnets[name] if each in vpcs), None)
            cache = shapes.serverless(described[name], tagged[name], vpc_id)
            look.caches[name] = replace(cache, whole=vpc_id is not None)
        return look

    def _describe(self) -> list[ServerlessCacheTypeDef]:
        pages = self._elasticache.get_paginator("describe_serverless_caches").paginate()
        return [cache for page in pages for cache in page["ServerlessCaches"]]

    def _vpcs(self, subnet_ids: Iterable[str]) -> dict[str, str]:
        found: dict[str, str] = {}
        for ids in batches(subnet_ids, 200):  # EC2's limit of values in a filter
            pages = self._ec2.get_paginator("describe_subnets").paginate(
                Filters=[{"Name": "subnet-id", "Values": ids}]
            )
            found |= {each["SubnetId"]: each["VpcId"] for page in pages for each in page["Subnets"]}
        return found
