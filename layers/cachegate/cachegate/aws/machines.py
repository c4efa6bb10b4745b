"""NAT instances as machines, on EC2: their type and their network interfaces."""

from __future__ import annotations

from ipaddress import IPv4Address
from typing import TYPE_CHECKING

from cachegate.aws.batches import MOST_VALUES, batches
from cachegate.domain.machine import Card, Machine

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from mypy_boto3_ec2 import EC2Client
    from mypy_boto3_ec2.type_defs import InstanceNetworkInterfaceTypeDef, InstanceTypeDef

AMAZON = "amazon"  # owner of an address that comes and goes with a running instance


class Ec2Machines:
    """The instances of this account and Region, by filter: one that is gone fails no call."""

    def __init__(self, ec2: EC2Client) -> None:
        self._ec2 = ec2

    def machines(self, instance_ids: Iterable[str]) -> Mapping[str, Machine]:
        """Return them by id; one that does not exist is left out."""
        paginator = self._ec2.get_paginator("describe_instances")
        return {
            shape["InstanceId"]: _machine(shape)
            for ids in batches(instance_ids, MOST_VALUES)
            for page in paginator.paginate(Filters=[{"Name": "instance-id", "Values": ids}])
            for reservation in page["Reservations"]
            for shape in reservation["Instances"]
        }


def _machine(shape: InstanceTypeDef) -> Machine:
    cards = map(_card, shape.get("NetworkInterfaces", []))
    return Machine(
        instance_id=shape["InstanceId"],
        kind=shape["InstanceType"],
        cards=tuple(sorted(cards, key=lambda card: card.index)),
    )


def _card(shape: InstanceNetworkInterfaceTypeDef) -> Card:
    """Read an interface; its public address is that of any of its private ones.

    Of an Elastic IP the owner is the account, of another public address Amazon
    (https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_InstanceNetworkInterfaceAssociation.html).
    """
    held = shape.get("PrivateIpAddresses", [])
    associations = [shape.get("Association", {}), *(each.get("Association", {}) for each in held)]
    public = next(filter(None, (each.get("PublicIp") for each in associations)), None)
    owner = next((each.get("IpOwnerId") for each in associations if each.get("PublicIp")), None)
    tracking = shape.get("ConnectionTrackingConfiguration", {})
    return Card(
        interface_id=shape["NetworkInterfaceId"],
        index=shape["Attachment"]["DeviceIndex"],
        subnet_id=shape["SubnetId"],
        groups=tuple(sorted(group["GroupId"] for group in shape.get("Groups", []))),
        addresses=frozenset(IPv4Address(each["PrivateIpAddress"]) for each in held),
        public_address=IPv4Address(public) if public else None,
        elastic=owner not in {None, AMAZON},
        tcp_timeout=tracking.get("TcpEstablishedTimeout"),
    )
