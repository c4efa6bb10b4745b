"""Serverless caches, as ElastiCache describes them."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from cachegate.aws import shapes
from cachegate.aws.listings import serverless_caches, subnet_vpcs
from cachegate.aws.look import Look
from cachegate.aws.tags import CacheName
from cachegate.domain.cache import CacheKind

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mypy_boto3_ec2 import EC2Client
    from mypy_boto3_elasticache import ElastiCacheClient

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
            for each in look.ask(partial(serverless_caches, self._elasticache)) or []
        }
        subnets = {name: each.get("SubnetIds", []) for name, each in described.items()}
        wanted = sorted({ids[0] for name, ids in subnets.items() if ids and name in tagged})
        vpcs = look.ask(partial(subnet_vpcs, self._ec2, wanted)) or {}
        for name in described.keys() & tagged.keys():
            vpc_id = next((vpcs[each] for each in subnets[name] if each in vpcs), None)
            cache = shapes.serverless(described[name], tagged[name], vpc_id)
            look.caches[name] = replace(cache, whole=vpc_id is not None)
        return look
