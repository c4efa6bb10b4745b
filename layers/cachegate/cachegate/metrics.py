"""The names and units of what the function counts, for alarms and dashboards to look at.

All are in the namespace that the template gives, with one dimension: `service`, the stack's name.
"""

from __future__ import annotations

from enum import StrEnum


class Metric(StrEnum):
    """One metric. A name that ends in Age or Seconds is in seconds, any other is a count."""

    CHANGES_HELD = "ChangesHeld"
    FLOWS_TOLD = "FlowsTold"
    FORWARDS_CHANGED = "ForwardsChanged"
    NAT_INSTANCES_OFFLINE = "NatInstancesOffline"
    TARGETS_UNREACHABLE = "TargetsUnreachable"
    TOPICS_INACTIVE = "TopicsInactive"  # caches at our topic that AWS does not publish to
    TRIGGERS_IGNORED = "TriggersIgnored"
    TRIGGERS_UNKNOWN = "TriggersUnknown"  # from no source that we know; looked at all the same
    VERIFIED_AGE = "VerifiedAge"  # since the last verified pass, of the VPC where it is longest

    @property
    def unit(self) -> str:
        """Return the unit as CloudWatch names it."""
        return "Seconds" if self.endswith(("Age", "Seconds")) else "Count"
