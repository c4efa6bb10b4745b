"""Record an exemption at its rule, as a tag."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cachegate.domain.finding import EXEMPT
from cachegate.errors import InvocationError, NotVerifiedError

if TYPE_CHECKING:
    from cachegate.domain.finding import Exemption
    from cachegate.domain.ingress import IngressRule
    from cachegate.guard.protocols import GuardAdapters


def exempt(adapters: GuardAdapters, rule_id: str, exemption: Exemption) -> IngressRule:
    """Put the tag on an ingress rule of a cache's group, and return the rule as it is then.

    Raise InvocationError where no group of a cache has the rule or the exemption is over already,
    NotVerifiedError where EC2 does not show the tag.
    """
    if not exemption.holds(adapters.clock()):
        raise InvocationError(f"{exemption.until} is over: the exemption would hold for no time")
    groups = {group_id for cache in adapters.caches.guarded() for group_id in cache.groups}
    rules = {rule.rule_id: rule for rule in adapters.groups.rules(sorted(groups))}
    if rule_id not in rules:
        raise InvocationError(f"no security group of a cache has an ingress rule {rule_id}")
    adapters.groups.tag(rule_id, EXEMPT, str(exemption))
    group_id = rules[rule_id].group_id or ""
    for rule in adapters.groups.rules([group_id]):
        if rule.rule_id == rule_id and rule.tags.get(EXEMPT) == str(exemption):
            return rule
    raise NotVerifiedError(f"EC2 does not show the exemption of {rule_id} yet: look again")
