"""The Resource Groups Tagging API's GetResources for caches, with AWS's resource types and paging.

moto names the types otherwise and knows only its own caches; what is not ElastiCache stays moto's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from moto.core.responses import ActionResult
from moto.resourcegroupstaggingapi.exceptions import ResourceGroupsTaggingAPIError
from moto.resourcegroupstaggingapi.responses import ResourceGroupsTaggingAPIResponse

from local.elasticache import page_of

if TYPE_CHECKING:
    from local.fleet import Fleet

TYPES = ("cluster", "replicationgroup", "serverlesscache")


class Responses(ResourceGroupsTaggingAPIResponse):
    """Answers about caches come from the fleet."""

    fleet: ClassVar[Fleet]

    def get_resources(self) -> ActionResult:
        """Answer GetResources where the filter names ElastiCache's types, and no others."""
        types = self._get_param("ResourceTypeFilters", [])
        if not types or not all(kind.split(":")[0] == "elasticache" for kind in types):
            return super().get_resources()
        size = self._get_int_param("ResourcesPerPage", 50)
        if not 1 <= size <= 100:
            raise ResourceGroupsTaggingAPIError(
                "InvalidParameterException", "ResourcesPerPage must be between 1 and 100"
            )
        filters = self._get_param("TagFilters", [])
        found = [
            (arn, tags)
            for arn, tags in self._resources()
            if _is_of(arn, types) and all(_fits(tags, each) for each in filters)
        ]
        page, token = page_of(found, int(self._get_param("PaginationToken") or 0), size)
        shown = [
            {"ResourceARN": arn, "Tags": [{"Key": k, "Value": v} for k, v in tags.items()]}
            for arn, tags in page
        ]
        return ActionResult({"ResourceTagMappingList": shown, "PaginationToken": token or ""})

    def _resources(self) -> list[tuple[str, dict[str, str]]]:
        """Return every cache that has, or once had, a tag: the API knows of no others."""
        with self.fleet.lock:
            caches = [cache for cache in self.fleet.resources if cache.tags]
            return sorted((cache.arn, dict(cache.tags)) for cache in caches)


def _is_of(arn: str, types: list[str]) -> bool:
    kind = arn.split(":")[5]
    return any(wanted in ("elasticache", f"elasticache:{kind}") for wanted in types)


def _fits(tags: dict[str, str], wanted: dict[str, Any]) -> bool:
    """Tell whether the tags have the filter's key, with one of its values where it names any."""
    values = wanted.get("Values") or []
    return wanted["Key"] in tags and (not values or tags[wanted["Key"]] in values)
