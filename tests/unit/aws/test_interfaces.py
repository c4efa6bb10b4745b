"""Network interfaces as EC2 describes them: whose they are, and what is public."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any

import pytest

from cachegate.aws.security_groups import Ec2Groups
from cachegate.domain.groups import Interface
from tests.unit.aws.fake_client import fake_client, pages


def shape(name: str = "eni-1", **fields: Any) -> dict[str, Any]:
    return {
        "NetworkInterfaceId": name,
        "Groups": [{"GroupId": "sg-1"}, {"GroupId": "sg-2"}],
    } | fields


def seen(*shapes: dict[str, Any], group_ids: tuple[str, ...] = ("sg-1",)) -> tuple[Interface, ...]:
    found = pages("NextToken", "NextToken", *({"NetworkInterfaces": [each]} for each in shapes))
    ec2 = fake_client("ec2", {"DescribeNetworkInterfaces": found})
    return Ec2Groups(ec2).interfaces(group_ids)


def only(**fields: Any) -> Interface:
    (interface,) = seen(shape(**fields))
    return interface


def test_an_interface_is_read_whole() -> None:
    interface = only(
        InterfaceType="lambda",
        Description="AWS Lambda VPC ENI",
        RequesterId="123456789012:lambda",
        RequesterManaged=True,
        PrivateIpAddresses=[{"PrivateIpAddress": "10.0.1.5"}, {"PrivateIpAddress": "10.0.1.6"}],
        Ipv6Addresses=[{"Ipv6Address": "fd00::5"}],
    )

    assert interface == Interface(
        interface_id="eni-1",
        groups=frozenset({"sg-1", "sg-2"}),
        addresses=frozenset(map(ip_address, ("10.0.1.5", "10.0.1.6", "fd00::5"))),
        kind="lambda",
        description="AWS Lambda VPC ENI",
        requester="123456789012:lambda",
        requester_managed=True,
    )


def test_an_interface_that_says_little_is_an_ordinary_one() -> None:
    assert only() == Interface(
        interface_id="eni-1", groups=frozenset({"sg-1", "sg-2"}), addresses=frozenset()
    )


@pytest.mark.parametrize(
    ("attachment", "whose"),
    [
        ({"InstanceId": "i-1", "InstanceOwnerId": "123456789012"}, "i-1"),
        ({"InstanceOwnerId": "amazon-elasticache"}, "amazon-elasticache"),
        ({}, ""),
    ],
)
def test_it_is_attached_to_an_instance_or_to_whose_instance_it_is(
    attachment: dict[str, str], whose: str
) -> None:
    assert only(Attachment=attachment).attached_to == whose


@pytest.mark.parametrize(
    ("fields", "public"),
    [
        ({"Association": {"PublicIp": "203.0.113.5"}}, ["203.0.113.5"]),
        (
            {
                "PrivateIpAddresses": [
                    {"PrivateIpAddress": "10.0.1.5", "Association": {"PublicIp": "203.0.113.5"}},
                    {"PrivateIpAddress": "10.0.1.6", "Association": {"PublicIp": "203.0.113.6"}},
                    {"PrivateIpAddress": "10.0.1.7"},
                ],
                "Association": {"PublicIp": "203.0.113.5"},
            },
            ["203.0.113.5", "203.0.113.6"],
        ),
        ({"PrivateIpAddresses": [{"PrivateIpAddress": "10.0.1.5"}]}, []),
        ({"Association": {"CarrierIp": "203.0.113.5"}}, []),
        ({"Ipv6Addresses": [{"Ipv6Address": "2600:1f14::5"}]}, ["2600:1f14::5"]),
        ({"Ipv6Addresses": [{"Ipv6Address": "fd00::5"}]}, []),
        ({"Ipv6Addresses": [{"Ipv6Address": "2600:1f14::5"}], "DenyAllIgwTraffic": True}, []),
    ],
    ids=[
        "an Elastic IP",
        "several, each once",
        "none",
        "a carrier's",
        "IPv6 is its own public address",
        "a unique local one is not",
        "nor one that internet gateways may not reach",
    ],
)
def test_which_addresses_are_public(fields: dict[str, Any], public: list[str]) -> None:
    assert sorted(map(str, only(**fields).public_addresses)) == public


def test_interfaces_of_every_page_and_batch_are_seen_once_and_sorted() -> None:
    many = tuple(f"sg-{n}" for n in range(300))

    found = seen(shape("eni-2"), shape("eni-1"), group_ids=many)

    assert [each.interface_id for each in found] == ["eni-1", "eni-2"]
