"""EC2's subnets, route tables and peering connections, where moto differs from AWS."""

from __future__ import annotations

from ipaddress import IPv4Network
from operator import attrgetter
from typing import TYPE_CHECKING

from moto.core.responses import ActionResult
from moto.ec2.exceptions import EC2ClientError, InvalidParameterValue
from moto.ec2.models.internet_gateways import InternetGateway
from moto.ec2.responses.route_tables import RouteTables
from moto.ec2.responses.subnets import Subnets
from moto.ec2.responses.vpc_peering_connections import VPCPeeringConnections

from local.ec2_base import Ec2Answers, named_by

if TYPE_CHECKING:
    from moto.ec2.models.route_tables import Route
    from moto.ec2.models.vpcs import VPC

# What filters of peering connections by name look at.
_FILTERS = {
    "requester-vpc-info.vpc-id": attrgetter("vpc.id"),
    "accepter-vpc-info.vpc-id": attrgetter("peer_vpc.id"),
    "status-code": attrgetter("_status.code"),
    "vpc-peering-connection-id": attrgetter("id"),
}


def state_of(route: Route) -> str:
    """Return a route's state: a black hole where its gateway is not attached, its peering gone.

    https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_Route.html
    """
    gateway, peering = route.gateway, route.vpc_pcx
    if isinstance(gateway, InternetGateway) and not _attached(gateway, route.route_table.vpc_id):
        return "blackhole"
    if peering is not None and peering.status["Code"] != "active":
        return "blackhole"
    return "active"


def _attached(gateway: InternetGateway, vpc_id: str) -> bool:
    vpc: VPC | None = gateway.vpc
    return vpc is not None and vpc.id == vpc_id


class RouteAnswers(Ec2Answers, RouteTables, Subnets, VPCPeeringConnections):
    """Where packets go in a VPC, and out of it."""

    def describe_subnets(self) -> ActionResult:
        """Answer DescribeSubnets in pages."""
        self.error_on_dryrun()
        found = self.ec2_backend.describe_subnets(
            self._get_param("SubnetIds"), self._filters_from_querystring()
        )
        page, token = self._page(list(found), 5, 1000)
        return ActionResult({"Subnets": page, "NextToken": token})

    def describe_route_tables(self) -> ActionResult:
        """Answer DescribeRouteTables in pages."""
        self.error_on_dryrun()
        found = self.ec2_backend.describe_route_tables(
            self._get_param("RouteTableIds", []), self._filters_from_querystring()
        )
        page, token = self._page(found, 5, 100)
        return ActionResult({"RouteTables": page, "NextToken": token})

    def create_route(self) -> ActionResult:
        """Answer CreateRoute, which takes an Internet gateway of the table's own VPC only."""
        table = self.ec2_backend.get_route_table(self._get_param("RouteTableId"))
        gateway_id = self._get_param("GatewayId") or ""
        if gateway_id.startswith("igw-"):
            gateway = self.ec2_backend.get_internet_gateway(gateway_id)
            if not _attached(gateway, table.vpc_id):
                raise EC2ClientError(
                    "InvalidParameterValue",
                    f"route table {table.id} and network gateway {gateway_id} "
                    "belong to different networks",
                )
        return super().create_route()

    def create_vpc_peering_connection(self) -> ActionResult:
        """Answer CreateVpcPeeringConnection, which fails later where the VPCs' networks overlap.

        https://docs.aws.amazon.com/vpc/latest/peering/vpc-peering-basics.html
        """
        answer = super().create_vpc_peering_connection()
        made = next(reversed(self.ec2_backend.vpc_pcxs.values()))
        if made.vpc.id != made.peer_vpc.id and _overlap(made.vpc, made.peer_vpc):
            made._status.code = "failed"  # noqa: SLF001  moto's
        return answer

    def describe_vpc_peering_connections(self) -> ActionResult:
        """Answer DescribeVpcPeeringConnections in pages; moto heeds no filter of it."""
        self.error_on_dryrun()
        found = self.ec2_backend.describe_vpc_peering_connections(
            self._get_param("VpcPeeringConnectionIds", [])
        )
        for name, values in self._filters_from_querystring().items():
            if name not in _FILTERS:
                raise InvalidParameterValue(f"The filter '{name}' is invalid")
            wanted, named = named_by(values), _FILTERS[name]
            found = [each for each in found if wanted(named(each))]
        page, token = self._page(found, 5, 1000)
        return ActionResult({"VpcPeeringConnections": page, "NextToken": token})


def _overlap(one: VPC, other: VPC) -> bool:
    return IPv4Network(one.cidr_block).overlaps(IPv4Network(other.cidr_block))
