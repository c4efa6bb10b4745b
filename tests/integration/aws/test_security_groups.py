"""Security groups on EC2 as moto plays it: rules that are opened, seen, tagged and revoked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import boto3
import pytest
from moto import mock_aws

from cachegate.aws.security_groups import Ec2Groups
from cachegate.domain.ingress import (
    GroupReference,
    Opened,
    Permission,
    PrefixList,
    ipv4_network,
    ipv6_network,
)
from cachegate.domain.traffic import ALL, ICMP, TCP, Traffic
from cachegate.errors import RuleRefusedError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_ec2 import EC2Client

    from cachegate.domain.ingress import Source

REDIS = Traffic(TCP, 6379, 6379)
PERMISSION = Permission(
    traffic=REDIS,
    source=ipv4_network("203.0.113.0/24"),
    description="the office",
    tags={"cachegate:managed": "cachegate"},
)


@pytest.fixture
def ec2() -> Iterator[EC2Client]:
    with mock_aws():
        yield boto3.client("ec2", region_name="eu-central-1")


@pytest.fixture
def group_id(ec2: EC2Client) -> str:
    vpc_id = ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
    return ec2.create_security_group(GroupName="web", Description="x", VpcId=vpc_id)["GroupId"]


def test_what_is_opened_is_seen_with_its_description_and_tags(
    ec2: EC2Client, group_id: str
) -> None:
    groups = Ec2Groups(ec2)

    opened = groups.open(group_id, PERMISSION)

    (rule,) = groups.rules([group_id])
    assert opened == Opened(rule_id=rule.rule_id)
    assert (rule.group_id, rule.traffic, rule.source) == (group_id, REDIS, PERMISSION.source)
    assert (rule.description, rule.tags) == (PERMISSION.description, PERMISSION.tags)


@pytest.mark.parametrize("traffic", [REDIS, Traffic(ALL), Traffic(ICMP), Traffic(17, 0, 65535)])
def test_every_kind_of_traffic_and_source_comes_back_as_it_was_asked_for(
    ec2: EC2Client, group_id: str, traffic: Traffic
) -> None:
    listed = ec2.create_managed_prefix_list(
        PrefixListName="office", MaxEntries=5, AddressFamily="IPv4"
    )["PrefixList"]["PrefixListId"]
    sources: list[Source] = [
        ipv4_network("203.0.113.0/24"),
        ipv6_network("2001:db8::/32"),
        PrefixList(list_id=listed),
        GroupReference(group_id),
    ]
    groups = Ec2Groups(ec2)

    opened = [
        groups.open(group_id, Permission(traffic=traffic, source=source)) for source in sources
    ]

    seen = {rule.rule_id: rule for rule in groups.rules([group_id])}
    assert [seen[each.rule_id or ""].source for each in opened] == sources
    assert {rule.traffic for rule in seen.values()} == {traffic}


def test_the_same_rule_twice_exists_already(ec2: EC2Client, group_id: str) -> None:
    groups = Ec2Groups(ec2)
    groups.open(group_id, PERMISSION)

    assert groups.open(group_id, PERMISSION) == Opened(rule_id=None, existed=True)


def test_a_full_group_refuses_and_says_how_the_quota_counts(ec2: EC2Client, group_id: str) -> None:
    groups = Ec2Groups(ec2)
    ec2.authorize_security_group_ingress(
        GroupId=group_id,
        IpPermissions=[
            {
                "IpProtocol": "tcp",
                "FromPort": 22,
                "ToPort": 22,
                "IpRanges": [{"CidrIp": f"198.51.100.{n}/32"} for n in range(60)],
            }
        ],
    )

    with pytest.raises(RuleRefusedError, match="60 inbound rules"):
        groups.open(group_id, PERMISSION)

    assert len(groups.rules([group_id])) == 60


def test_a_revocation_takes_one_source_out_of_a_merged_permission(
    ec2: EC2Client, group_id: str
) -> None:
    ec2.authorize_security_group_ingress(
        GroupId=group_id,
        IpPermissions=[
            {
                "IpProtocol": "tcp",
                "FromPort": 6379,
                "ToPort": 6379,
                "IpRanges": [{"CidrIp": "0.0.0.0/0"}, {"CidrIp": "203.0.113.5/32"}],
            }
        ],
    )
    groups = Ec2Groups(ec2)
    world, office = sorted(groups.rules([group_id]), key=lambda rule: str(rule.source))

    groups.revoke(group_id, world.rule_id)
    groups.revoke(group_id, world.rule_id)  # gone already: no error

    assert groups.rules([group_id]) == (office,)
    assert groups.present([world.rule_id, office.rule_id]) == {office.rule_id}


def test_a_group_that_is_gone_refuses_what_is_given_back(ec2: EC2Client, group_id: str) -> None:
    groups = Ec2Groups(ec2)
    rule_id = groups.open(group_id, PERMISSION).rule_id or ""
    ec2.delete_security_group(GroupId=group_id)

    with pytest.raises(RuleRefusedError, match="is gone"):
        groups.open(group_id, PERMISSION)

    groups.revoke(group_id, rule_id)  # no error: it is gone with its group
    assert groups.groups([group_id]) == {}
    assert groups.present([rule_id]) == frozenset()


def test_a_tag_is_seen_on_the_rule(ec2: EC2Client, group_id: str) -> None:
    groups = Ec2Groups(ec2)
    rule_id = groups.open(group_id, PERMISSION).rule_id or ""

    groups.tag(rule_id, "cachegate:exempt", "web|2027-01-31|migration")

    (rule,) = groups.rules([group_id])
    assert rule.tags["cachegate:exempt"] == "web|2027-01-31|migration"


def test_a_customers_prefix_list_is_opened_and_one_of_aws_named(ec2: EC2Client) -> None:
    groups = Ec2Groups(ec2)
    listed = ec2.create_managed_prefix_list(
        PrefixListName="office",
        MaxEntries=5,
        AddressFamily="IPv4",
        Entries=[{"Cidr": "203.0.113.0/24"}, {"Cidr": "198.51.100.0/24"}],
    )["PrefixList"]["PrefixListId"]
    every = ec2.describe_managed_prefix_lists()["PrefixLists"]
    of_aws = {
        each["PrefixListId"]: each["PrefixListName"]
        for each in every
        if each["PrefixListId"] != listed
    }

    found = groups.prefix_lists([listed, *of_aws])

    assert set(found[listed].entries or ()) == {
        ipv4_network("203.0.113.0/24"),
        ipv4_network("198.51.100.0/24"),
    }
    assert {each.list_id: each.aws_name for each in found.values() if each.aws_name} == of_aws
    assert of_aws


def test_interfaces_show_whose_they_are_and_that_they_are_public(
    ec2: EC2Client, group_id: str
) -> None:
    subnet_id = ec2.describe_subnets()["Subnets"][0]["SubnetId"]
    made = ec2.create_network_interface(
        SubnetId=subnet_id, Groups=[group_id], Description="a web server"
    )["NetworkInterface"]
    allocation = ec2.allocate_address(Domain="vpc")
    ec2.associate_address(
        AllocationId=allocation["AllocationId"], NetworkInterfaceId=made["NetworkInterfaceId"]
    )

    (interface,) = Ec2Groups(ec2).interfaces([group_id])

    assert interface.interface_id == made["NetworkInterfaceId"]
    assert interface.groups == {group_id}
    assert {str(each) for each in interface.addresses} == {made["PrivateIpAddress"]}
    assert {str(each) for each in interface.public_addresses} == {allocation["PublicIp"]}
    assert interface.description == "a web server"
