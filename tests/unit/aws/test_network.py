"""The network adapter, against answers in EC2's own shapes."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network
from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError

from cachegate.aws.network import Ec2Network
from cachegate.domain.cache import Evidence, Health
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


def statuses(**checks: tuple[str, str]) -> Any:
    """Answer with what both checks of each instance say, `_` for the `-` of an id."""
    found = [
        {
            "InstanceId": name.replace("_", "-"),
            "InstanceStatus": {"Status": of_instance},
            "SystemStatus": {"Status": of_system},
        }
        for name, (of_instance, of_system) in checks.items()
    ]
    return lambda **_: {"InstanceStatuses": found}


def attached(interface_id: str, index: int) -> dict[str, Any]:
    return {"NetworkInterfaceId": interface_id, "Attachment": {"DeviceIndex": index}}


@pytest.mark.parametrize(
    ("interfaces", "first"),
    [
        ([attached("eni-1", 0)], None),
        ([attached("eni-2", 1), attached("eni-1", 0)], "eni-1"),
    ],
)
def test_of_several_interfaces_the_first_is_known(
    interfaces: list[dict[str, Any]], first: str | None
) -> None:
    found = reservations(instance("i-1", NetworkInterfaces=interfaces))
    (nat,) = Ec2Network(fake_client("ec2", {"DescribeInstances": found})).nat_instances()

    assert nat.interface == first


def test_nat_instances_of_every_stack_and_page_are_found() -> None:
    calls: list[Call] = []
    answers = {
        "DescribeInstances": reservations(
            instance("i-2", PublicIpAddress="203.0.113.9"), instance("i-1", "other")
        ),
        "DescribeInstanceStatus": statuses(),
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
    answers = {
        "DescribeInstances": reservations(odd, instance("i-1")),
        "DescribeInstanceStatus": statuses(),
    }

    found = Ec2Network(fake_client("ec2", answers)).nat_instances()

    assert [each.instance_id for each in found] == ["i-1"]


def test_status_checks_are_not_asked_for_where_no_address_follows_from_them() -> None:
    calls: list[Call] = []
    answers = {"DescribeInstances": reservations(instance("i-1"))}

    (found,) = Ec2Network(fake_client("ec2", answers, calls)).nat_instances()

    assert found.health is Health.UNKNOWN
    assert [name for name, _ in calls] == ["DescribeInstances"]


@pytest.mark.parametrize(
    ("checks", "health"),
    [
        (("ok", "ok"), Health.OK),
        (("impaired", "ok"), Health.IMPAIRED),
        (("ok", "impaired"), Health.IMPAIRED),
        (("impaired", "insufficient-data"), Health.IMPAIRED),
        (("initializing", "ok"), Health.UNKNOWN),
        (("ok", "insufficient-data"), Health.UNKNOWN),
        (("not-applicable", "not-applicable"), Health.UNKNOWN),
    ],
)
def test_an_instance_is_ill_by_either_check_and_well_by_both(
    checks: tuple[str, str], health: Health
) -> None:
    answers = {
        "DescribeInstances": reservations(instance("i-1")),
        "DescribeInstanceStatus": statuses(i_1=checks),
    }

    (found,) = Ec2Network(fake_client("ec2", answers), checks=True).nat_instances()

    assert found.health is health


def test_only_what_runs_is_asked_for_in_one_call_and_what_is_not_told_is_unknown() -> None:
    calls: list[Call] = []
    stopped = instance("i-4", State={"Name": "stopped"})
    answers = {
        "DescribeInstances": reservations(
            stopped, instance("i-3"), instance("i-2"), instance("i-1")
        ),
        "DescribeInstanceStatus": statuses(i_1=("ok", "ok"), i_2=("impaired", "ok")),
    }

    found = Ec2Network(fake_client("ec2", answers, calls), checks=True).nat_instances()

    assert [each.health for each in found] == [
        Health.OK, Health.IMPAIRED, Health.UNKNOWN, Health.UNKNOWN,
    ]  # fmt: skip
    asked = [call for call in calls if call[0] == "DescribeInstanceStatus"]
    assert [set(parameters["InstanceIds"]) for _, parameters in asked] == [{"i-1", "i-2", "i-3"}]


def test_a_hundred_and_one_instances_are_asked_for_in_two_calls_and_none_in_no_call() -> None:
    calls: list[Call] = []
    many = [instance(f"i-{number}") for number in range(101)]
    none = {"DescribeInstances": reservations(instance("i-0", State={"Name": "stopped"}))}
    answers = {"DescribeInstances": reservations(*many), "DescribeInstanceStatus": statuses()}

    Ec2Network(fake_client("ec2", answers, calls), checks=True).nat_instances()
    (stopped,) = Ec2Network(fake_client("ec2", none, calls), checks=True).nat_instances()

    asked = [call for name, call in calls if name == "DescribeInstanceStatus"]
    assert [len(each["InstanceIds"]) for each in asked] == [100, 1]
    assert stopped.health is Health.UNKNOWN


@pytest.mark.parametrize(
    "error",
    [
        client_error("RequestLimitExceeded", 503),
        client_error("InternalError", 500),
        ConnectTimeoutError(endpoint_url="https://ec2"),
        client_error("InvalidInstanceID.NotFound"),
    ],
)
def test_a_status_call_that_fails_for_now_or_for_one_that_is_gone_hides_no_instance(
    error: Exception,
) -> None:
    answers = {
        "DescribeInstances": reservations(instance("i-1")),
        "DescribeInstanceStatus": failing(error),
    }

    (found,) = Ec2Network(fake_client("ec2", answers), checks=True).nat_instances()

    assert (found.instance_id, found.health) == ("i-1", Health.UNKNOWN)


def test_a_status_call_that_is_not_allowed_fails_loudly() -> None:
    answers = {
        "DescribeInstances": reservations(instance("i-1")),
        "DescribeInstanceStatus": failing(client_error("UnauthorizedOperation", 403)),
    }

    with pytest.raises(ClientError, match="UnauthorizedOperation"):
        Ec2Network(fake_client("ec2", answers), checks=True).nat_instances()


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
