"""The address, the health of instances and rules of both directions, on EC2 as we play it."""

from __future__ import annotations

from ipaddress import IPv4Address
from typing import TYPE_CHECKING

import pytest

from cachegate.aws.addresses import Ec2Addresses
from cachegate.aws.group_rules import Ec2GroupRules
from cachegate.aws.network import Ec2Network
from cachegate.domain.cache import Health
from cachegate.domain.group_rules import Direction, Opening, Wanted
from cachegate.domain.ingress import GroupReference, PrefixList, ipv4_network
from cachegate.domain.traffic import TCP, Traffic
from cachegate.errors import AddressRefusedError, RuleRefusedError

if TYPE_CHECKING:
    from mypy_boto3_ec2 import EC2Client

    from cachegate.domain.ingress import Source
    from local.aws_server import AwsServer
    from local.network import Network

REDIS = Traffic(TCP, 6379, 6379)
TAGS = {"cachegate:managed": "cachegate", "cachegate:vpc": "vpc-1"}
OURS = {"cachegate:nat": "cachegate"}


@pytest.fixture(scope="module")
def pair(network: Network) -> tuple[str, str]:
    """Two NAT instances."""
    first, second = (
        network.run_instance(IPv4Address("10.0.0.10") + number, None, OURS) for number in (0, 1)
    )
    return first, second


def test_an_address_goes_to_an_instance_and_on_to_another_and_back_to_aws(
    ec2: EC2Client, pair: tuple[str, str]
) -> None:
    addresses = Ec2Addresses(ec2, ec2)
    allocation = ec2.allocate_address(Domain="vpc")["AllocationId"]

    seen = []
    for instance in (None, *pair):
        if instance is not None:
            addresses.associate(allocation, instance)
        found = addresses.find(allocation)
        assert found is not None
        seen.append(found.instance_id)
    addresses.release(allocation)

    assert seen == [None, *pair]
    assert addresses.find(allocation) is None
    addresses.release(allocation)
    with pytest.raises(AddressRefusedError, match="does not exist"):
        addresses.associate(allocation, pair[0])


def test_an_instance_with_several_interfaces_gets_an_address_at_its_first(
    ec2: EC2Client, network: Network
) -> None:
    addresses = Ec2Addresses(ec2, ec2)
    allocation = ec2.allocate_address(Domain="vpc")["AllocationId"]
    name = network.run_instance(IPv4Address("10.0.0.31"), None, OURS)
    subnet = ec2.describe_instances(InstanceIds=[name])["Reservations"][0]["Instances"][0]
    second = ec2.create_network_interface(SubnetId=subnet["SubnetId"])["NetworkInterface"]
    ec2.attach_network_interface(
        DeviceIndex=1, InstanceId=name, NetworkInterfaceId=second["NetworkInterfaceId"]
    )
    (nat,) = (each for each in Ec2Network(ec2).nat_instances() if each.instance_id == name)

    with pytest.raises(AddressRefusedError, match="multiple interfaces"):
        addresses.associate(allocation, name)
    addresses.associate(allocation, name, nat.interface)

    found = addresses.find(allocation)
    assert found is not None
    assert (found.instance_id, found.interface_id) == (name, nat.interface)
    addresses.release(allocation)
    ec2.terminate_instances(InstanceIds=[name])


def test_nothing_goes_to_an_instance_that_is_gone(ec2: EC2Client, network: Network) -> None:
    addresses = Ec2Addresses(ec2, ec2)
    allocation = ec2.allocate_address(Domain="vpc")["AllocationId"]
    gone = network.run_instance(IPv4Address("10.0.0.30"), None, OURS)
    ec2.terminate_instances(InstanceIds=[gone])

    with pytest.raises(AddressRefusedError, match=r"terminated .* not in a valid state"):
        addresses.associate(allocation, gone)

    addresses.release(allocation)


def test_the_health_of_nat_instances_is_what_both_checks_say(
    aws: AwsServer, ec2: EC2Client, pair: tuple[str, str]
) -> None:
    aws.moods.instance_checks[pair[0]] = "impaired"
    aws.moods.system_checks[pair[1]] = "initializing"

    def health() -> dict[str, Health]:
        return {
            each.instance_id: each.health for each in Ec2Network(ec2, checks=True).nat_instances()
        }

    troubled = health()
    aws.moods.instance_checks.clear()
    aws.moods.system_checks.clear()
    ec2.stop_instances(InstanceIds=[pair[1]])

    assert troubled == {pair[0]: Health.IMPAIRED, pair[1]: Health.UNKNOWN}
    assert health() == {pair[0]: Health.OK, pair[1]: Health.UNKNOWN}


@pytest.mark.parametrize("direction", list(Direction))
def test_a_rule_of_either_direction_is_opened_found_by_its_tag_and_closed(
    ec2: EC2Client, network: Network, direction: Direction
) -> None:
    rules, group = Ec2GroupRules(ec2), network.nat_group
    peers: list[Source] = [
        ipv4_network("203.0.113.0/24"),
        GroupReference(network.cache_group),
    ]
    wanted = [
        Wanted(
            opening=Opening(group_id=group, direction=direction, traffic=REDIS, peer=peer),
            why="sessions",
        )
        for peer in peers
    ]

    def ids() -> set[str]:
        return {each.rule_id for each in rules.rules([group])}

    before = ids()

    added = [rules.open(each, TAGS) for each in (*wanted, *wanted)]

    managed = rules.managed("cachegate")
    assert added == [True, True, False, False]
    assert {each.opening for each in managed} == {each.opening for each in wanted}
    assert {each.description for each in managed} == {"sessions"}
    assert ids() == before | {each.rule_id for each in managed}
    assert rules.managed("other") == ()
    for each in (*managed, *managed):
        rules.close(each)
    assert ids() == before


def test_a_prefix_list_takes_its_maximum_of_a_group_s_quota(
    ec2: EC2Client, network: Network
) -> None:
    rules, group = Ec2GroupRules(ec2), network.cache_group
    made = ec2.create_managed_prefix_list(
        PrefixListName="offices", MaxEntries=58, AddressFamily="IPv4"
    )["PrefixList"]["PrefixListId"]

    def wanted(peer: Source) -> Wanted:
        opening = Opening(group_id=group, direction=Direction.EGRESS, traffic=REDIS, peer=peer)
        return Wanted(opening=opening, why="")

    rules.open(wanted(PrefixList(list_id=made)), TAGS)
    weighs = sum(
        each.weight for each in rules.rules([group])
        if each.opening.direction is Direction.EGRESS
    )  # fmt: skip
    rules.open(wanted(ipv4_network("203.0.113.0/24")), TAGS)

    assert weighs == 59  # a group is born with one
    with pytest.raises(RuleRefusedError, match="the group is full"):
        rules.open(wanted(ipv4_network("198.51.100.0/24")), TAGS)
