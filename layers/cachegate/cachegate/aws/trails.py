"""CloudTrail: whether EventBridge hears of calls at all, since only a trail that logs lets it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from cachegate.aws.failures import CallError
from cachegate.guard.protocols import Trail

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

# Whose calls the guard waits for.
SOURCES = ("ec2.amazonaws.com", "elasticache.amazonaws.com")

_SURER = (Trail.NONE, Trail.UNKNOWN, Trail.LOGS).index  # the later the better
_HOLDS: Mapping[str, Callable[[str, Sequence[str]], bool]] = {
    "Equals": lambda value, texts: value in texts,
    "StartsWith": lambda value, texts: value.startswith(tuple(texts)),
    "EndsWith": lambda value, texts: value.endswith(tuple(texts)),
    "NotEquals": lambda value, texts: value not in texts,
    "NotStartsWith": lambda value, texts: not value.startswith(tuple(texts)),
    "NotEndsWith": lambda value, texts: not value.endswith(tuple(texts)),
}


class CloudTrailClient(Protocol):
    """The calls that we make."""

    def describe_trails(self) -> Mapping[str, Any]:
        """Describe the trails of the Region, those that are copied into it too."""
        ...

    def get_trail_status(self, *, Name: str) -> Mapping[str, Any]:  # noqa: N803
        """Tell whether a trail logs."""
        ...

    def get_event_selectors(self, *, TrailName: str) -> Mapping[str, Any]:  # noqa: N803
        """Tell what a trail logs."""
        ...


class CloudTrails:
    """The trails of this account, and those of its organisation, in one Region."""

    def __init__(self, cloudtrail: CloudTrailClient, region: str) -> None:
        self._cloudtrail = cloudtrail
        self._region = region

    def state(self) -> Trail:
        """Tell whether a trail that logs sends management events of this Region.

        UNKNOWN where AWS does not tell, now or ever: a trail of the organisation shows itself to
        its member accounts, and often nothing of its settings. Nothing depends on the answer but
        what people are told, so it fails no pass.
        """
        try:
            trails = self._cloudtrail.describe_trails()["trailList"]
        except CallError:
            return Trail.UNKNOWN
        here = [trail for trail in trails if self._is_here(trail)]
        return max(
            (self._state(trail["TrailARN"]) for trail in here), key=_SURER, default=Trail.NONE
        )

    def _is_here(self, trail: Mapping[str, Any]) -> bool:
        return trail.get("IsMultiRegionTrail", False) or trail.get("HomeRegion") == self._region

    def _state(self, arn: str) -> Trail:
        """Ask by ARN: the name alone does not find a trail of another Region or account."""
        try:
            if not self._cloudtrail.get_trail_status(Name=arn)["IsLogging"]:
                return Trail.NONE
            selectors = self._cloudtrail.get_event_selectors(TrailName=arn)
        except CallError:
            return Trail.UNKNOWN
        return min((_of_source(selectors, source) for source in SOURCES), key=_SURER)


def _of_source(selectors: Mapping[str, Any], source: str) -> Trail:
    """Tell whether any selector takes the writing management calls of a service.

    A trail has selectors of one of two kinds; without any it takes all management calls
    (https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_EventSelector.html).
    """
    basic = [_basic(each, source) for each in selectors.get("EventSelectors") or []]
    advanced = [_advanced(each, source) for each in selectors.get("AdvancedEventSelectors") or []]
    return max([*basic, *advanced], key=_SURER, default=Trail.LOGS)


def _basic(selector: Mapping[str, Any], source: str) -> Trail:
    """Read a basic selector; what it leaves out is All, true and nothing excluded."""
    taken = (
        selector.get("IncludeManagementEvents", True)
        and selector.get("ReadWriteType", "All") in {"All", "WriteOnly"}
        and source not in selector.get("ExcludeManagementEventSources", [])
    )
    return Trail.LOGS if taken else Trail.NONE


def _advanced(selector: Mapping[str, Any], source: str) -> Trail:
    """Read an advanced selector: all of its fields must hold, and an unknown one leaves doubt."""
    event = {"eventCategory": "Management", "readOnly": "false", "eventSource": source}
    fields = selector["FieldSelectors"]
    known = [field for field in fields if field["Field"] in event]
    if not all(_holds(field, event[field["Field"]]) for field in known):
        return Trail.NONE
    return Trail.LOGS if len(known) == len(fields) else Trail.UNKNOWN


def _holds(field: Mapping[str, Any], value: str) -> bool:
    return all(holds(value, field[name]) for name, holds in _HOLDS.items() if field.get(name))
