"""Subnets, route tables and peering connections, against answers in EC2's own shapes."""

from __future__ import annotations

from ipaddress import IPv4Network
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ConnectTimeoutError

from cachegate.aws.subnets import Ec2Subnets
from cachegate.domain.routes import Peering, Route, Subnet
from cachegate.errors import NotShownError
from tests.unit.aws.fake_client import Call, client_error, failing, fake_client, pages

if TYPE_CHECKING:
    from collections.abc import Callable

DENIED = client_error("UnauthorizedOperation", 403, "DescribeThem")
THROTTLED = client_error("RequestLimitExceeded", 503, "DescribeThem")
LOST = ConnectTimeoutError(endpoint_url="https://ec2")


def paged(key: str, *shapes: dict[str, Any]) -> Callable[..., dict[str, Any]]:
    return pages("NextToken", "NextToken", *({key: [shape]} for shape in shapes))


def subnets(answers: dict[str, Any], calls: list[Call] | None = None) -> Ec2Subnets:
    return Ec2Subnets(fake_client("ec2", answers, calls))


def subnet(subnet_id: str, **fields: Any) -> dict[str, Any]:
    return {"SubnetId": subnet_id, "VpcId": "vpc-1", "AvailabilityZone": "a"} | fields


def route_of(**fields: Any) -> tuple[Route, ...]:
    shape = {"RouteTableId": "rtb-1", "VpcId": "vpc-1", "Routes": [fields]}
    (table,) = subnets({"DescribeRouteTables": paged("RouteTables", shape)}).tables(["vpc-1"])
    return table.routes


@pytest.mark.parametrize(
    ("ask", "name"), [(Ec2Subnets.named, "subnet-id"), (Ec2Subnets.of, "vpc-id")]
)
def test_subnets_of_every_page_are_read_by_filter(ask: Any, name: str) -> None:
    calls: list[Call] = []
    shapes = (subnet("s-2", CidrBlock="10.0.0.0/24"), subnet("s-1", Ipv6Native=True))

    found = ask(subnets({"DescribeSubnets": paged("Subnets", *shapes)}, calls), ["one", "gone"])

    assert found == (
        Subnet(subnet_id="s-1", vpc_id="vpc-1", zone="a", network=None),
        Subnet(subnet_id="s-2", vpc_id="vpc-1", zone="a", network=IPv4Network("10.0.0.0/24")),
    )
    assert calls[0][1]["Filters"] == [{"Name": name, "Values": ["one", "gone"]}]


def test_route_tables_of_every_page_are_read_with_those_who_use_them() -> None:
    main = {"RouteTableId": "rtb-2", "VpcId": "vpc-1", "Associations": [{"Main": True}]}
    own = {
        "RouteTableId": "rtb-1",
        "VpcId": "vpc-1",
        "Associations": [
            {"Main": False, "SubnetId": "s-1", "AssociationState": {"State": "associated"}},
            {"Main": False, "SubnetId": "s-2", "AssociationState": {"State": "disassociating"}},
            {"Main": False, "SubnetId": "s-3", "AssociationState": {"State": "associating"}},
            {"Main": False, "GatewayId": "igw-1"},
        ],
    }

    first, second = subnets({"DescribeRouteTables": paged("RouteTables", main, own)}).tables(["v"])

    assert (first.table_id, first.main, set(first.subnet_ids)) == ("rtb-1", False, {"s-1", "s-3"})
    assert (second.table_id, second.main, set(second.subnet_ids)) == ("rtb-2", True, set())


