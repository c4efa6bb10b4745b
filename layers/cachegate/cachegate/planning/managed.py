"""Rules that sync_forwards keeps, which the guard leaves to it. Pure.

A tag alone keeps nothing: whoever may tag rules could keep any of them. A rule has to be one that
sync_forwards would open (planning/group_rules.py): for a NAT instance of the stack, or, in a group
that such an instance has, for the networks that the stack trusts.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Network
from typing import TYPE_CHECKING

from cachegate.domain.group_rules import MANAGED_TAG, VPC_TAG
from cachegate.domain.ingress import GroupReference
from cachegate.domain.traffic import TCP
from cachegate.planning.carving import holds
from cachegate.planning.group_rules import SSH

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from cachegate.domain.cache import NatInstance
    from cachegate.domain.groups import SecurityGroup
    from cachegate.domain.guard_policy import GuardPolicy
    from cachegate.domain.ingress import IngressRule


@dataclass(frozen=True, slots=True)
class Kept:
    """Why a rule is kept, and what a person can do about it."""

    reason: str
    advice: str


def kept(
    rule: IngressRule, group: SecurityGroup, instances: Iterable[NatInstance], policy: GuardPolicy
) -> Kept | None:
    """Return why sync_forwards keeps a rule of a group, or None where it is none of its own."""
    if rule.tags.get(MANAGED_TAG) != policy.stack or rule.traffic.protocol != TCP:
        return None
    ours = [instance for instance in instances if instance.stack == policy.stack]
    if any(_sends(instance, rule) for instance in ours):
        return Kept(
            "sync_forwards keeps it: the NAT instances' way to the cache",
            "take the tag cachegate:expose off the cache",
        )
    here = [instance for instance in ours if instance.vpc_id == group.vpc_id]
    # Clients are let in to NAT instances, and nowhere else. While a VPC has none, the group of the
    # last one is kept open for its successor.
    if here and not any(group.group_id in instance.groups for instance in here):
        return None
    if rule.traffic == SSH:
        trusted, parameter = policy.trusted_ssh, "TrustedSshCidrs"
    else:
        trusted, parameter = policy.trusted, "TrustedCidrs"
        if holds(rule.traffic, SSH):  # no listen port is 22
            return None
    if rule.source not in trusted:
        return None
    return Kept(
        f"sync_forwards keeps it: {rule.source} is among {parameter}", f"narrow {parameter}"
    )


def unmanaged(tags: Mapping[str, str]) -> dict[str, str]:
    """Return the tags of a rule without those by which sync_forwards would take it for its own."""
    return {key: value for key, value in tags.items() if key not in {MANAGED_TAG, VPC_TAG}}


def _sends(instance: NatInstance, rule: IngressRule) -> bool:
    """Tell whether the rule admits this NAT instance and nobody else, to one port."""
    if rule.traffic.first != rule.traffic.last:
        return False
    if isinstance(rule.source, GroupReference):
        return rule.source.group_id in instance.groups
    return rule.source == IPv4Network(instance.private_address)
