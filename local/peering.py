"""A second VPC with caches, peered with that of the NAT instances: in EC2, and for packets."""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import IPv4Network
from typing import TYPE_CHECKING, Any

from local.vpc import CIDR

if TYPE_CHECKING:
    from local.world import World

NETWORK = IPv4Network("10.7.0.0/16")
SUBNET = IPv4Network("10.7.1.0/24")
SUBNET_GROUP = "peered"


@dataclass(slots=True)
class PeeredVpc:
    """It is made at once; routes lead there and back only once they are added."""

    world: World
    vpc_id: str = field(init=False)
    connection_id: str = field(init=False)
    cache_group: str = field(init=False)

    def __post_init__(self) -> None:
        """Make the VPC, and a peering connection that is active."""
        network, ec2 = self.world.network, self._ec2
        self.vpc_id = ec2.create_vpc(CidrBlock=str(NETWORK))["Vpc"]["VpcId"]
        subnet = ec2.create_subnet(VpcId=self.vpc_id, CidrBlock=str(SUBNET))["Subnet"]["SubnetId"]
        network.subnets[SUBNET] = subnet
        self.world.aws.client("elasticache").create_cache_subnet_group(
            CacheSubnetGroupName=SUBNET_GROUP,
            CacheSubnetGroupDescription=SUBNET_GROUP,
            SubnetIds=[subnet],
        )
        self.cache_group = ec2.create_security_group(
            GroupName="peered", Description="caches of the peered VPC", VpcId=self.vpc_id
        )["GroupId"]
        network.elsewhere[SUBNET_GROUP] = iter(list(SUBNET.hosts())[3:])  # AWS keeps the first ones
        self.connection_id = ec2.create_vpc_peering_connection(
            VpcId=network.vpc_id, PeerVpcId=self.vpc_id
        )["VpcPeeringConnection"]["VpcPeeringConnectionId"]
        ec2.accept_vpc_peering_connection(VpcPeeringConnectionId=self.connection_id)
        self.world.vpc.peer(NETWORK)

    @property
    def options(self) -> dict[str, Any]:
        """What a cache is created with that lives here."""
        return {"subnet_group": SUBNET_GROUP, "security_groups": (self.cache_group,)}

    def lead_there(self) -> None:
        """Add the route from the NAT instances' subnet."""
        (table,) = self._tables("association.subnet-id", self.world.network.public_subnet)
        self._route(table, NETWORK)
        self.world.vpc.lead_to_peer(NETWORK)

    def lead_back(self) -> None:
        """Add the route from the caches' subnet, which uses the main table."""
        (table,) = self._tables("vpc-id", self.vpc_id)
        self._route(table, CIDR)
        self.world.vpc.lead_back(NETWORK)

    @property
    def _ec2(self) -> Any:
        return self.world.aws.client("ec2")

    def _tables(self, name: str, value: str) -> list[str]:
        found = self._ec2.describe_route_tables(Filters=[{"Name": name, "Values": [value]}])
        return [each["RouteTableId"] for each in found["RouteTables"]]

    def _route(self, table_id: str, to: IPv4Network) -> None:
        self._ec2.create_route(
            RouteTableId=table_id,
            DestinationCidrBlock=str(to),
            VpcPeeringConnectionId=self.connection_id,
        )
