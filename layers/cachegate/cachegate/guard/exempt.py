"""Record an exemption at its rule, as a tag."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cachegate.domain.finding import EXEMPT
from cachegate.errors import InvocationError
from cachegate.guard.read_back import await_seen

if TYPE_CHECKING:
    from cachegate.domain.finding import Exemption
    from cachegate.domain.ingress import IngressRule
    from cachegate.guard.protocols import GuardAdapters


def exempt(
    adapters: GuardAdapters, rule_id: str, exemption: Exemption, within: float
) -> IngressRule:
    """Put the tag on an ingress rule of a cache's group, and return the rule as it is then.

    Raise InvocationError where no group of a cache has the rule or the exemption is over already,
    NotVerifiedError where EC2 does not show the tag within some seconds.
    """
    refuse_ended(adapters, exemption)
    groups = {group_id for cache in adapters.caches.guarded() for group_id in cache.groups}
    rules = {rule.rule_id: rule for rule in adapters.groups.rules(sorted(groups))}
    if rule_id not in rules:
        raise InvocationError(f"no security group of a cache has an ingress rule {rule_id}")
    return put_tag(adapters, rules[rule_id], exemption, within)


def refuse_ended(adapters: GuardAdapters, exemption: Exemption) -> None:
    """Raise InvocationError where the exemption is over already."""
    if not exemption.holds(adapters.clock()):
        raise InvocationError(f"{exemption.until} is over: the exemption would hold for no time")


def put_tag(
    adapters: GuardAdapters, rule: IngressRule, exemption: Exemption, within: float
) -> IngressRule:
    """Put the tag on a rule and return the rule as EC2 shows it; raise NotVerifiedError if not."""
    adapters.groups.tag(rule.rule_id, EXEMPT, str(exemption))

    def tagged() -> IngressRule | None:
        for each in adapters.groups.rules([rule.group_id or ""]):
            if each.rule_id == rule.rule_id and each.tags.get(EXEMPT) == str(exemption):
                return each
        return None

    return await_seen(
        adapters, tagged, within, f"EC2 does not show the exemption of {rule.rule_id}"
    )
