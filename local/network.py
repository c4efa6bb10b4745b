"""What EC2 knows of the VPC: subnets, NAT instances and network interfaces, as AWS shows them."""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network
from typing import TYPE_CHECKING, Any

from local.aws_server import backend
from local.caches import REGION
from local.ec2 import Responses
from local.makers import elasticache
from local.vpc import CIDR, NODE_SUBNETS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from local.aws_server import AwsServer
    from local.makers import Maker

PUBLIC_SUBNET = IPv4Network("10.0.0.0/24")
SECOND_PUBLIC_SUBNET = IPv4Network("10.0.3.0/24")
SUBNET_GROUP = "caches"
_ZONES = dict(zip((PUBLIC_SUBNET, SECOND_PUBLIC_SUBNET, *NODE_SUBNETS), "abab", strict=True))
_FIRST = IPv4Address("10.0.1.230")  # the first node of AWS's old guide


@dataclass(slots=True)
class Network:
    """The VPC in EC2's words."""

    aws: AwsServer
    vpc_id: str = ""
    subnets: dict[IPv4Network, str] = field(default_factory=dict)
    nat_group: str = ""
    cache_group: str = ""
    gateway: str = ""  # the Internet gateway
    elsewhere: dict[str, Iterator[IPv4Address]] = field(default_factory=dict)  # by subnet group
    interfaces: dict[IPv4Address, str] = field(default_factory=dict)
    reuses: bool = False  # whether a new node gets the address that was left last, as on AWS it may
    left: list[IPv4Address] = field(default_factory=list)
    _free: Iterator[IPv4Address] = field(init=False)

    def create(self) -> None:
        """Create the VPC with two public subnets, two of caches, and the security groups."""
        ec2 = self.aws.client("ec2")
        self.vpc_id = ec2.create_vpc(CidrBlock=str(CIDR))["Vpc"]["VpcId"]
        for cidr, zone in _ZONES.items():
            subnet = ec2.create_subnet(
                VpcId=self.vpc_id, CidrBlock=str(cidr), AvailabilityZone=f"{REGION}{zone}"
            )["Subnet"]
            self.subnets[cidr] = subnet["SubnetId"]
        self._open_to_internet(ec2, PUBLIC_SUBNET, SECOND_PUBLIC_SUBNET)
        self.nat_group = self._group(ec2, "nat")
        self.cache_group = self._group(ec2, "caches")
        self.aws.client("elasticache").create_cache_subnet_group(
            CacheSubnetGroupName=SUBNET_GROUP,
            CacheSubnetGroupDescription=SUBNET_GROUP,
            SubnetIds=self.cache_subnets,
        )
        self._free = (
            address
            for cidr in NODE_SUBNETS
            for address in list(cidr.hosts())[3:]  # AWS keeps the first ones
            if cidr != NODE_SUBNETS[0] or address >= _FIRST
        )

    @property
    def cache_subnets(self) -> list[str]:
        """The ids of the subnets where caches live."""
        return [self.subnets[cidr] for cidr in NODE_SUBNETS]

    @property
    def public_subnet(self) -> str:
        """The id of the subnet of NAT instances."""
        return self.subnets[PUBLIC_SUBNET]

    @property
    def default_group(self) -> str:
        """The id of the group that the VPC gives to whatever names none."""
        return str(backend("ec2").get_default_security_group(self.vpc_id).id)

    def give_away(self, group_id: str, account: str = "999999999999") -> None:
        """Let another account own a group, as in a shared VPC: it is shown, and stays as it is."""
        backend("ec2").get_security_group_from_id(group_id).owner_id = account

    def _open_to_internet(self, ec2: Any, *cidrs: IPv4Network) -> None:
        """Attach an Internet gateway, to which a route table of these subnets' own leads."""
        gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
        ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=self.vpc_id)
        table = ec2.create_route_table(VpcId=self.vpc_id)["RouteTable"]["RouteTableId"]
        ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway)
        for cidr in cidrs:
            ec2.associate_route_table(RouteTableId=table, SubnetId=self.subnets[cidr])
        self.gateway = gateway

    def _group(self, ec2: Any, name: str) -> str:
        group = ec2.create_security_group(GroupName=name, Description=name, VpcId=self.vpc_id)
        return str(group["GroupId"])

    def take_address(self, subnet_group: str | None = SUBNET_GROUP) -> IPv4Address:
        """Return the next address that nobody has had, or where that is asked for, one left."""
        if subnet_group in self.elsewhere:
            return next(self.elsewhere[subnet_group])
        return self.left.pop() if self.reuses and self.left else next(self._free)

    def add_interface(
        self, address: IPv4Address, cluster_id: str, groups: Sequence[str] = (),
        maker: Maker | None = None,
    ) -> None:  # fmt: skip
        """Add the network interface that ElastiCache makes for a node, or for a serverless cache.

        It has the group `caches` unless others are named.
        """
        made = self.place_interface(
            maker or elasticache(cluster_id), groups or [self.cache_group], address
        )
        self.interfaces[address] = made

    def place_interface(
        self, maker: Maker, groups: Sequence[str], address: IPv4Address | None = None,
        public: IPv4Address | None = None,
    ) -> str:  # fmt: skip
        """Let a service of AWS make a network interface with these groups; return its id."""
        address = address or self.take_address()
        subnet = next(each for cidr, each in self.subnets.items() if address in cidr)
        interface = backend("ec2").create_network_interface(
            subnet, str(address), group_ids=list(groups), description=maker.description
        )
        interface.requester_id, interface.requester_managed = maker.requester, True
        interface.interface_type, interface.status = maker.kind, "in-use"
        interface.service_address = str(public) if public else None
        interface.service_attachment = {
            "AttachmentId": f"ela-attach-{interface.id.removeprefix('eni-')}",
            "DeviceIndex": 1,
            "InstanceOwnerId": maker.attached_to,
            "Status": "attached",
            "DeleteOnTermination": False,
        }
        Responses.changed()  # no call of ours was made that would tell
        return str(interface.id)

    def set_groups(self, address: IPv4Address, groups: Sequence[str]) -> None:
        """Give the interface of a cache other groups, as ElastiCache does with a modified cache."""
        ec2 = backend("ec2")
        ec2.modify_network_interface_attribute(self.interfaces[address], list(groups))
        Responses.changed()

    def remove_interface(self, address: IPv4Address) -> None:
        """Remove it again, as with its node."""
        backend("ec2").delete_network_interface(self.interfaces.pop(address))
        self.left.append(address)
        Responses.changed()

    def run_instance(
        self, private: IPv4Address, public: IPv4Address | None, tags: Mapping[str, str],
        groups: Sequence[str] = (), *, assigned: bool = False,
    ) -> str:  # fmt: skip
        """Run an instance in a public subnet and return its id.

        It has an Elastic IP where one is named, else a public address of Amazon's where
        `assigned` says so, and the group `nat` unless others are named.
        """
        ec2 = self.aws.client("ec2")
        subnet = next(each for cidr, each in self.subnets.items() if private in cidr)
        interface = {
            "DeviceIndex": 0,
            "SubnetId": subnet,
            "PrivateIpAddress": str(private),
            "Groups": list(groups) or [self.nat_group],
            "AssociatePublicIpAddress": assigned,
        }
        instance_id = ec2.run_instances(
            ImageId=next(iter(backend("ec2").amis)),  # any
            MinCount=1,
            MaxCount=1,
            NetworkInterfaces=[interface],
        )["Instances"][0]["InstanceId"]
        if public is not None:
            address = ec2.allocate_address(Domain="vpc", Address=str(public))
            ec2.associate_address(InstanceId=instance_id, AllocationId=address["AllocationId"])
        self.tag(instance_id, tags)
        return str(instance_id)

    def tag(self, resource: str, tags: Mapping[str, str]) -> None:
        """Put tags on a resource of EC2."""
        pairs = [{"Key": key, "Value": value} for key, value in tags.items()]
        self.aws.client("ec2").create_tags(Resources=[resource], Tags=pairs)

    def untag(self, resource: str, *keys: str) -> None:
        """Take tags off a resource of EC2."""
        pairs = [{"Key": key} for key in keys]
        self.aws.client("ec2").delete_tags(Resources=[resource], Tags=pairs)
