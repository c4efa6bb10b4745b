"""The stand-in for EC2 gives, moves and takes public addresses as AWS does."""

from __future__ import annotations

import time
from contextlib import contextmanager
from ipaddress import IPv4Address, IPv4Network
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from local.aws_server import AwsServer, backend
from local.network import PUBLIC_SUBNET, Network
from local.public_addresses import PublicAddresses

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


class Paths:
    """Where packets go, and every change of it."""

    def __init__(self) -> None:
        self.now: dict[str, str | None] = {}
        self.changes: list[dict[str, str | None]] = []

    def lead(self, ways: Mapping[IPv4Address, IPv4Address | None]) -> None:
        change = {str(key): str(value) if value else None for key, value in ways.items()}
        self.changes.append(change)
        self.now |= change


@pytest.fixture(scope="module")
def paths() -> Paths:
    return Paths()


@pytest.fixture(scope="module")
def aws(paths: Paths) -> Iterator[AwsServer]:
    with AwsServer(public=PublicAddresses(paths)) as server:
        yield server


@pytest.fixture
def instance(ec2: Any, network: Network) -> Iterator[str]:
    with running(ec2, network) as started:
        yield started


@pytest.fixture
def other(ec2: Any, network: Network) -> Iterator[str]:
    with running(ec2, network) as started:
        yield started


@contextmanager
def running(ec2: Any, network: Network, **more: Any) -> Iterator[str]:
    """An instance with a public address that EC2 gave it."""
    interface = {
        "DeviceIndex": 0, "SubnetId": network.subnets[PUBLIC_SUBNET],
        "AssociatePublicIpAddress": True, "Groups": [network.nat_group],
    }  # fmt: skip
    image = next(iter(backend("ec2").amis))  # any
    started = ec2.run_instances(
        ImageId=image, MinCount=1, MaxCount=1, NetworkInterfaces=[interface], **more
    )
    (found,) = started["Instances"]
    yield str(found["InstanceId"])
    ec2.terminate_instances(InstanceIds=[found["InstanceId"]])


@pytest.fixture
def address(ec2: Any) -> Iterator[str]:
    allocation = str(ec2.allocate_address(Domain="vpc")["AllocationId"])
    yield allocation
    for each in ec2.describe_addresses()["Addresses"]:
        if each["AllocationId"] == allocation:
            if "AssociationId" in each:
                ec2.disassociate_address(AssociationId=each["AssociationId"])
            ec2.release_address(AllocationId=allocation)


def shown(ec2: Any, allocation: str) -> dict[str, Any]:
    (found,) = ec2.describe_addresses(AllocationIds=[allocation])["Addresses"]
    return dict(found)


def public(ec2: Any, instance: str) -> str | None:
    answer = ec2.describe_instances(InstanceIds=[instance])
    address = answer["Reservations"][0]["Instances"][0].get("PublicIpAddress")
    return str(address) if address else None


def private(ec2: Any, instance: str) -> str:
    answer = ec2.describe_instances(InstanceIds=[instance])
    return str(answer["Reservations"][0]["Instances"][0]["PrivateIpAddress"])


