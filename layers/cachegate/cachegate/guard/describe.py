"""How findings and revocations are told in JSON: in answers, events and the records."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cachegate.domain.body import seconds
from cachegate.domain.revocation import Author
from cachegate.planning.sharing import in_words
from cachegate.planning.text import moment

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cachegate.domain.finding import Finding
    from cachegate.domain.ingress import IngressRule
    from cachegate.domain.revocation import Revocation

MOST = 20  # interfaces of one list that are named


def describe_rule(rule: IngressRule) -> dict[str, Any]:
    """Describe a rule in the words of `cachegate judge`."""
    traffic = rule.traffic
    bounded = traffic.first is not None and not traffic.all_ports
    return {
        "group": rule.group_id,
        "rule": rule.rule_id,
        "source": str(rule.source),
        "protocol": traffic.protocol_name,
        "from_port": traffic.first if bounded else None,
        "to_port": traffic.last if bounded else None,
        "description": rule.description,
    }


def describe_finding(finding: Finding, author: Author | None = None) -> dict[str, Any]:
    """Describe a finding; `step` is what the mode enforce does about it."""
    judgement, sharing = finding.judgement, finding.sharing
    return describe_rule(finding.rule) | {
        "group_name": finding.group.name,
        "vpc": finding.group.vpc_id,
        "group_stack": finding.group.stack,
        "caches": list(finding.caches),
        "class": judgement.source_class.value,
        "verdict": judgement.verdict.value,
        "ports": list(judgement.reached),
        "severity": finding.severity.value,
        "step": finding.step.value,
        "why": judgement.reason,
        "reason": finding.reason,
        "advice": finding.advice,
        "shared": sharing.use.value,
        "shared_with": [in_words(each) for each in (*sharing.others, *sharing.unknown)][:MOST],
        "public_interfaces": len(sharing.public),
        "added_by": describe_author(author),
        "exemption": str(finding.exemption) if finding.exemption else None,
        "opens_again": [str(traffic) for traffic in finding.carved],
        "opens_first": [f"{path.traffic} from {path.source}" for path in finding.paths],
    }


def describe_revocation(revocation: Revocation) -> dict[str, Any]:
    """Describe what was removed and how it stands."""
    return describe_rule(revocation.rule) | {
        "group_name": revocation.group.name,
        "vpc": revocation.group.vpc_id,
        "group_stack": revocation.group.stack,
        "caches": list(revocation.caches),
        "tags": dict(revocation.rule.tags),
        "class": revocation.source_class,
        "severity": revocation.severity,
        "why": revocation.reason,
        "evidence": list(revocation.evidence),
        "state": revocation.state.value,
        "recorded": moment(revocation.recorded_at),
        "revoked": moment(revocation.revoked_at) if revocation.revoked_at else None,
        "restored": moment(revocation.restored_at) if revocation.restored_at else None,
        "restored_as": revocation.restored_as,
        "ports_opened_again": revocation.carved,
        "added_by": describe_author(revocation.author),
        "asked_by": list(revocation.triggers),
    }


def describe_author(author: Author | None) -> dict[str, Any] | None:
    """Describe who added or changed a rule; None where no event told."""
    if author is None:
        return None
    return {
        "who": author.who,
        "call": author.event,
        "event": author.event_id,
        "at": None if author.at is None else moment(author.at),
    }


def read_author(told: Mapping[str, Any]) -> Author:
    """Read what describe_author wrote."""
    at = told["at"]
    return Author(
        who=told["who"],
        event=told["call"],
        event_id=told["event"],
        at=None if at is None else seconds(at.replace(" UTC", "+00:00")),
    )
