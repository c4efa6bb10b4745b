"""CloudTrail's trails: whether one logs calls, and what moto leaves out about it."""

from __future__ import annotations

import json
from typing import Any

from moto.backends import get_backend
from moto.cloudtrail.responses import CloudTrailResponse

from local.caches import ACCOUNT, REGION

# Of a trail that nobody gave any, as GetEventSelectors shows it
# (https://docs.aws.amazon.com/awscloudtrail/latest/userguide/logging-management-events-with-cloudtrail.html).
_DEFAULT = {
    "ReadWriteType": "All",
    "IncludeManagementEvents": True,
    "DataResources": [],
    "ExcludeManagementEventSources": [],
}


class Responses(CloudTrailResponse):
    """CloudTrail as moto answers, and the selectors that every trail begins with."""

    def get_event_selectors(self) -> str:
        """Answer GetEventSelectors."""
        answer: dict[str, Any] = json.loads(super().get_event_selectors())
        if not answer["EventSelectors"] and not answer["AdvancedEventSelectors"]:
            answer["EventSelectors"] = [_DEFAULT]
        return json.dumps(answer)


def logs_writes() -> bool:
    """Tell whether any trail logs this Region's management events of calls that change things."""
    return any(
        trail.status.is_logging
        and (trail.is_multi_region or region == REGION)
        and _selects_writes(trail)
        for region, backend in list(get_backend("cloudtrail")[ACCOUNT].items())
        for trail in list(backend.trails.values())
    )


def _selects_writes(trail: Any) -> bool:
    if trail.advanced_event_selectors:
        return any(_selects(each) for each in trail.advanced_event_selectors)
    return any(
        each.get("IncludeManagementEvents", True) and each.get("ReadWriteType") != "ReadOnly"
        for each in trail.event_selectors or [_DEFAULT]
    )


def _selects(selector: dict[str, Any]) -> bool:
    """Tell whether an advanced selector takes management events that are no reads."""
    fields = {each["Field"]: each.get("Equals", []) for each in selector["FieldSelectors"]}
    return fields.get("eventCategory") == ["Management"] and fields.get("readOnly") != ["true"]
