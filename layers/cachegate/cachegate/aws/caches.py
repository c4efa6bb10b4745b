"""The caches of this account and Region that carry the expose tag."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cachegate.aws import shapes
from cachegate.aws.look import Look
from cachegate.aws.node_caches import NodeCaches
from cachegate.aws.serverless_caches import ServerlessCaches
from cachegate.aws.tags import tagged_caches
from cachegate.domain.cache import CacheKind
from cachegate.domain.plan import Problem
from cachegate.protocols import Listing

if TYPE_CHECKING:
    from mypy_boto3_ec2 import EC2Client
    from mypy_boto3_elasticache import ElastiCacheClient
    from mypy_boto3_resourcegroupstaggingapi import ResourceGroupsTaggingAPIClient

    from cachegate.aws.tags import CacheName
    from cachegate.domain.cache import Cache


class CacheInventory:
    """Joins what the tags ask for with what AWS describes."""

    def __init__(
        self,
        elasticache: ElastiCacheClient,
        tagging: ResourceGroupsTaggingAPIClient,
        ec2: EC2Client,
    ) -> None:
        self._tagging = tagging
        self._with_nodes = NodeCaches(elasticache)
        self._serverless = ServerlessCaches(elasticache, ec2)

    def listing(self) -> Listing:
        """Return every tagged cache; a member's own tag does not count, its group's does.

        One that AWS does not describe now is not whole, and the reason is among the problems.
        Raises TransientError where the tags themselves cannot be listed.
        """
        tagged = tagged_caches(self._tagging)
        # Only what is asked for: a family without a tag cannot make a pass fail.
        serverless = {n: t for n, t in tagged.items() if n.kind is CacheKind.SERVERLESS}
        with_nodes = {n: t for n, t in tagged.items() if n not in serverless}
        looks = {
            False: self._with_nodes.look(with_nodes) if with_nodes else Look(),
            True: self._serverless.look(serverless) if serverless else Look(),
        }
        found: dict[CacheName, Cache] = {}
        problems = []
        for name, tags in sorted(tagged.items(), key=lambda item: item[0]):
            look = looks[name in serverless]
            if name in look.members:
                continue
            found[name] = look.caches.get(name) or shapes.unknown(name, tags)
            if not found[name].whole:
                problem = Problem(code="not_described", cache=name.name, message=look.reason)
                problems.append(problem)
        # A cache that cannot be given to its VPC leaves the list of every VPC in doubt.
        lost = any(cache.vpc_id is None and not cache.whole for cache in found.values())
        return Listing(caches=tuple(found.values()), whole=not lost, problems=tuple(problems))
