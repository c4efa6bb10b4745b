"""Subnets, route tables and peering connections, on EC2."""

from __future__ import annotations

from contextlib import contextmanager
from ipaddress import IPv4Network
from typing import TYPE_CHECKING

from cachegate.aws.batches import MOST_VALUES, batches
from cachegate.aws.failures import CallError, in_words
from cachegate.aws.interfaces import interfaces_in
from cachegate.domain.routes import Peering, Route, RouteTable, Subnet
from cachegate.errors import NotShownError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from mypy_boto3_ec2 import EC2Client
    from mypy_boto3_ec2.type_defs import (
        RouteTableAssociationTypeDef,
        RouteTableTypeDef,
        RouteTypeDef,
        SubnetTypeDef,
        VpcPeeringConnectionTypeDef,
    )

    from cachegate.domain.groups import Interface

# What a route may lead to, of which it shows one; an instance also shows its interface
# (https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_Route.html).
_TARGETS = (
    "GatewayId",
    "VpcPeeringConnectionId",
    "TransitGatewayId",
    "NatGatewayId",
    "InstanceId",
    "NetworkInterfaceId",
    "EgressOnlyInternetGatewayId",
    "LocalGatewayId",
    "CarrierGatewayId",
    "CoreNetworkArn",
)
_HOLDING = {"associating", "associated"}  # states of an association that counts


class Ec2Subnets:
    """The subnets of this account and Region, and those shared with it.

    Everything is asked for by filter: asked for by id, one that is gone would fail the whole call.
    """

    def __init__(self, ec2: EC2Client) -> None:
        self._ec2 = ec2

    def named(self, subnet_ids: Iterable[str]) -> tuple[Subnet, ...]:
        """Return these subnets, sorted by id; one that does not exist is left out."""
        return self._subnets("subnet-id", subnet_ids)

    def of(self, vpc_ids: Iterable[str]) -> tuple[Subnet, ...]:
        """Return all subnets of VPCs, sorted by id."""
        return self._subnets("vpc-id", vpc_ids)

    def tables(self, vpc_ids: Iterable[str]) -> tuple[RouteTable, ...]:
        """Return all route tables of VPCs, sorted by id; a VPC that does not exist has none."""
        with _shown("route tables are not known"):
            found = [
                _table(shape)
                for ids in batches(vpc_ids, MOST_VALUES)
                for page in self._ec2.get_paginator("describe_route_tables").paginate(
                    Filters=[{"Name": "vpc-id", "Values": ids}]
                )
                for shape in page["RouteTables"]
            ]
        return tuple(sorted(found, key=lambda table: table.table_id))

    def interfaces(self, subnet_id: str) -> tuple[Interface, ...]:
        """Return the network interfaces in a subnet, sorted by id."""
        with _shown(f"the network interfaces in {subnet_id} are not known"):
            return interfaces_in(self._ec2, subnet_id)

    def peerings(self, vpc_id: str) -> tuple[Peering, ...]:
        """Return the peering connections of a VPC, sorted by id.

        One that is gone is shown for some time yet, as deleted or rejected
        (https://docs.aws.amazon.com/vpc/latest/peering/vpc-peering-basics.html).
        """
        found = {}
        paginator = self._ec2.get_paginator("describe_vpc_peering_connections")
        with _shown(f"the peering connections of {vpc_id} are not known"):
            for side in ("requester-vpc-info.vpc-id", "accepter-vpc-info.vpc-id"):
                for page in paginator.paginate(Filters=[{"Name": side, "Values": [vpc_id]}]):
                    for shape in page["VpcPeeringConnections"]:
                        found[shape["VpcPeeringConnectionId"]] = _peering(shape)
        return tuple(found[connection_id] for connection_id in sorted(found))

    def _subnets(self, name: str, values: Iterable[str]) -> tuple[Subnet, ...]:
        with _shown("subnets are not known"):
            found = [
                _subnet(shape)
                for ids in batches(values, MOST_VALUES)
                for page in self._ec2.get_paginator("describe_subnets").paginate(
                    Filters=[{"Name": name, "Values": ids}]
                )
                for shape in page["Subnets"]
            ]
        return tuple(sorted(found, key=lambda subnet: subnet.subnet_id))


@contextmanager
def _shown(subject: str) -> Iterator[None]:
    """Raise NotShownError, naming the subject, where AWS refuses or does not answer."""
    try:
        yield
    except CallError as error:
        raise NotShownError(f"{subject}: {in_words(error)}") from error


def _subnet(shape: SubnetTypeDef) -> Subnet:
    cidr = shape.get("CidrBlock")
    return Subnet(
        subnet_id=shape["SubnetId"],
        vpc_id=shape["VpcId"],
        zone=shape["AvailabilityZone"],
        network=IPv4Network(cidr) if cidr else None,
    )


def _table(shape: RouteTableTypeDef) -> RouteTable:
    associations = [each for each in shape.get("Associations", []) if _holds(each)]
    routes = (_route(each) for each in shape.get("Routes", []))
    return RouteTable(
        table_id=shape["RouteTableId"],
        vpc_id=shape["VpcId"],
        main=any(each.get("Main", False) for each in associations),
        subnet_ids=frozenset(each["SubnetId"] for each in associations if "SubnetId" in each),
        routes=tuple(route for route in routes if route is not None),
    )


def _holds(shape: RouteTableAssociationTypeDef) -> bool:
    return shape.get("AssociationState", {}).get("State", "associated") in _HOLDING


def _route(shape: RouteTypeDef) -> Route | None:
    """Read a route; None where it is for IPv6 addresses."""
    cidr = shape.get("DestinationCidrBlock")
    if not cidr and "DestinationPrefixListId" not in shape:
        return None
    return Route(
        destination=IPv4Network(cidr) if cidr else None,
        target=next((str(shape[key]) for key in _TARGETS if shape.get(key)), "unknown"),  # type: ignore[literal-required]
        active=shape.get("State", "active") == "active",
    )


def _peering(shape: VpcPeeringConnectionTypeDef) -> Peering:
    sides = (shape.get("RequesterVpcInfo", {}), shape.get("AccepterVpcInfo", {}))
    return Peering(
        connection_id=shape["VpcPeeringConnectionId"],
        vpc_ids=frozenset(each["VpcId"] for each in sides if "VpcId" in each),
        status=shape.get("Status", {}).get("Code", "unknown"),
    )
