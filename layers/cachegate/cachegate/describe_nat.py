"""How the address, the NAT instances and the security-group rules are told in JSON."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from cachegate.describe_group_rules import describe_rule, describe_wanted
from cachegate.domain.capacity import Capacity

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cachegate.domain.address import AddressResult
    from cachegate.domain.cache import NatInstance
    from cachegate.domain.group_rules import RuleResult, Wanted
    from cachegate.outlook import AddressOutlook, Outlook, RuleOutlook
    from cachegate.planning.explain import Whereabouts


def describe_address(result: AddressResult | None) -> dict[str, Any] | None:
    """Return how a pass left the address; None where the stack holds none in the VPC."""
    if result is None:
        return None
    return {
        "address": None if result.address is None else str(result.address),
        "holder": result.holder,
        "state": result.state.value,
        "reason": result.reason,
        "moved_from": result.former,
        "unheld_seconds": round(result.unheld_seconds, 3),
        "error": result.error,
    }


def describe_address_outlook(outlook: AddressOutlook | None) -> dict[str, Any] | None:
    """Return who has the address now, and what a pass would do about it."""
    if outlook is None:
        return None
    holding = outlook.holding
    return {
        "address": None if outlook.address is None else str(outlook.address.address),
        "allocation": outlook.allocation_id,
        "holder": outlook.holder,
        "state": outlook.state,
        "reason": outlook.reason,
        "move_to": outlook.move_to,
        "since": holding.since or None,
        "moved_from": holding.moved_from,
        "moved_at": holding.moved_at,
        "unheld_since": holding.unheld_since,
    }


def describe_whereabouts(found: Whereabouts | None) -> dict[str, Any] | None:
    """Return why the address is where the ledger has it."""
    return None if found is None else asdict(found) | {"pending": list(found.pending)}


def describe_instances(instances: Iterable[NatInstance], outlook: Outlook) -> list[dict[str, Any]]:
    """Return the NAT instances, with what each told last of its capacity."""
    return [
        {
            "instance": each.instance_id,
            "state": each.state,
            "health": each.health.value,
            "verified": each.instance_id in outlook.verified,
            "private_address": str(each.private_address),
            "public_address": str(each.public_address) if each.public_address else None,
            "groups": list(each.groups),
            "capacity": asdict(outlook.heartbeat.capacity.get(each.instance_id, Capacity())),
        }
        for each in sorted(instances, key=lambda each: each.instance_id)
    ]


def describe_rules(result: RuleResult | None) -> dict[str, Any] | None:
    """Return what a pass did in security groups; None where it leaves them alone."""
    if result is None:
        return None
    return {
        "added": [describe_wanted(each) | _back(each, result.vanished) for each in result.added],
        "removed": [describe_rule(each) for each in result.removed],
        "in_place": len(result.in_place),
        "errors": list(result.errors),
    }


def describe_rule_outlook(outlook: RuleOutlook | None) -> dict[str, Any] | None:
    """Return what a pass would do in security groups."""
    if outlook is None:
        return None
    plan = outlook.plan
    return {
        "add": [describe_wanted(each) | _back(each, plan.vanished) for each in plan.add],
        "remove": [describe_rule(each) for each in plan.remove],
    }


def describe_groups(outlook: RuleOutlook | None) -> dict[str, Any] | None:
    """Return the groups of caches, our rules on both sides, and what a pass would do."""
    changes = describe_rule_outlook(outlook)
    if outlook is None or changes is None:
        return None
    return {
        "caches": {name: list(where.groups) for name, where in outlook.cache_groups.items()},
        "rules": [describe_rule(each) for each in outlook.managed],
        "by_others": list(outlook.by_others),
        **changes,
    }


def _back(wanted: Wanted, vanished: Iterable[Wanted]) -> dict[str, Any]:
    return {"vanished": wanted in vanished}
