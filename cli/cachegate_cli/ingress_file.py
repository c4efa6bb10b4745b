"""Read ingress rules from what `aws ec2` prints, or from a bare list of permissions."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from cachegate.domain.ingress import (
    GroupReference,
    IngressRule,
    PrefixList,
    ipv4_network,
    ipv6_network,
)
from cachegate.domain.traffic import Traffic
from cachegate.errors import InvalidRuleError
from cachegate_cli.json_part import JsonError, Part

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cachegate.domain.ingress import Source

SHAPES = ("SecurityGroups", "SecurityGroupRules", "IpPermissions")


def read_rules(content: bytes) -> list[IngressRule]:
    """Return the ingress rules in the order of the file. Raises JsonError where it is none."""
    try:
        document = json.loads(content)
    except RecursionError:
        raise JsonError("the JSON is nested too deeply") from None
    except ValueError as error:  # no JSON, no text, or a number of thousands of digits
        raise JsonError(f"no JSON: {' '.join(str(error).split())[:200]!a}") from None
    whole = Part.of(document)
    shapes = [shape for shape in SHAPES if shape in whole.value]
    if len(shapes) != 1:
        raise JsonError(f"the file must have exactly one of {', '.join(SHAPES)}")
    if whole.has("NextToken"):
        raise JsonError("NextToken: this is one page of several, and unions need them all")
    return list(_READERS[shapes[0]](whole))


def _groups(whole: Part) -> Iterator[IngressRule]:
    """Read the answer of DescribeSecurityGroups."""
    for group in whole.parts("SecurityGroups"):
        yield from _permissions(group, group.text("GroupId"))


def _bare(whole: Part) -> Iterator[IngressRule]:
    """Read permissions alone; they may be those of one group cut out of a longer answer."""
    return _permissions(whole, whole.text("GroupId") if whole.has("GroupId") else None)


def _permissions(holder: Part, group_id: str | None) -> Iterator[IngressRule]:
    for index, permission in enumerate(holder.parts("IpPermissions")):
        traffic = _traffic(permission)
        for place, source in enumerate(_sources(permission)):
            yield IngressRule(
                rule_id=f"{index}.{place}", group_id=group_id, traffic=traffic, source=source
            )


def _sources(permission: Part) -> Iterator[Source]:
    """Go through a permission's sources; their order is part of what `rule` means."""
    if not any(permission.has(key) for key in _SOURCE_LISTS):
        raise JsonError(f"{permission.way} has none of {', '.join(_SOURCE_LISTS)}")
    for key, read in _SOURCE_LISTS.items():
        if permission.has(key):
            yield from map(read, permission.parts(key))


def _rules(whole: Part) -> Iterator[IngressRule]:
    """Read the answer of DescribeSecurityGroupRules."""
    for index, rule in enumerate(whole.parts("SecurityGroupRules")):
        if rule.flag("IsEgress"):
            continue
        yield IngressRule(
            rule_id=rule.text("SecurityGroupRuleId")
            if rule.has("SecurityGroupRuleId")
            else f"{index}.0",
            group_id=rule.text("GroupId"),
            traffic=_traffic(rule),
            source=_only_source(rule),
        )


def _only_source(rule: Part) -> Source:
    given = [key for key in _RULE_SOURCES if rule.has(key)]
    if len(given) != 1:
        raise JsonError(f"{rule.way} must have exactly one of {', '.join(_RULE_SOURCES)}")
    return _RULE_SOURCES[given[0]](rule)


def _traffic(part: Part) -> Traffic:
    protocol = part.value.get("IpProtocol")
    if type(protocol) is not int:  # templates write -1 as a number
        protocol = part.text("IpProtocol")
    bounds = part.number("FromPort"), part.number("ToPort")
    try:
        return Traffic.of(protocol, *bounds)
    except InvalidRuleError as error:
        raise JsonError(f"{part.way}: {error}") from None


def _ipv4(key: str) -> Callable[[Part], Source]:
    return lambda part: _network(part, key, ipv4_network)


def _ipv6(key: str) -> Callable[[Part], Source]:
    return lambda part: _network(part, key, ipv6_network)


def _network(part: Part, key: str, read: Callable[[str], Source]) -> Source:
    text = part.text(key)
    try:
        return read(text)
    except InvalidRuleError as error:
        raise JsonError(f"{part.path(key)}: {error}") from None


def _prefix_list(part: Part) -> PrefixList:
    return PrefixList(list_id=part.text("PrefixListId"))


def _group(part: Part) -> GroupReference:
    """Read a reference; groups outside any VPC have names only."""
    return GroupReference(part.text("GroupId" if part.has("GroupId") else "GroupName"))


_READERS = {"SecurityGroups": _groups, "SecurityGroupRules": _rules, "IpPermissions": _bare}
_SOURCE_LISTS: dict[str, Callable[[Part], Source]] = {
    "IpRanges": _ipv4("CidrIp"),
    "Ipv6Ranges": _ipv6("CidrIpv6"),
    "PrefixListIds": _prefix_list,
    "UserIdGroupPairs": _group,
}
_RULE_SOURCES: dict[str, Callable[[Part], Source]] = {
    "CidrIpv4": _ipv4("CidrIpv4"),
    "CidrIpv6": _ipv6("CidrIpv6"),
    "PrefixListId": _prefix_list,
    "ReferencedGroupInfo": lambda rule: _group(rule.part("ReferencedGroupInfo")),
}