def refusal(call: Any, **arguments: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    error = caught.value.response["Error"]
    return str(error["Code"]), str(error["Message"])


# -- who has it ------------------------------------------------------------------------------------


def test_an_address_of_nobody_shows_what_it_is_and_no_holder(ec2: Any, address: str) -> None:
    ec2.create_tags(Resources=[address], Tags=[{"Key": "a", "Value": "b"}])

    found = shown(ec2, address)

    assert IPv4Address(found.pop("PublicIp")) in IPv4Network("203.0.113.0/24")
    assert found == {
        "AllocationId": address, "Domain": "vpc", "PublicIpv4Pool": "amazon",
        "NetworkBorderGroup": "us-east-1", "Tags": [{"Key": "a", "Value": "b"}],
    }  # fmt: skip


def test_an_address_shows_instance_interface_and_private_address(
    ec2: Any, address: str, instance: str
) -> None:
    association = ec2.associate_address(AllocationId=address, InstanceId=instance)["AssociationId"]

    found = shown(ec2, address)

    assert found["AssociationId"] == association
    assert found["InstanceId"] == instance
    assert found["NetworkInterfaceId"].startswith("eni-")
    assert found["PrivateIpAddress"] == private(ec2, instance)
    assert public(ec2, instance) == found["PublicIp"]


def test_an_address_moves_at_once_and_only_one_instance_has_it(
    ec2: Any, address: str, instance: str, other: str
) -> None:
    first = ec2.associate_address(AllocationId=address, InstanceId=instance)["AssociationId"]

    second = ec2.associate_address(AllocationId=address, InstanceId=other, AllowReassociation=True)[
        "AssociationId"
    ]

    found = shown(ec2, address)
    assert (found["InstanceId"], found["AssociationId"]) == (other, second)
    assert first != second
    assert public(ec2, other) == found["PublicIp"]
    assert public(ec2, instance) != found["PublicIp"]


def test_the_same_association_twice_changes_nothing(ec2: Any, address: str, instance: str) -> None:
    asked = {"AllocationId": address, "InstanceId": instance}

    first, second = (ec2.associate_address(**asked)["AssociationId"] for _ in range(2))
    third = ec2.associate_address(**asked, AllowReassociation=False)["AssociationId"]

    assert first == second == third


def test_an_address_that_may_not_move_stays_and_the_refusal_names_the_association(
    ec2: Any, address: str, instance: str, other: str
) -> None:
    association = ec2.associate_address(AllocationId=address, InstanceId=instance)["AssociationId"]

    code, text = refusal(
        ec2.associate_address, AllocationId=address, InstanceId=other, AllowReassociation=False
    )

    assert code == "Resource.AlreadyAssociated"
    assert association in text
    assert shown(ec2, address)["InstanceId"] == instance


def test_an_instance_s_own_elastic_ip_gives_way_unless_that_is_forbidden(
    ec2: Any, address: str, instance: str
) -> None:
    own = ec2.allocate_address(Domain="vpc")["AllocationId"]
    ec2.associate_address(AllocationId=own, InstanceId=instance)
    asked = {"AllocationId": address, "InstanceId": instance}

    code, _ = refusal(ec2.associate_address, **asked, AllowReassociation=False)
    ec2.associate_address(**asked, AllowReassociation=True)

    assert code == "Resource.AlreadyAssociated"
    assert "InstanceId" not in shown(ec2, own)
    assert public(ec2, instance) == shown(ec2, address)["PublicIp"]
    ec2.release_address(AllocationId=own)


def test_an_interface_may_have_an_address_of_its_own(
    ec2: Any, network: Network, address: str, instance: str
) -> None:
    free = ec2.create_network_interface(SubnetId=network.subnets[PUBLIC_SUBNET])
    free_id = free["NetworkInterface"]["NetworkInterfaceId"]

    ec2.associate_address(AllocationId=address, NetworkInterfaceId=free_id)
    alone = shown(ec2, address)
    ec2.delete_network_interface(NetworkInterfaceId=free_id)

    assert (alone["NetworkInterfaceId"], "InstanceId" in alone) == (free_id, False)
    assert "NetworkInterfaceId" not in shown(ec2, address)
    ec2.associate_address(AllocationId=address, InstanceId=instance)
    interface = shown(ec2, address)["NetworkInterfaceId"]
    ec2.associate_address(AllocationId=address, NetworkInterfaceId=interface)
    assert shown(ec2, address)["InstanceId"] == instance


# -- the address that EC2 gives --------------------------------------------------------------------


def test_the_given_address_goes_when_an_elastic_one_comes_and_another_comes_when_it_goes(
    ec2: Any, paths: Paths, address: str, instance: str
) -> None:
    given, own = public(ec2, instance), private(ec2, instance)
    elastic = shown(ec2, address)["PublicIp"]
    assert paths.now[str(given)] == own

    association = ec2.associate_address(AllocationId=address, InstanceId=instance)
    held = (public(ec2, instance), paths.now[elastic], paths.now[str(given)])
    ec2.disassociate_address(AssociationId=association["AssociationId"])
    again = public(ec2, instance)

    assert held == (elastic, own, None)
    assert again not in {given, elastic, None}
    assert (paths.now[str(again)], paths.now[elastic]) == (own, None)


def test_a_move_is_one_change_of_the_world(
    ec2: Any, paths: Paths, address: str, instance: str, other: str
) -> None:
    ec2.associate_address(AllocationId=address, InstanceId=instance)
    elastic, given = shown(ec2, address)["PublicIp"], public(ec2, other)
    paths.changes.clear()

    ec2.associate_address(AllocationId=address, InstanceId=other)

    assert paths.changes == [
        {
            elastic: private(ec2, other),
            str(given): None,
            str(public(ec2, instance)): private(ec2, instance),
        }
    ]


def test_an_instance_that_stops_keeps_an_elastic_ip_and_loses_what_was_given(
    ec2: Any, paths: Paths, address: str, instance: str, other: str
) -> None:
    ec2.associate_address(AllocationId=address, InstanceId=instance)
    given = public(ec2, other)

    ec2.stop_instances(InstanceIds=[instance, other])
    stopped = (public(ec2, instance), public(ec2, other), paths.now[str(given)])
    ec2.start_instances(InstanceIds=[instance, other])

    elastic = shown(ec2, address)["PublicIp"]
    assert stopped == (elastic, None, None)
    assert public(ec2, instance) == elastic
    assert public(ec2, other) not in {None, given}


def test_an_instance_that_is_gone_leaves_its_elastic_ip_to_the_account(
    ec2: Any, network: Network, paths: Paths, address: str
) -> None:
    with running(ec2, network) as instance:
        ec2.associate_address(AllocationId=address, InstanceId=instance)

    found = shown(ec2, address)
    assert not {"InstanceId", "NetworkInterfaceId", "AssociationId"} & set(found)
    assert paths.now[found["PublicIp"]] is None


def test_an_instance_that_lost_its_address_while_it_was_stopped_gets_one_when_it_starts(
    ec2: Any, address: str, instance: str, other: str
) -> None:
    ec2.associate_address(AllocationId=address, InstanceId=instance)
    ec2.stop_instances(InstanceIds=[instance])

    ec2.associate_address(AllocationId=address, InstanceId=other)
    stopped = public(ec2, instance)
    ec2.start_instances(InstanceIds=[instance])

    assert stopped is None
    assert public(ec2, instance) not in {None, shown(ec2, address)["PublicIp"]}


# -- what is refused -------------------------------------------------------------------------------


def test_only_an_instance_that_lives_gets_an_address(
    ec2: Any, network: Network, address: str, instance: str
) -> None:
    with running(ec2, network) as gone:
        pass

    refused = refusal(ec2.associate_address, AllocationId=address, InstanceId=gone)
    ec2.stop_instances(InstanceIds=[instance])
    ec2.associate_address(AllocationId=address, InstanceId=instance)

    assert refused == (
        "InvalidInstanceID",
        f"The terminated instance '{gone}' is not in a valid state for this operation.",
    )
    assert shown(ec2, address)["InstanceId"] == instance


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"InstanceId": "i-0123456789abcdef0"}, "InvalidInstanceID.NotFound"),
        ({"NetworkInterfaceId": "eni-0123456789abcdef0"}, "InvalidNetworkInterfaceID.NotFound"),
        ({"AllocationId": "eipalloc-0"}, "InvalidAllocationID.NotFound"),
        ({}, "MissingParameter"),
    ],
)
def test_what_does_not_exist_gets_no_address(
    ec2: Any, address: str, asked: dict[str, str], code: str
) -> None:
    found, _ = refusal(ec2.associate_address, **({"AllocationId": address} | asked))

    assert found == code


