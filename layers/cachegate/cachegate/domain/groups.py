"""Security groups, the caches that have them, and what else has them, as one look saw them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from ipaddress import IPv4Address, IPv6Address

DEFAULT = "default"  # the name of every VPC's own group, which no other group may have
STACK_TAG = "aws:cloudformation:stack-name"


@dataclass(frozen=True, slots=True, kw_only=True)
class SecurityGroup:
    """One security group, apart from its rules."""

    group_id: str
    name: str
    vpc_id: str
    owner: str  # account id: a shared VPC shows groups of others
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_default(self) -> bool:
        """Tell whether it is the group that a VPC gives to whatever names none."""
        return self.name == DEFAULT

    @property
    def stack(self) -> str | None:
        """Return the CloudFormation stack that made it, where one did."""
        return self.tags.get(STACK_TAG)


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardedCache:
    """A cache as security groups meet it: a replication group's members count as one each."""

    name: str  # of the cluster or the serverless cache
    groups: frozenset[str]  # ids
    ports: frozenset[int]  # TCP ports of its endpoints; empty while AWS shows none
    hosts: frozenset[str]  # names of its endpoints
    vpc_id: str | None
    exposed: bool  # forwarded by this stack, going by its tag


@dataclass(frozen=True, slots=True, kw_only=True)
class Interface:
    """A network interface: what has a security group."""

    interface_id: str
    groups: frozenset[str]  # ids
    addresses: frozenset[IPv4Address | IPv6Address]
    public_addresses: frozenset[IPv4Address | IPv6Address] = frozenset()
    kind: str = "interface"  # EC2's InterfaceType
    description: str = ""
    requester: str = ""  # who made it, where it was not its owner
    requester_managed: bool = False
    attached_to: str = ""  # an instance's id, or else whose instance it is
