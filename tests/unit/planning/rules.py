"""Ledgers, groups and rules in few words: sg-nat is the NAT instances', the others caches'."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network
from typing import TYPE_CHECKING, Any

from cachegate.domain.cache import NatInstance
from cachegate.domain.forward import ForwardKind, Target
from cachegate.domain.group_rules import MANAGED_TAG, VPC_TAG, Direction, GroupRule, Opening
from cachegate.domain.groups import Interface, SecurityGroup
from cachegate.domain.ingress import GroupReference, ipv4_network, ipv6_network
from cachegate.domain.ledger import CacheGroups, Lease, Ledger, NatSide
from cachegate.domain.traffic import TCP, Traffic
from cachegate.planning.group_rules import Sides

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cachegate.domain.ingress import Source

STACK, VPC, OURS = "gate", "vpc-1", "123456789012"
OURS_TAGS = {MANAGED_TAG: STACK, VPC_TAG: VPC}


def lease(cache: str, listen: int, to: str = "10.0.1.5:6379", **fields: Any) -> Lease:
    """A forward of a cache; `to` may be empty."""
    given: dict[str, Any] = {
        "key": f"{cache}/{listen}",
        "cache": cache,
        "kind": ForwardKind.NODE,
        "listen": listen,
        "targets": targets(to),
        "leased_at": 0.0,
        "changed_at": 0.0,
        "reason": "",
    }
    return Lease(**given | fields)


def targets(text: str) -> tuple[Target, ...]:
    """Such as "10.0.1.5:6379 10.0.1.6:6379"."""
    pairs = [each.split(":") for each in text.split()]
    return tuple(Target(IPv4Address(address), int(port)) for address, port in pairs)


def ledger(*leases: Lease, sources: str = "203.0.113.0/24", **groups: str) -> Ledger:
    """A ledger; each keyword is a cache with its groups, after its VPC where that is another."""
    return Ledger(
        vpc_id=VPC,
        leases={each.key: each for each in leases},
        sources=tuple(IPv4Network(each) for each in sources.split()),
        cache_groups={cache: _where(text.split()) for cache, text in groups.items()},
    )


def _where(words: list[str]) -> CacheGroups:
    vpc_id = words.pop(0) if words[0].startswith("vpc-") else VPC
    return CacheGroups(vpc_id=vpc_id, groups=tuple(words))


def sides(*instances: str, changeable: str = "sg-nat sg-a sg-b sg-c", **fields: Any) -> Sides:
    """Such as "10.0.255.10 sg-nat"; without a group where it has none of its own."""
    known = {}
    for number, text in enumerate(instances or ("10.0.255.10 sg-nat",)):
        address, *groups = text.split()
        group = groups[0] if groups else None
        known[f"i-{number}"] = NatSide(address=IPv4Address(address), group=group)
    return Sides(
        stack=STACK,
        vpc_id=VPC,
        instances=known,
        changeable=frozenset(changeable.split()),
        **fields,
    )


def opening(text: str) -> Opening:
    """Such as "sg-a in 6379-6380 203.0.113.0/24"."""
    group_id, way, ports, source = text.split()
    first, last = (ports.split("-") * 2)[:2]
    return Opening(
        group_id=group_id,
        direction=Direction.INGRESS if way == "in" else Direction.EGRESS,
        traffic=Traffic(TCP, int(first), int(last)),
        peer=peer(source),
    )


def peer(text: str) -> Source:
    if text.startswith("sg-"):
        return GroupReference(text)
    return ipv6_network(text) if ":" in text else ipv4_network(text)


def short(found: Opening) -> str:
    """Write an opening as `opening` reads it."""
    way = "in" if found.direction is Direction.INGRESS else "out"
    first, last = found.traffic.first, found.traffic.last
    ports = first if first == last else f"{first}-{last}"
    return f"{found.group_id} {way} {ports} {found.peer}"


def rule(rule_id: str, text: str, tags: Mapping[str, str] | None = None, **more: Any) -> GroupRule:
    return GroupRule(rule_id=rule_id, opening=opening(text), tags=tags or {}, **more)


def ours(rule_id: str, text: str, **more: Any) -> GroupRule:
    return rule(rule_id, text, OURS_TAGS, **more)


def nat(instance_id: str, groups: str, address: str = "10.0.255.10") -> NatInstance:
    return NatInstance(
        instance_id=instance_id,
        vpc_id=VPC,
        state="running",
        private_address=IPv4Address(address),
        public_address=None,
        stack=STACK,
        groups=tuple(groups.split()),
    )


def group(group_id: str, name: str = "ours", owner: str = OURS) -> SecurityGroup:
    return SecurityGroup(group_id=group_id, name=name, vpc_id=VPC, owner=owner)


def interface(attached_to: str, groups: str) -> Interface:
    return Interface(
        interface_id=f"eni-of-{attached_to}",
        groups=frozenset(groups.split()),
        addresses=frozenset(),
        attached_to=attached_to,
    )