def test_an_instance_with_two_interfaces_must_say_which(
    ec2: Any, network: Network, address: str, instance: str
) -> None:
    second = ec2.create_network_interface(SubnetId=network.subnets[PUBLIC_SUBNET])
    second_id = second["NetworkInterface"]["NetworkInterfaceId"]
    attached = ec2.attach_network_interface(
        NetworkInterfaceId=second_id, InstanceId=instance, DeviceIndex=1
    )

    code, text = refusal(ec2.associate_address, AllocationId=address, InstanceId=instance)
    filters = [{"Name": "private-ip-address", "Values": [private(ec2, instance)]}]
    (first,) = ec2.describe_network_interfaces(Filters=filters)["NetworkInterfaces"]
    made = ec2.associate_address(
        AllocationId=address, NetworkInterfaceId=first["NetworkInterfaceId"]
    )
    ec2.disassociate_address(AssociationId=made["AssociationId"])

    assert (code, "multiple interfaces" in text) == ("InvalidInstanceID", True)
    assert public(ec2, instance) is None  # and none is given to it again
    ec2.detach_network_interface(AttachmentId=attached["AttachmentId"])
    ec2.delete_network_interface(NetworkInterfaceId=second_id)


def test_an_address_in_use_is_not_released_outside_the_default_vpc(
    ec2: Any, address: str, instance: str
) -> None:
    association = ec2.associate_address(AllocationId=address, InstanceId=instance)["AssociationId"]

    in_use, _ = refusal(ec2.release_address, AllocationId=address)
    ec2.disassociate_address(AssociationId=association)
    ec2.release_address(AllocationId=address)

    assert in_use == "InvalidIPAddress.InUse"
    assert refusal(ec2.release_address, AllocationId=address)[0] == "InvalidAllocationID.NotFound"
    again = refusal(ec2.disassociate_address, AssociationId=association)
    assert again[0] == "InvalidAssociationID.NotFound"


