"""Rules that come back after they were revoked: something else puts them there. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cachegate.domain.groups import STACK_TAG
from cachegate.domain.revocation import RevocationState

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cachegate.domain.groups import SecurityGroup
    from cachegate.domain.ingress import IngressRule
    from cachegate.domain.revocation import Revocation


def returns(
    rule: IngressRule, revocations: Iterable[Revocation], since: float
) -> tuple[Revocation, ...]:
    """Return the revocations of this very permission since a time, oldest first.

    Each rule has an id of its own, so it is known by its group, traffic and source. One that a
    person gave back does not count.
    """
    found = [
        each
        for each in revocations
        if each.state is RevocationState.REVOKED
        and each.revoked_at is not None
        and each.revoked_at >= since
        and each.rule.rule_id != rule.rule_id
        and _permission(each.rule) == _permission(rule)
    ]
    return tuple(sorted(found, key=lambda each: each.revoked_at or 0.0))


def maker(rule: IngressRule, group: SecurityGroup) -> str:
    """Name who puts a rule back, as far as tags tell."""
    stack = rule.tags.get(STACK_TAG) or group.stack
    if stack is not None:
        return f"the CloudFormation stack {stack}"
    return "whoever manages the group, perhaps Terraform or a controller"


def _permission(rule: IngressRule) -> tuple[object, ...]:
    return rule.group_id, rule.traffic, str(rule.source)
