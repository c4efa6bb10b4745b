"""The check of NAT instances' subnets: CloudFormation's request, our function, EC2's answers."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv4Network
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from cachegate.aws.subnets import Ec2Subnets
from cachegate.stack_events import NETWORK_ID
from local.aws_server import AwsServer
from local.custom_resource import CustomResource, CustomResourceError
from local.lambda_runtime import Outcome
from local.network import PUBLIC_SUBNET, Network
from local.vpc import NODE_SUBNETS
from tests.function import CONTEXT, started
from tests.unit.passes.fakes import FakeWorld

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(slots=True)
class InProcess:
    """The function, called where the test runs."""

    app: Any
    arn: str = "arn:aws:lambda:us-east-1:123456789012:function:sync"

    def invoke(self, payload: bytes) -> Outcome:
        return Outcome(json.dumps(self.app.handler(json.loads(payload), CONTEXT)).encode())


@pytest.fixture
def aws() -> Iterator[AwsServer]:
    with AwsServer() as aws:
        yield aws


@pytest.fixture
def network(aws: AwsServer) -> Network:
    network = Network(aws)
    network.create()
    return network


@pytest.fixture
def resource(aws: AwsServer, monkeypatch: pytest.MonkeyPatch) -> CustomResource:
    app, fakes = started(monkeypatch), FakeWorld()
    adapters = replace(fakes.adapters, subnets=Ec2Subnets(aws.client("ec2")))
    monkeypatch.setattr(app, "wired", app.Wired(adapters, fakes.settings))
    function: Any = InProcess(app)
    return CustomResource("NatNetworkCheck", "Custom::CachegateNatNetwork", "stack", function)


def public(network: Network) -> str:
    return network.subnets[PUBLIC_SUBNET]


def ask(resource: CustomResource, network: Network, *subnets: str, request: str = "Create") -> None:
    resource.request(request, {"Vpc": network.vpc_id, "Subnets": list(subnets)}, timeout_s=30)


def refused(resource: CustomResource, network: Network, *subnets: str) -> str:
    with pytest.raises(CustomResourceError) as refusal:
        ask(resource, network, *subnets)
    return str(refusal.value)


def second_public(aws: AwsServer, network: Network, zone: str = "us-east-1b") -> str:
    ec2 = aws.client("ec2")
    made = ec2.create_subnet(VpcId=network.vpc_id, CidrBlock="10.0.9.0/24", AvailabilityZone=zone)[
        "Subnet"
    ]["SubnetId"]
    table = ec2.describe_route_tables(
        Filters=[{"Name": "association.subnet-id", "Values": [public(network)]}]
    )["RouteTables"][0]["RouteTableId"]
    ec2.associate_route_table(RouteTableId=table, SubnetId=made)
    return str(made)


def test_public_subnets_are_taken_for_life(
    aws: AwsServer, network: Network, resource: CustomResource
) -> None:
    ask(resource, network, public(network), "")
    ask(resource, network, public(network), second_public(aws, network), request="Update")
    ask(resource, network, "gone", request="Delete")

    assert resource.physical_id == NETWORK_ID


def test_a_subnet_of_the_main_table_is_public_where_that_leads_to_the_gateway(
    aws: AwsServer, network: Network, resource: CustomResource
) -> None:
    private = network.subnets[NODE_SUBNETS[1]]
    assert "has no route to an Internet gateway" in refused(resource, network, private)
    ec2 = aws.client("ec2")
    wanted = [{"Name": "vpc-id", "Values": [network.vpc_id]},
              {"Name": "association.main", "Values": ["true"]}]  # fmt: skip
    (main,) = ec2.describe_route_tables(Filters=wanted)["RouteTables"]
    ec2.create_route(
        RouteTableId=main["RouteTableId"],
        DestinationCidrBlock="0.0.0.0/0",
        GatewayId=network.gateway,
    )

    ask(resource, network, private)


@pytest.mark.parametrize("elsewhere", [False, True], ids=["detached", "at another VPC"])
def test_a_gateway_that_is_not_at_the_vpc_is_a_black_hole(
    aws: AwsServer, network: Network, resource: CustomResource, *, elsewhere: bool
) -> None:
    ec2 = aws.client("ec2")
    ec2.detach_internet_gateway(InternetGatewayId=network.gateway, VpcId=network.vpc_id)
    if elsewhere:
        other = ec2.create_vpc(CidrBlock="10.7.0.0/16")["Vpc"]["VpcId"]
        ec2.attach_internet_gateway(InternetGatewayId=network.gateway, VpcId=other)

    said = refused(resource, network, public(network))

    assert f"0.0.0.0/0 to {network.gateway} is a black hole" in said


def test_no_route_leads_to_another_vpcs_gateway(aws: AwsServer, network: Network) -> None:
    ec2 = aws.client("ec2")
    other = ec2.create_vpc(CidrBlock="10.7.0.0/16")["Vpc"]["VpcId"]
    table = ec2.create_route_table(VpcId=other)["RouteTable"]["RouteTableId"]

    with pytest.raises(ClientError, match="belong to different networks"):
        ec2.create_route(
            RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", GatewayId=network.gateway
        )


def test_a_subnet_with_cache_nodes_is_refused_by_the_caches_name(
    aws: AwsServer, network: Network, resource: CustomResource
) -> None:
    network.add_interface(IPv4Address("10.0.0.77"), "cart-001")
    network.run_instance(IPv4Address("10.0.0.10"), None, {"cachegate:nat": "gate"})

    said = refused(resource, network, public(network))

    assert f"{public(network)} also holds cache nodes (eni-" in said
    assert "of ElastiCache cart-001)" in said


def test_subnets_of_two_vpcs_and_what_does_not_exist_are_refused(
    aws: AwsServer, network: Network, resource: CustomResource
) -> None:
    ec2 = aws.client("ec2")
    other = ec2.create_vpc(CidrBlock="10.7.0.0/16")["Vpc"]["VpcId"]
    foreign = ec2.create_subnet(VpcId=other, CidrBlock="10.7.0.0/24")["Subnet"]["SubnetId"]

    assert f"{foreign} is in {other}, not in" in refused(
        resource, network, public(network), foreign
    )
    assert "there is no subnet-0a1b2c3d4e5f60718" in refused(
        resource, network, "subnet-0a1b2c3d4e5f60718"
    )
    with pytest.raises(CustomResourceError, match="there is no vpc-0a1b2c3d4e5f60718"):
        resource.request(
            "Create", {"Vpc": "vpc-0a1b2c3d4e5f60718", "Subnets": [public(network)]}, timeout_s=30
        )
    assert "is named twice" in refused(resource, network, public(network), public(network))


def test_many_subnets_tables_and_interfaces_are_all_seen(
    aws: AwsServer, network: Network, resource: CustomResource
) -> None:
    """More route tables than a page of EC2 has, with ours behind them."""
    ec2 = aws.client("ec2")
    for _ in range(110):
        ec2.create_route_table(VpcId=network.vpc_id)
    subnet = second_public(aws, network)
    table = ec2.create_route_table(VpcId=network.vpc_id)["RouteTable"]["RouteTableId"]
    ec2.create_route(
        RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", GatewayId=network.gateway
    )
    third = ec2.create_subnet(VpcId=network.vpc_id, CidrBlock="10.0.10.0/24")["Subnet"]["SubnetId"]
    ec2.associate_route_table(RouteTableId=table, SubnetId=third)

    tables = Ec2Subnets(ec2).tables([network.vpc_id])

    assert len(tables) == 113
    ask(resource, network, third, subnet)


@pytest.mark.parametrize(("cidr", "status"), [("10.7.0.0/16", "active"), ("10.0.8.0/21", "failed")])
def test_peering_connections_are_read_from_both_sides(
    aws: AwsServer, network: Network, cidr: str, status: str
) -> None:
    ec2 = aws.client("ec2")
    other = ec2.create_vpc(CidrBlock=cidr)["Vpc"]["VpcId"]
    third = ec2.create_vpc(CidrBlock="10.8.0.0/16")["Vpc"]["VpcId"]
    made = [
        ec2.create_vpc_peering_connection(VpcId=one, PeerVpcId=two)["VpcPeeringConnection"]
        for one, two in ((network.vpc_id, other), (third, network.vpc_id), (third, other))
    ]
    first, second, _ = (each["VpcPeeringConnectionId"] for each in made)
    if status == "active":
        ec2.accept_vpc_peering_connection(VpcPeeringConnectionId=first)

    found = {each.connection_id: each for each in Ec2Subnets(ec2).peerings(network.vpc_id)}

    assert {name: each.status for name, each in found.items()} == {
        first: status,
        second: "pending-acceptance",
    }
    assert found[first].vpc_ids == {network.vpc_id, other}


def test_a_route_over_a_peering_is_a_black_hole_when_that_is_gone(
    aws: AwsServer, network: Network
) -> None:
    ec2 = aws.client("ec2")
    other = ec2.create_vpc(CidrBlock="10.7.0.0/16")["Vpc"]["VpcId"]
    peering = ec2.create_vpc_peering_connection(VpcId=network.vpc_id, PeerVpcId=other)
    connection = peering["VpcPeeringConnection"]["VpcPeeringConnectionId"]
    ec2.accept_vpc_peering_connection(VpcPeeringConnectionId=connection)
    table = ec2.create_route_table(VpcId=network.vpc_id)["RouteTable"]["RouteTableId"]
    ec2.create_route(
        RouteTableId=table,
        DestinationCidrBlock="10.7.0.0/16",
        VpcPeeringConnectionId=connection,
    )

    def over() -> list[tuple[IPv4Network | None, bool]]:
        tables = Ec2Subnets(ec2).tables([network.vpc_id])
        routes = (each for found in tables for each in found.routes)
        return [(each.destination, each.active) for each in routes if each.target == connection]

    assert over() == [(IPv4Network("10.7.0.0/16"), True)]
    ec2.delete_vpc_peering_connection(VpcPeeringConnectionId=connection)
    assert over() == [(IPv4Network("10.7.0.0/16"), False)]