def test_in_the_default_vpc_a_release_takes_the_address_away(ec2: Any, address: str) -> None:
    image = next(iter(backend("ec2").amis))  # any
    started = ec2.run_instances(ImageId=image, MinCount=1, MaxCount=1)
    instance = started["Instances"][0]["InstanceId"]
    ec2.associate_address(AllocationId=address, InstanceId=instance)
    elastic = public(ec2, instance)

    ec2.release_address(AllocationId=address)

    assert public(ec2, instance) not in {elastic, None}
    ec2.terminate_instances(InstanceIds=[instance])


# -- what is shown ---------------------------------------------------------------------------------


def test_addresses_are_found_by_what_they_are_and_where(
    ec2: Any, address: str, instance: str
) -> None:
    ec2.create_tags(Resources=[address], Tags=[{"Key": "cachegate", "Value": "yes"}])
    free = ec2.allocate_address(
        Domain="vpc",
        TagSpecifications=[
            {"ResourceType": "elastic-ip", "Tags": [{"Key": "cachegate", "Value": "no"}]}
        ],
    )["AllocationId"]
    ec2.associate_address(AllocationId=address, InstanceId=instance)
    there = shown(ec2, address)

    def found(**wanted: str) -> set[str]:
        filters = [
            {"Name": name.replace("_", "-").replace("--", ":"), "Values": [value, "none"]}
            for name, value in wanted.items()
        ]
        answer = ec2.describe_addresses(Filters=filters)["Addresses"]
        return {each["AllocationId"] for each in answer}

    assert found(allocation_id=address) == {address}
    assert found(allocation_id="eipalloc-none") == set()
    assert found(association_id=there["AssociationId"]) == {address}
    assert found(instance_id=instance) == {address}
    assert found(network_interface_id=there["NetworkInterfaceId"]) == {address}
    assert found(private_ip_address=there["PrivateIpAddress"]) == {address}
    assert found(public_ip=there["PublicIp"], instance_id=instance) == {address}
    assert found(public_ip=there["PublicIp"], instance_id="i-none") == set()
    assert found(tag__cachegate="yes") == {address}
    assert found(tag_key="cachegate") == {address, free}
    absent, _ = refusal(ec2.describe_addresses, AllocationIds=["eipalloc-none"])
    assert absent == "InvalidAllocationID.NotFound"
    absent, _ = refusal(ec2.describe_addresses, PublicIps=["192.0.2.1"])
    assert absent == "InvalidAddress.NotFound"
    ec2.release_address(AllocationId=free)


