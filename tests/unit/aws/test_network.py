"""The network adapter, against answers in EC2's own shapes."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network
from typing import Any

import pytest
from botocore.exceptions import ClientError

from cachegate.aws.network import Ec2Network
from cachegate.domain.cache import Evidence
from tests.unit.aws.fake_client import Call, client_error, failing, fake_client, pages

NODE, OTHER = IPv4Address("10.0.1.10"), IPv4Address("10.0.1.11")


def instance(name: str, stack: str = "cachegate", **more: Any) -> dict[str, Any]:
    return {
        "InstanceId": name,
        "VpcId": "vpc-1",
        "State": {"Name": "running"},
        "PrivateIpAddress": "10.0.255.10",
        "Tags": [{"Key": "Name", "Value": "nat"}, {"Key": "cachegate:nat", "Value": stack}],
    } | more


def reservations(*instances: dict[str, Any]) -> Any:
    found = ({"Reservations": [{"Instances": [each]}]} for each in instances)
    return pages("NextToken", "NextToken", *found)


def interfaces(*addresses: str) -> Any:
    found = (
        {"NetworkInterfaces": [{"PrivateIpAddresses": [{"PrivateIpAddress": each}]}]}
        for each in addresses
    )
    return (
        pages("NextToken", "NextToken", *found)
        if addresses
        else (lambda **_: {"NetworkInterfaces": []})
    )


def test_nat_instances_of_every_stack_and_page_are_found() -> None:
    calls: list[Call] = []
    answers = {
        "DescribeInstances": reservations(
            instance("i-2", PublicIpAddress="203.0.113.9"), instance("i-1", "other")
        )
    }

    found = Ec2Network(fake_client("ec2", answers, calls)).nat_instances()

    assert [(i.instance_id, i.stack, i.public_address) for i in found] == [
        ("i-1", "other", None),
        ("i-2", "cachegate", IPv4Address("203.0.113.9")),
    ]
    assert list(calls[0][1]["Filters"]) == [
        {"Name": "tag-key", "Values": ["cachegate:nat"]},
        {"Name": "instance-state-name", "Values": ("pending", "running", "stopping", "stopped")},
    ]


def test_an_instance_without_an_ipv4_address_is_no_nat_instance_whatever_its_tag_says() -> None:
    odd = instance("i-2")
    del odd["PrivateIpAddress"]
    answers = {"DescribeInstances": reservations(odd, instance("i-1"))}

    found = Ec2Network(fake_client("ec2", answers)).nat_instances()

    assert [each.instance_id for each in found] == ["i-1"]


def test_running_asks_by_filter_so_that_a_vanished_instance_fails_nothing() -> None:
    calls: list[Call] = []
    answers = {"DescribeInstances": reservations(instance("i-1"))}

    running = Ec2Network(fake_client("ec2", answers, calls)).running(["i-1", "i-gone"])

    assert running == {"i-1"}
    assert "InstanceIds" not in calls[0][1]


def test_only_associated_networks_count() -> None:
    blocks = [
        {"CidrBlock": "10.1.0.0/16", "CidrBlockState": {"State": "associated"}},
        {"CidrBlock": "10.0.0.0/16", "CidrBlockState": {"State": "associated"}},
        {"CidrBlock": "10.2.0.0/16", "CidrBlockState": {"State": "disassociating"}},
    ]
    vpcs = [{"VpcId": "vpc-1", "CidrBlockAssociationSet": blocks}]
    network = Ec2Network(fake_client("ec2", {"DescribeVpcs": lambda **_: {"Vpcs": vpcs}}))

    assert network.networks(["vpc-1", "vpc-gone"]) == {
        "vpc-1": (IPv4Network("10.0.0.0/16"), IPv4Network("10.1.0.0/16"))
    }


@pytest.mark.parametrize(
    ("answer", "node", "other"),
    [
        (interfaces("10.0.1.10", "10.0.1.11"), Evidence.PRESENT, Evidence.PRESENT),
        (interfaces("10.0.1.10"), Evidence.PRESENT, Evidence.ABSENT),
        (interfaces(), Evidence.UNKNOWN, Evidence.UNKNOWN),
        (failing(client_error("RequestLimitExceeded", 503)), Evidence.UNKNOWN, Evidence.UNKNOWN),
    ],
    ids=["both seen", "one seen", "none seen: caches may be hidden", "throttled"],
)
def test_absence_is_evidence_only_where_the_listing_shows_caches(
    answer: Any, node: Evidence, other: Evidence
) -> None:
    network = Ec2Network(fake_client("ec2", {"DescribeNetworkInterfaces": answer}))

    assert network.evidence(["vpc-1"], [NODE, OTHER]) == {NODE: node, OTHER: other}


def test_a_missing_permission_is_not_taken_for_missing_evidence() -> None:
    answers = {"DescribeNetworkInterfaces": failing(client_error("UnauthorizedOperation", 403))}

    with pytest.raises(ClientError, match="UnauthorizedOperation"):
        Ec2Network(fake_client("ec2", answers)).evidence(["vpc-1"], [NODE])


def test_addresses_are_asked_for_in_batches_that_ec2_takes() -> None:
    calls: list[Call] = []
    network = Ec2Network(fake_client("ec2", {"DescribeNetworkInterfaces": interfaces()}, calls))

    network.evidence(["vpc-1"], [NODE + n for n in range(450)])

    asked = [call[1]["Filters"][1]["Values"] for call in calls]
    assert [len(batch) for batch in asked] == [200, 200, 50]


def test_nothing_asked_is_no_call() -> None:
    network = Ec2Network(fake_client("ec2", {}))

    assert network.evidence(["vpc-1"], []) == {}
    assert network.networks([]) == {}
    assert network.running([]) == frozenset()
