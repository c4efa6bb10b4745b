"""The names and units of what the function counts, for alarms and dashboards to look at.

All are in the namespace that the template gives, with one dimension: `service`, the stack's name.
"""

from __future__ import annotations

from enum import StrEnum


class Metric(StrEnum):
    """One metric. A name that ends in Age or begins with Seconds is in seconds, others count."""

    # How things are, by each pass over everything, also where it is 0.
    FORWARDS = "Forwards"  # that lead somewhere
    LISTEN_PORTS_LEFT = "ListenPortsLeft"  # of the VPC where they are fewest
    NAT_INSTANCES_OFFLINE = "NatInstancesOffline"
    TARGETS_UNREACHABLE = "TargetsUnreachable"
    TOPICS_INACTIVE = "TopicsInactive"  # caches at our topic that AWS does not publish to
    VERIFIED_AGE = "VerifiedAge"  # since the last verified pass, of the VPC where it is longest

    # What happened. Nothing is written where nothing did: a metric costs by the hour of its use.
    CHANGES_HELD = "ChangesHeld"
    CHANGES_UNANNOUNCED = "ChangesUnannounced"  # found by the schedule or a re-check
    DRIFT_REPAIRED = "DriftRepaired"
    EVENTS_NOT_PUBLISHED = "EventsNotPublished"
    FLOWS_TOLD = "FlowsTold"  # stale flows that got a reset
    FORWARDS_CHANGED = "ForwardsChanged"
    PASSES_FAILED = "PassesFailed"  # VPCs in which a pass was not verified
    SECONDS_TO_VERIFIED = "SecondsToVerified"  # from an event to the proof of what followed from it
    TRIGGERS_IGNORED = "TriggersIgnored"
    TRIGGERS_UNKNOWN = "TriggersUnknown"  # from no source that we know; looked at all the same

    @property
    def unit(self) -> str:
        """Return the unit as CloudWatch names it."""
        return "Seconds" if self.startswith("Seconds") or self.endswith("Age") else "Count"
