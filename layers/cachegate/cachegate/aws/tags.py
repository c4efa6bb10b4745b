"""Which caches carry the expose tag, told apart by their ARN."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cachegate.aws.failures import needed
from cachegate.domain.cache import CacheKind

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mypy_boto3_resourcegroupstaggingapi import ResourceGroupsTaggingAPIClient

EXPOSE = "cachegate:expose"
PORT = "cachegate:port"
PLAINTEXT = "cachegate:plaintext"

# The sixth part of an ARN: arn:aws-cn:elasticache:cn-north-1:123456789012:replicationgroup:sessions
# (https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonelasticache.html).
_KINDS = {
    "cluster": CacheKind.CLUSTER,
    "replicationgroup": CacheKind.REPLICATION_GROUP,
    "serverlesscache": CacheKind.SERVERLESS,
}


@dataclass(frozen=True, slots=True, order=True)
class CacheName:
    """A cache by its kind and the name that it has among its kind."""

    kind: CacheKind
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheTags:
    """What the tags of a cache ask for."""

    expose: str
    port: str | None = None
    plaintext_accepted: bool = False


def tagged_caches(client: ResourceGroupsTaggingAPIClient) -> dict[CacheName, CacheTags]:
    """Return every cache of the Region with the expose tag; raise TransientError where unsure."""
    found = {}
    pages = client.get_paginator("get_resources").paginate(
        TagFilters=[{"Key": EXPOSE}],
        ResourceTypeFilters=[f"elasticache:{kind}" for kind in _KINDS],
    )
    with needed("the tagged caches are not known"):
        for page in pages:
            for resource in page["ResourceTagMappingList"]:
                tags = {tag["Key"]: tag["Value"] for tag in resource["Tags"]}
                kind, name = resource["ResourceARN"].split(":", 6)[5:]
                found[CacheName(_KINDS[kind], name)] = _read(tags)
    return found


def _read(tags: Mapping[str, str]) -> CacheTags:
    return CacheTags(
        expose=tags[EXPOSE],
        port=tags.get(PORT),
        plaintext_accepted=tags.get(PLAINTEXT) == "accepted",
    )
