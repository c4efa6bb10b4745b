"""Ingress rules as EC2 has them: one source each, whatever a permission merged."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network
from typing import TYPE_CHECKING

from cachegate.errors import InvalidRuleError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cachegate.domain.traffic import Traffic

Network = IPv4Network | IPv6Network

_CIDR = re.compile(r"[0-9A-Fa-f.:]+/[0-9]{1,3}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class PrefixList:
    """A managed prefix list. Lists hold no lists, so its entries are all that it admits."""

    list_id: str
    entries: tuple[Network, ...] | None = None  # None: we cannot read them
    aws_name: str | None = None  # the list's name where AWS owns it, else None

    def __post_init__(self) -> None:
        if not self.list_id:
            raise InvalidRuleError("a prefix list needs an id")

    def __str__(self) -> str:
        return self.list_id


@dataclass(frozen=True, slots=True)
class GroupReference:
    """Another security group, or the same: it admits the private addresses of its members."""

    group_id: str

    def __post_init__(self) -> None:
        if not self.group_id:
            raise InvalidRuleError("a reference needs the id of a group")

    def __str__(self) -> str:
        return self.group_id


@dataclass(frozen=True, slots=True)
class UnknownSource:
    """What this version cannot read, in words: reported, never changed, since it never comes back.

    EC2's answer may grow a kind of source that none of the others is.
    """

    what: str

    def __str__(self) -> str:
        return self.what


Source = IPv4Network | IPv6Network | PrefixList | GroupReference | UnknownSource


@dataclass(frozen=True, slots=True, kw_only=True)
class IngressRule:
    """One ingress rule of one group."""

    rule_id: str
    group_id: str | None  # None: rules that no group has yet, as in a plan
    traffic: Traffic
    source: Source
    description: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.rule_id:
            raise InvalidRuleError("an ingress rule needs an id")


@dataclass(frozen=True, slots=True, kw_only=True)
class Permission:
    """What an ingress rule admits, as it is asked for."""

    traffic: Traffic
    source: Source
    description: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """How a request for a rule ended: with a new rule, or because there was the same one."""

    rule_id: str | None  # None where the rule existed: AWS does not say which one it is
    existed: bool = False


def ipv4_network(text: str) -> IPv4Network:
    """Read an IPv4 CIDR block; host bits are masked, as EC2 masks them."""
    try:
        return IPv4Network(_cidr(text), strict=False)
    except ValueError:
        raise InvalidRuleError(f"{text[:60]!a} is no IPv4 CIDR block") from None


def ipv6_network(text: str) -> IPv6Network:
    """Read an IPv6 CIDR block; host bits are masked, as EC2 masks them."""
    try:
        return IPv6Network(_cidr(text), strict=False)
    except ValueError:
        raise InvalidRuleError(f"{text[:60]!a} is no IPv6 CIDR block") from None


def _cidr(text: str) -> str:
    """Refuse what the standard library reads beyond EC2: bare addresses, netmasks, zones."""
    if not _CIDR.fullmatch(text):
        raise ValueError(text)
    return text
