"""Ingress rules in EC2's shapes: read one as it is described, write one as it is asked for. Pure.

The shapes are those of
https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_SecurityGroupRule.html and
https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_IpPermission.html.
"""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network
from typing import TYPE_CHECKING, Any

from cachegate.domain.ingress import (
    GroupReference,
    IngressRule,
    PrefixList,
    UnknownSource,
    ipv4_network,
    ipv6_network,
)
from cachegate.domain.traffic import ALL, ICMP, ICMPV6, Traffic
from cachegate.errors import InvalidRuleError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from mypy_boto3_ec2.type_defs import (
        AuthorizeSecurityGroupIngressRequestTypeDef,
        SecurityGroupRuleTypeDef,
        TagTypeDef,
    )

    from cachegate.domain.ingress import Permission, Source

AWS_TAGS = "aws:"  # tags with this prefix are AWS's alone to set

_KEYS: dict[type[Source], str] = {
    IPv4Network: "CidrIpv4",
    IPv6Network: "CidrIpv6",
    PrefixList: "PrefixListId",
    GroupReference: "ReferencedGroupInfo",
}
# Where a permission keeps its sources, and under which key each.
_PLACES: dict[type[Source], tuple[str, str]] = {
    IPv4Network: ("IpRanges", "CidrIp"),
    IPv6Network: ("Ipv6Ranges", "CidrIpv6"),
    PrefixList: ("PrefixListIds", "PrefixListId"),
    GroupReference: ("UserIdGroupPairs", "GroupId"),
}
_WITH_TYPES = frozenset({ICMP, ICMPV6})


def read(shape: SecurityGroupRuleTypeDef) -> IngressRule:
    """Read an ingress rule as DescribeSecurityGroupRules shows it.

    One that this version cannot read has an unknown source, whatever was odd: so it is reported
    with its own words, nobody changes it, and the other rules are judged all the same.
    """
    try:
        source = _source(shape)
        traffic = Traffic.of(
            shape.get("IpProtocol", ""), shape.get("FromPort"), shape.get("ToPort")
        )
    except InvalidRuleError as error:
        source, traffic = UnknownSource(f"the rule cannot be read: {error}"), Traffic(ALL)
    return IngressRule(
        rule_id=shape["SecurityGroupRuleId"],
        group_id=shape["GroupId"],
        traffic=traffic,
        source=source,
        description=shape.get("Description", ""),
        tags=tags(shape.get("Tags", [])),
    )


def _source(shape: SecurityGroupRuleTypeDef) -> Source:
    if "CidrIpv4" in shape:
        return ipv4_network(shape["CidrIpv4"])
    if "CidrIpv6" in shape:
        return ipv6_network(shape["CidrIpv6"])
    if "PrefixListId" in shape:
        return PrefixList(list_id=shape["PrefixListId"])
    if "ReferencedGroupInfo" in shape:
        return GroupReference(shape["ReferencedGroupInfo"].get("GroupId", ""))
    raise InvalidRuleError("it has no kind of source that this version knows")


def shape_of(rule: IngressRule) -> SecurityGroupRuleTypeDef:
    """Write a rule as `read` reads it; the entries of a prefix list are left out.

    Raises InvalidRuleError for an unknown source.
    """
    key, value = _KEYS[_kind(rule.source)], str(rule.source)
    described: Any = {
        "SecurityGroupRuleId": rule.rule_id,
        "GroupId": rule.group_id,
        **_traffic(rule.traffic),
        key: {"GroupId": value} if key == "ReferencedGroupInfo" else value,
        "Description": rule.description,
        "Tags": tag_list(rule.tags),
    }
    shape: SecurityGroupRuleTypeDef = described
    return shape


def request(group_id: str, permission: Permission) -> AuthorizeSecurityGroupIngressRequestTypeDef:
    """Write the request that makes exactly one rule; InvalidRuleError for an unknown source."""
    places, key = _PLACES[_kind(permission.source)]
    entry = {key: str(permission.source)}
    if permission.description:
        entry["Description"] = permission.description
    asked: Any = {**_traffic(permission.traffic), places: [entry]}
    shape: AuthorizeSecurityGroupIngressRequestTypeDef = {
        "GroupId": group_id,
        "IpPermissions": [asked],
    }
    ours = {k: v for k, v in permission.tags.items() if not k.startswith(AWS_TAGS)}
    if ours:
        shape["TagSpecifications"] = [
            {"ResourceType": "security-group-rule", "Tags": tag_list(ours)}
        ]
    return shape


def tags(shapes: Iterable[TagTypeDef]) -> dict[str, str]:
    """Read tags."""
    return {tag["Key"]: tag["Value"] for tag in shapes}


def tag_list(tags: Mapping[str, str]) -> list[TagTypeDef]:
    """Write tags."""
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def _kind(source: Source) -> type[Source]:
    if isinstance(source, UnknownSource):
        raise InvalidRuleError(f"there is no such rule to ask for: {source}")
    return type(source)


def _traffic(traffic: Traffic) -> dict[str, Any]:
    """Write protocol and ports.

    ICMP rules get all their types: what a rule says of them is not kept, and none that reaches a
    cache has any.
    """
    shape: dict[str, Any] = {"IpProtocol": traffic.protocol_name}
    if traffic.first is not None:
        return shape | {"FromPort": traffic.first, "ToPort": traffic.last}
    if traffic.protocol in _WITH_TYPES:
        return shape | {"FromPort": -1, "ToPort": -1}
    return shape
