"""Replication groups and clusters, as ElastiCache describes them."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from cachegate.aws import shapes
from cachegate.aws.classic import classic_groups
from cachegate.aws.listings import clusters, subnet_group_vpcs
from cachegate.aws.look import Look
from cachegate.aws.tags import CacheName
from cachegate.domain.cache import CacheKind

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mypy_boto3_elasticache import ElastiCacheClient
    from mypy_boto3_elasticache.type_defs import CacheClusterTypeDef, ReplicationGroupTypeDef

    from cachegate.aws.tags import CacheTags
    from cachegate.domain.cache import Cache


class NodeCaches:
    """Whole listings of groups, clusters and subnet groups, joined."""

    def __init__(self, elasticache: ElastiCacheClient) -> None:
        self._elasticache = elasticache

    def look(self, tagged: Mapping[CacheName, CacheTags]) -> Look:
        """Return those of the tagged caches that AWS describes now."""
        look = Look()
        groups = look.ask(self._groups) or []
        found = look.ask(partial(clusters, self._elasticache)) or {}
        vpcs = (look.ask(partial(subnet_group_vpcs, self._elasticache)) if found else None) or {}
        homes: dict[CacheName, _Vpc] = {}
        for group in groups:
            ids = group.get("MemberClusters", [])
            look.members |= {CacheName(CacheKind.CLUSTER, each) for each in ids}
            name = CacheName(CacheKind.REPLICATION_GROUP, group["ReplicationGroupId"])
            if name in tagged:
                members = {each: found[each] for each in ids if each in found}
                home = homes[name] = _Vpc(members, vpcs)
                cache = shapes.replication_group(group, members, tagged[name], home.vpc_id)
                look.caches[name] = home.judged(cache)
        for each in found.values():
            name = CacheName(CacheKind.CLUSTER, each["CacheClusterId"])
            if "ReplicationGroupId" in each:
                look.members.add(name)
            elif name in tagged:
                home = homes[name] = _Vpc({name.name: each}, vpcs)
                look.caches[name] = home.judged(shapes.cluster(each, tagged[name], home.vpc_id))
        look.caches |= self._outside(look.caches, homes)
        return look

    def _outside(
        self, caches: Mapping[CacheName, Cache], homes: Mapping[CacheName, _Vpc]
    ) -> dict[CacheName, Cache]:
        """Return the caches outside any VPC, with what their cache security groups admit."""
        named = {name: home.classic_groups for name, home in homes.items() if home.classic}
        wanted = {group for groups in named.values() for group in groups}
        told = classic_groups(self._elasticache, wanted) if wanted else ()
        return {
            name: replace(caches[name], classic_groups=tuple(g for g in told if g.name in groups))
            for name, groups in named.items()
        }

    def _groups(self) -> list[ReplicationGroupTypeDef]:
        pages = self._elasticache.get_paginator("describe_replication_groups").paginate()
        return [group for page in pages for group in page["ReplicationGroups"]]


class _Vpc:
    """Where clusters of one cache live: only a cluster's subnet group tells."""

    def __init__(
        self, clusters: Mapping[str, CacheClusterTypeDef], vpcs: Mapping[str, str]
    ) -> None:
        names = {each.get("CacheSubnetGroupName", "") for each in clusters.values()} - {""}
        self.vpc_id = next((vpcs[name] for name in sorted(names) if name in vpcs), None)
        self.classic = bool(clusters) and not names  # no subnet group: outside any VPC
        self.classic_groups = {
            group["CacheSecurityGroupName"]
            for each in clusters.values()
            for group in each.get("CacheSecurityGroups", [])
        }

    def judged(self, cache: Cache) -> Cache:
        """Return the cache, not whole where its VPC is not known: none of its clusters was seen."""
        return replace(cache, whole=cache.whole and (self.classic or self.vpc_id is not None))
