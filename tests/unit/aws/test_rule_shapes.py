"""Ingress rules to and from EC2's shapes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from cachegate.aws.rule_shapes import read, request, shape_of
from cachegate.domain.ingress import (
    GroupReference,
    IngressRule,
    Permission,
    PrefixList,
    UnknownSource,
    ipv4_network,
    ipv6_network,
)
from cachegate.domain.judgement import SourceClass, Verdict
from cachegate.domain.traffic import ALL, ICMP, TCP, Traffic
from cachegate.errors import InvalidRuleError
from cachegate.planning.judge import judge
from tests.unit.planning.ingress import POLICY

if TYPE_CHECKING:
    from cachegate.domain.ingress import Source

WORLD = ipv4_network("0.0.0.0/0")


def shape(**fields: Any) -> Any:
    rule = {"SecurityGroupRuleId": "sgr-1", "GroupId": "sg-1", "IpProtocol": "tcp"}
    return rule | {"FromPort": 6379, "ToPort": 6379, "CidrIpv4": "0.0.0.0/0"} | fields


def without(key: str, **fields: Any) -> Any:
    return {name: value for name, value in shape(**fields).items() if name != key}


def test_a_rule_is_read_with_all_that_it_takes_to_give_it_back() -> None:
    described = shape(Description="office", Tags=[{"Key": "team", "Value": "web"}])

    assert read(described) == IngressRule(
        rule_id="sgr-1",
        group_id="sg-1",
        traffic=Traffic(TCP, 6379, 6379),
        source=WORLD,
        description="office",
        tags={"team": "web"},
    )


@pytest.mark.parametrize(
    ("described", "source"),
    [
        (shape(), WORLD),
        (without("CidrIpv4", CidrIpv6="2001:db8::/32"), ipv6_network("2001:db8::/32")),
        (without("CidrIpv4", PrefixListId="pl-1"), PrefixList(list_id="pl-1")),
        (
            without("CidrIpv4", ReferencedGroupInfo={"GroupId": "sg-2", "UserId": "123456789012"}),
            GroupReference("sg-2"),
        ),
    ],
    ids=["ipv4", "ipv6", "prefix list", "group"],
)
def test_every_kind_of_source_is_read(described: Any, source: Source) -> None:
    assert read(described).source == source


@pytest.mark.parametrize(
    ("described", "traffic"),
    [
        (shape(IpProtocol="-1", FromPort=-1, ToPort=-1), Traffic(ALL)),
        (without("FromPort", IpProtocol="47", ToPort=0), Traffic(47)),
        (shape(IpProtocol="icmp", FromPort=8, ToPort=-1), Traffic(ICMP)),
    ],
    ids=["everything", "a protocol without ports", "a type of icmp is no port"],
)
def test_traffic_without_ports_has_none(described: Any, traffic: Traffic) -> None:
    assert read(described).traffic == traffic


@pytest.mark.parametrize(
    ("described", "word"),
    [
        (without("CidrIpv4"), "no kind of source"),
        (shape(CidrIpv4="0.0.0.0"), "no IPv4 CIDR block"),
        (without("CidrIpv4", CidrIpv6="::"), "no IPv6 CIDR block"),
        (without("CidrIpv4", ReferencedGroupInfo={}), "id of a group"),
        (without("CidrIpv4", PrefixListId=""), "needs an id"),
        (shape(IpProtocol="quic"), "no protocol"),
        (without("IpProtocol"), "no protocol"),
        (shape(FromPort=7000, ToPort=6000), "no port range"),
        (shape(FromPort=6379, ToPort=70000), "no port range"),
    ],
)
def test_a_rule_that_cannot_be_read_is_reported_in_words_and_never_revoked(
    described: Any, word: str
) -> None:
    rule = read(described)
    (judgement,) = judge([rule], POLICY)

    assert isinstance(rule.source, UnknownSource)
    assert word in str(rule.source)
    assert (judgement.source_class, judgement.verdict) == (
        SourceClass.UNREADABLE,
        Verdict.REPORT,
    )
    assert word in judgement.reason
    assert judgement.reached  # it may admit anything


def test_an_odd_rule_leaves_the_judgement_of_the_others_alone() -> None:
    world = read(shape(SecurityGroupRuleId="sgr-2"))

    (_, judgement) = judge([read(without("CidrIpv4")), world], POLICY)

    assert judgement.verdict is Verdict.REVOKE


@pytest.mark.parametrize(
    ("traffic", "source", "asked"),
    [
        (
            Traffic(TCP, 6379, 6380),
            WORLD,
            {"IpProtocol": "tcp", "FromPort": 6379, "ToPort": 6380,
             "IpRanges": [{"CidrIp": "0.0.0.0/0", "Description": "office"}]},
        ),
        (
            Traffic(ALL),
            ipv6_network("::/0"),
            {"IpProtocol": "-1", "Ipv6Ranges": [{"CidrIpv6": "::/0", "Description": "office"}]},
        ),
        (
            Traffic(ICMP),
            PrefixList(list_id="pl-1", entries=(WORLD,)),
            {"IpProtocol": "icmp", "FromPort": -1, "ToPort": -1,
             "PrefixListIds": [{"PrefixListId": "pl-1", "Description": "office"}]},
        ),
        (
            Traffic(47),
            GroupReference("sg-2"),
            {"IpProtocol": "47",
             "UserIdGroupPairs": [{"GroupId": "sg-2", "Description": "office"}]},
        ),
    ],
    ids=["ipv4", "ipv6", "prefix list", "group"],
)  # fmt: skip
def test_a_permission_makes_exactly_one_rule(
    traffic: Traffic, source: Source, asked: dict[str, Any]
) -> None:
    permission = Permission(traffic=traffic, source=source, description="office")

    assert request("sg-1", permission) == {"GroupId": "sg-1", "IpPermissions": [asked]}


def test_a_permission_without_description_has_none() -> None:
    (asked,) = request("sg-1", Permission(traffic=Traffic(ALL), source=WORLD))["IpPermissions"]

    assert asked == {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}


def test_nothing_is_asked_for_that_cannot_be_read() -> None:
    odd = read(without("CidrIpv4"))

    with pytest.raises(InvalidRuleError, match="no kind of source"):
        request("sg-1", Permission(traffic=odd.traffic, source=odd.source))
    with pytest.raises(InvalidRuleError, match="no kind of source"):
        shape_of(odd)
