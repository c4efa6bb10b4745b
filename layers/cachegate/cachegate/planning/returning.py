"""Rules that come back after they were revoked: something else puts them there. Pure."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from cachegate.domain.groups import STACK_TAG
from cachegate.domain.revocation import RevocationState

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cachegate.domain.groups import SecurityGroup
    from cachegate.domain.ingress import IngressRule
    from cachegate.domain.revocation import Revocation


class Past:
    """The proved revocations since a time. One that a person gave back does not count."""

    def __init__(self, revocations: Iterable[Revocation], since: float) -> None:
        self._times: defaultdict[tuple[object, ...], dict[str, float]] = defaultdict(dict)
        for each in revocations:
            proved = each.state is RevocationState.REVOKED
            if proved and each.revoked_at is not None and each.revoked_at >= since:
                self._times[_permission(each.rule)][each.rule.rule_id] = each.revoked_at

    def of(self, rule: IngressRule) -> list[float]:
        """Return when this very permission was revoked, in seconds since the epoch, ascending.

        A rule that comes back has a new id, so it is known by its group, traffic and source. One
        that has its old id is a late answer of EC2's.
        """
        times = self._times.get(_permission(rule), {})
        return sorted(at for rule_id, at in times.items() if rule_id != rule.rule_id)


def maker(rule: IngressRule, group: SecurityGroup) -> str:
    """Name who puts a rule back, as far as tags tell."""
    stack = rule.tags.get(STACK_TAG) or group.stack
    if stack is not None:
        return f"the CloudFormation stack {stack}"
    return "whoever manages the group, perhaps Terraform or a controller"


def _permission(rule: IngressRule) -> tuple[object, ...]:
    return rule.group_id, rule.traffic, str(rule.source)