def test_a_move_may_be_shown_late(
    aws: AwsServer, ec2: Any, address: str, instance: str, other: str
) -> None:
    ec2.associate_address(AllocationId=address, InstanceId=instance)
    aws.moods.old_holder = 0.5
    time.sleep(0.6)

    ec2.associate_address(AllocationId=address, InstanceId=other)
    soon = shown(ec2, address)["InstanceId"]
    time.sleep(0.6)
    later = shown(ec2, address)["InstanceId"]
    aws.moods.old_holder = 0.0

    assert (soon, later) == (instance, other)


def test_packets_may_follow_late_and_go_to_the_last_of_two_places(
    aws: AwsServer, ec2: Any, paths: Paths, address: str, instance: str, other: str
) -> None:
    elastic = shown(ec2, address)["PublicIp"]
    ec2.associate_address(AllocationId=address, InstanceId=instance)
    aws.moods.follow = 0.5

    ec2.associate_address(AllocationId=address, InstanceId=other)
    ec2.associate_address(AllocationId=address, InstanceId=instance)
    ec2.associate_address(AllocationId=address, InstanceId=other)
    aws.moods.follow = 0.0
    soon = paths.now[elastic]
    time.sleep(0.7)

    assert soon == private(ec2, instance)
    assert paths.now[elastic] == private(ec2, other)
    assert paths.now[str(public(ec2, instance))] == private(ec2, instance)


# -- status checks ---------------------------------------------------------------------------------


def statuses(ec2: Any, **asked: Any) -> dict[str, tuple[str, str]]:
    answer = ec2.describe_instance_status(**asked)["InstanceStatuses"]
    return {
        each["InstanceId"]: (each["InstanceStatus"]["Status"], each["SystemStatus"]["Status"])
        for each in answer
    }


def test_checks_pass_until_a_test_says_otherwise(
    aws: AwsServer, ec2: Any, instance: str, other: str
) -> None:
    both = {"InstanceIds": [instance, other]}
    usual = statuses(ec2, **both)
    aws.moods.instance_checks[instance] = "impaired"
    aws.moods.system_checks[other] = "initializing"

    (details,) = ec2.describe_instance_status(InstanceIds=[instance])["InstanceStatuses"]

    assert usual == dict.fromkeys([instance, other], ("ok", "ok"))
    assert statuses(ec2, **both) == {instance: ("impaired", "ok"), other: ("ok", "initializing")}
    assert details["InstanceStatus"]["Details"] == [{"Name": "reachability", "Status": "failed"}]
    assert details["InstanceState"] == {"Code": 16, "Name": "running"}
    impaired = [{"Name": "instance-status.status", "Values": ["impaired"]}]
    assert set(statuses(ec2, Filters=impaired)) == {instance}


def test_what_does_not_run_has_no_status_unless_all_are_asked_for(
    aws: AwsServer, ec2: Any, instance: str, other: str
) -> None:
    aws.moods.instance_checks[other] = "impaired"
    ec2.stop_instances(InstanceIds=[other])
    both = {"InstanceIds": [instance, other]}

    assert set(statuses(ec2, **both)) == {instance}
    every = statuses(ec2, **both, IncludeAllInstances=True)
    assert every[other] == ("not-applicable", "not-applicable")
    assert instance in statuses(ec2)
    assert other not in statuses(ec2)


def test_a_status_is_asked_for_by_id_without_pages_or_for_all_in_pages(
    ec2: Any, instance: str
) -> None:
    unknown = "i-0123456789abcdef0"
    absent, _ = refusal(ec2.describe_instance_status, InstanceIds=[instance, unknown])
    paged, _ = refusal(ec2.describe_instance_status, InstanceIds=[instance], MaxResults=5)
    many, _ = refusal(ec2.describe_instance_status, InstanceIds=[instance] * 101)

    assert absent == "InvalidInstanceID.NotFound"
    assert paged == "InvalidParameterCombination"
    assert many == "InvalidParameterValue"
    assert instance in statuses(ec2, MaxResults=1000)
