"""VPCs, their network interfaces and the NAT instances, as EC2 describes them."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from cachegate.aws.batches import MOST_VALUES, batches
from cachegate.aws.failures import CallError, code, is_transient
from cachegate.domain.cache import NAT_TAG, Evidence, Health, NatInstance

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from mypy_boto3_ec2 import EC2Client
    from mypy_boto3_ec2.type_defs import FilterTypeDef, InstanceStatusTypeDef, InstanceTypeDef

MOST_IDS = 100  # that one DescribeInstanceStatus takes
LIVING = ("pending", "running", "stopping", "stopped")


class Ec2Network:
    """The network around the caches of this account and Region.

    Status checks are asked for only where an address follows from them.
    """

    def __init__(self, ec2: EC2Client, *, checks: bool = False) -> None:
        self._ec2 = ec2
        self._checks = checks

    def nat_instances(self) -> tuple[NatInstance, ...]:
        """Return every instance with the tag, of any stack, not terminated; sorted by id."""
        shapes = [
            instance
            for instance in self._instances(
                {"Name": "tag-key", "Values": [NAT_TAG]},
                {"Name": "instance-state-name", "Values": LIVING},
            )
            # One of a subnet for IPv6 alone has none, and can forward nothing, whoever tagged it.
            if instance.get("PrivateIpAddress")
        ]
        running = [each["InstanceId"] for each in shapes if each["State"]["Name"] == "running"]
        health = self._health(running) if self._checks else {}
        found = [_nat_instance(each, health.get(each["InstanceId"])) for each in shapes]
        return tuple(sorted(found, key=lambda instance: instance.instance_id))

    def running(self, instance_ids: Iterable[str]) -> frozenset[str]:
        """Return which of these instances run, whatever tags they carry."""
        # By filter: asked for by id, one that is long gone would fail the whole call.
        return frozenset(
            instance["InstanceId"]
            for ids in batches(instance_ids, MOST_VALUES)
            for instance in self._instances(
                {"Name": "instance-id", "Values": ids},
                {"Name": "instance-state-name", "Values": ["running"]},
            )
        )

    def networks(self, vpc_ids: Iterable[str]) -> Mapping[str, tuple[IPv4Network, ...]]:
        """Return the associated IPv4 CIDRs of VPCs; one that does not exist is left out."""
        found = {}
        for ids in batches(vpc_ids, MOST_VALUES):
            pages = self._ec2.get_paginator("describe_vpcs").paginate(
                Filters=[{"Name": "vpc-id", "Values": ids}]
            )
            for vpc in (vpc for page in pages for vpc in page["Vpcs"]):
                found[vpc["VpcId"]] = tuple(
                    sorted(
                        IPv4Network(block["CidrBlock"])
                        for block in vpc.get("CidrBlockAssociationSet", [])
                        if block["CidrBlockState"]["State"] == "associated"
                    )
                )
        return found

    def evidence(
        self, vpc_ids: Iterable[str], addresses: Iterable[IPv4Address]
    ) -> Mapping[IPv4Address, Evidence]:
        """Say of each address whether a network interface of the VPCs holds it.

        That an address is missing means something only where the listing shows interfaces of
        caches at all (how AWS shows them is documented nowhere), so one of the addresses asked
        for has to be found. A call that fails now leaves all of them unknown.
        """
        asked, vpcs = frozenset(addresses), sorted(set(vpc_ids))
        try:
            held = frozenset(self._held(vpcs, sorted(asked))) & asked if asked and vpcs else None
        except CallError as error:
            if not is_transient(error):
                raise
            held = None
        if not held:
            return dict.fromkeys(asked, Evidence.UNKNOWN)
        return {each: Evidence.PRESENT if each in held else Evidence.ABSENT for each in asked}

    def _held(self, vpc_ids: list[str], addresses: list[IPv4Address]) -> Iterator[IPv4Address]:
        paginator = self._ec2.get_paginator("describe_network_interfaces")
        for batch in batches(map(str, addresses), MOST_VALUES):
            for page in paginator.paginate(
                Filters=[
                    {"Name": "vpc-id", "Values": vpc_ids},
                    {"Name": "addresses.private-ip-address", "Values": batch},
                ]
            ):
                for interface in page["NetworkInterfaces"]:
                    for held in interface["PrivateIpAddresses"]:
                        yield IPv4Address(held["PrivateIpAddress"])

    def _health(self, instance_ids: Iterable[str]) -> Mapping[str, Health]:
        """Return what EC2's status checks of running instances say.

        No filter of DescribeInstanceStatus knows ids or tags, and an id that EC2 does not know yet,
        or no longer, fails the call
        (https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstanceStatus.html).
        As with a call that fails for now, the others of that call are then unknown: who may have
        the address is proved by the rule set, and nothing is moved for what is not known.
        """
        found: dict[str, Health] = {}
        paginator = self._ec2.get_paginator("describe_instance_status")
        for ids in batches(instance_ids, MOST_IDS):
            try:
                for page in paginator.paginate(InstanceIds=ids):
                    found |= {
                        each["InstanceId"]: _checked(each) for each in page["InstanceStatuses"]
                    }
            except CallError as error:
                gone = (
                    isinstance(error, ClientError) and code(error) == "InvalidInstanceID.NotFound"
                )
                if not gone and not is_transient(error):
                    raise
        return found

    def _instances(self, *filters: FilterTypeDef) -> Iterator[InstanceTypeDef]:
        for page in self._ec2.get_paginator("describe_instances").paginate(Filters=filters):
            for reservation in page["Reservations"]:
                yield from reservation["Instances"]


def _checked(shape: InstanceStatusTypeDef) -> Health:
    """Read both checks: of the instance, and of the system that it runs on."""
    said = {shape["InstanceStatus"]["Status"], shape["SystemStatus"]["Status"]}
    if "impaired" in said:
        return Health.IMPAIRED
    return Health.OK if said == {"ok"} else Health.UNKNOWN


def _nat_instance(shape: InstanceTypeDef, health: Health | None) -> NatInstance:
    public = shape.get("PublicIpAddress")
    interfaces = shape.get("NetworkInterfaces", [])
    first = (i["NetworkInterfaceId"] for i in interfaces if i["Attachment"]["DeviceIndex"] == 0)
    return NatInstance(
        instance_id=shape["InstanceId"],
        vpc_id=shape["VpcId"],
        state=shape["State"]["Name"],
        private_address=IPv4Address(shape["PrivateIpAddress"]),
        public_address=IPv4Address(public) if public else None,
        stack=next(tag["Value"] for tag in shape["Tags"] if tag["Key"] == NAT_TAG),
        groups=tuple(sorted(group["GroupId"] for group in shape.get("SecurityGroups", []))),
        health=health or Health.UNKNOWN,
        interface=next(first, None) if len(interfaces) > 1 else None,
    )