@pytest.mark.parametrize(
    ("fields", "target"),
    [
        ({"GatewayId": "igw-1"}, "igw-1"),
        ({"GatewayId": "local"}, "local"),
        ({"VpcPeeringConnectionId": "pcx-1"}, "pcx-1"),
        ({"TransitGatewayId": "tgw-1"}, "tgw-1"),
        ({"NatGatewayId": "nat-1"}, "nat-1"),
        ({"InstanceId": "i-1", "NetworkInterfaceId": "eni-1"}, "i-1"),
        ({"NetworkInterfaceId": "eni-1"}, "eni-1"),
        ({"LocalGatewayId": "lgw-1"}, "lgw-1"),
        ({"CarrierGatewayId": "cagw-1"}, "cagw-1"),
        ({"CoreNetworkArn": "arn:aws:networkmanager::1:core-network/c"}, "arn:aws:network"),
        ({}, "unknown"),
    ],
)
def test_a_route_leads_to_what_it_names(fields: dict[str, str], target: str) -> None:
    (route,) = route_of(DestinationCidrBlock="10.1.0.0/16", State="active", **fields)

    assert (route.destination, route.active) == (IPv4Network("10.1.0.0/16"), True)
    assert route.target.startswith(target)


def test_a_black_hole_is_not_active_a_prefix_list_is_some_network_and_ipv6_is_left_out() -> None:
    (hole,) = route_of(DestinationCidrBlock="0.0.0.0/0", GatewayId="igw-1", State="blackhole")
    (listed,) = route_of(DestinationPrefixListId="pl-1", VpcPeeringConnectionId="pcx-1")

    assert (hole.active, listed.destination, listed.target) == (False, None, "pcx-1")
    assert route_of(DestinationIpv6CidrBlock="::/0", GatewayId="igw-1", State="active") == ()


def test_peerings_of_both_sides_are_read_each_once() -> None:
    calls: list[Call] = []
    shape = {
        "VpcPeeringConnectionId": "pcx-1",
        "RequesterVpcInfo": {"VpcId": "vpc-1"},
        "AccepterVpcInfo": {"VpcId": "vpc-2"},
        "Status": {"Code": "active"},
    }
    answer = paged("VpcPeeringConnections", shape, shape | {"VpcPeeringConnectionId": "pcx-0"})

    found = subnets({"DescribeVpcPeeringConnections": answer}, calls).peerings("vpc-1")

    pair = frozenset({"vpc-1", "vpc-2"})
    assert found == tuple(
        Peering(connection_id=each, vpc_ids=pair, status="active") for each in ("pcx-0", "pcx-1")
    )
    assert {call[1]["Filters"][0]["Name"] for call in calls} == {
        "requester-vpc-info.vpc-id",
        "accepter-vpc-info.vpc-id",
    }


def test_the_interfaces_of_a_subnet_are_read_whole() -> None:
    calls: list[Call] = []
    shapes = ({"NetworkInterfaceId": "eni-2"}, {"NetworkInterfaceId": "eni-1"})
    answer = paged("NetworkInterfaces", *shapes)

    found = subnets({"DescribeNetworkInterfaces": answer}, calls).interfaces("s-1")

    assert [each.interface_id for each in found] == ["eni-1", "eni-2"]
    assert calls[0][1]["Filters"] == [{"Name": "subnet-id", "Values": ["s-1"]}]


@pytest.mark.parametrize("error", [DENIED, THROTTLED, LOST])
@pytest.mark.parametrize(
    ("operation", "ask", "words"),
    [
        ("DescribeSubnets", lambda all_of: all_of.named(["s-1"]), "subnets are not known"),
        ("DescribeSubnets", lambda all_of: all_of.of(["vpc-1"]), "subnets are not known"),
        ("DescribeRouteTables", lambda all_of: all_of.tables(["vpc-1"]), "route tables are"),
        ("DescribeNetworkInterfaces", lambda all_of: all_of.interfaces("s-1"), "in s-1 are not"),
        ("DescribeVpcPeeringConnections", lambda all_of: all_of.peerings("vpc-1"), "of vpc-1 are"),
    ],
)
def test_whatever_is_refused_or_not_answered_is_not_taken_for_nothing(
    operation: str, ask: Any, words: str, error: Exception
) -> None:
    with pytest.raises(NotShownError, match=words):
        ask(subnets({operation: failing(error)}))
