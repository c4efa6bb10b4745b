"""Describe security-group rules: for answers and for events alike."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cachegate.domain.group_rules import GroupRule, Opening, Wanted


def describe_wanted(wanted: Wanted) -> dict[str, Any]:
    """Describe a rule that is to be there."""
    return _opening(wanted.opening) | {"description": wanted.why}


def describe_rule(rule: GroupRule) -> dict[str, Any]:
    """Describe a rule as EC2 has it."""
    return {"rule": rule.rule_id} | _opening(rule.opening) | {"description": rule.description}


def _opening(opening: Opening) -> dict[str, Any]:
    traffic = opening.traffic
    bounded = traffic.first is not None and not traffic.all_ports
    return {
        "group": opening.group_id,
        "direction": opening.direction.value,
        "peer": str(opening.peer),
        "protocol": traffic.protocol_name,
        "from_port": traffic.first if bounded else None,
        "to_port": traffic.last if bounded else None,
    }
