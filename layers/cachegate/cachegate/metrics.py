"""The names and units of what the functions count, for alarms and dashboards to look at.

All are in the namespace that the template gives, with one dimension: `service`, the stack's name.
"""

from __future__ import annotations

from enum import StrEnum


class Metric(StrEnum):
    """One metric.

    A name that ends in Age or begins with Seconds is in seconds, one that ends in Percent in
    percent; all others count.
    """

    # How things are, by each pass over everything, also where it is 0.
    CONNTRACK_USED_PERCENT = "ConntrackUsedPercent"  # of the fullest NAT instance's own table
    FINDINGS_DANGEROUS = "FindingsDangerous"  # rules that should go, and are still there
    FINDINGS_EXEMPT = "FindingsExempt"
    FINDINGS_OPEN = "FindingsOpen"  # rules that the policy does not allow, of every step
    FINDINGS_REFUSED = "FindingsRefused"  # should go, and a person has to do something first
    FORWARDS = "Forwards"  # that lead somewhere
    GROUP_RULES_OPEN = "GroupRulesOpen"  # security-group rules that are wanted and in place
    GROUPS_GUARDED = "GroupsGuarded"  # security groups that caches have
    HOLDER_UNVERIFIED_AGE = "HolderUnverifiedAge"  # since a verified instance had the address
    LISTEN_PORTS_LEFT = "ListenPortsLeft"  # of the VPC where they are fewest
    NAT_INSTANCES_OFFLINE = "NatInstancesOffline"
    TARGETS_UNREACHABLE = "TargetsUnreachable"
    TOPICS_INACTIVE = "TopicsInactive"  # caches at our topic that AWS does not publish to
    TRAILS_MISSING = "TrailsMissing"  # 1: no trail tells of calls; left out where that is unknown
    VERIFIED_AGE = "VerifiedAge"  # since the last verified pass, of the VPC where it is longest

    # What happened. Nothing is written where nothing did: a metric costs by the hour of its use.
    ADDRESS_MOVED = "AddressMoved"
    ALERTS_NOT_SENT = "AlertsNotSent"
    CHANGES_HELD = "ChangesHeld"
    CHANGES_UNANNOUNCED = "ChangesUnannounced"  # found by the schedule or a re-check
    CONNTRACK_ALLOWANCE_EXCEEDED = "ConntrackAllowanceExceeded"  # packets that EC2 dropped for it
    DRIFT_REPAIRED = "DriftRepaired"
    EVENTS_NOT_PUBLISHED = "EventsNotPublished"
    FLOWS_TOLD = "FlowsTold"  # stale flows that got a reset
    FORWARDS_CHANGED = "ForwardsChanged"
    GROUP_RULES_VANISHED = "GroupRulesVanished"  # of ours; somebody removed them, they came back
    GUARD_PASSES_FAILED = "GuardPassesFailed"
    PASSES_FAILED = "PassesFailed"  # VPCs in which a pass was not verified
    RULES_RESTORED = "RulesRestored"
    RULES_RETURNED = "RulesReturned"  # that were revoked before, and somebody added again
    RULES_REVOKED = "RulesRevoked"
    SECONDS_TO_VERIFIED = "SecondsToVerified"  # from an event to the proof of what followed from it
    TRIGGERS_IGNORED = "TriggersIgnored"
    TRIGGERS_UNKNOWN = "TriggersUnknown"  # from no source that we know; looked at all the same

    @property
    def unit(self) -> str:
        """Return the unit as CloudWatch names it."""
        if self.endswith("Percent"):
            return "Percent"
        return "Seconds" if self.startswith("Seconds") or self.endswith("Age") else "Count"
