"""Network interfaces: what has a security group, or an address of a subnet."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address
from typing import TYPE_CHECKING

from cachegate.aws.batches import MOST_VALUES, batches
from cachegate.aws.failures import needed
from cachegate.domain.groups import Interface

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from mypy_boto3_ec2 import EC2Client
    from mypy_boto3_ec2.type_defs import NetworkInterfaceTypeDef

PAGE = 1000  # interfaces, the most that EC2 sends at once


def interfaces(ec2: EC2Client, group_ids: Iterable[str]) -> tuple[Interface, ...]:
    """Return those that have any of these groups, sorted by id; TransientError where some may lack.

    One may have several of the groups, and so come in more than one batch: it counts once.
    """
    found: dict[str, Interface] = {}
    with needed("the interfaces that share security groups are not known"):
        for ids in batches(group_ids, MOST_VALUES):
            found |= {each.interface_id: each for each in _found(ec2, "group-id", ids)}
    return tuple(found[interface_id] for interface_id in sorted(found))


def interfaces_in(ec2: EC2Client, subnet_id: str) -> tuple[Interface, ...]:
    """Return those in a subnet, sorted by id."""
    found = _found(ec2, "subnet-id", [subnet_id])
    return tuple(sorted(found, key=lambda each: each.interface_id))


def _found(ec2: EC2Client, name: str, values: list[str]) -> Iterator[Interface]:
    for page in ec2.get_paginator("describe_network_interfaces").paginate(
        Filters=[{"Name": name, "Values": values}], PaginationConfig={"PageSize": PAGE}
    ):
        yield from map(_interface, page["NetworkInterfaces"])


def _interface(shape: NetworkInterfaceTypeDef) -> Interface:
    held = shape.get("PrivateIpAddresses", [])
    associations = [shape.get("Association", {}), *(each.get("Association", {}) for each in held)]
    ipv6 = {IPv6Address(each["Ipv6Address"]) for each in shape.get("Ipv6Addresses", [])}
    attachment = shape.get("Attachment", {})
    return Interface(
        interface_id=shape["NetworkInterfaceId"],
        groups=frozenset(group["GroupId"] for group in shape.get("Groups", [])),
        addresses=frozenset({IPv4Address(each["PrivateIpAddress"]) for each in held} | ipv6),
        public_addresses=frozenset(
            {IPv4Address(each["PublicIp"]) for each in associations if each.get("PublicIp")}
            | _public(ipv6, shape)
        ),
        kind=shape.get("InterfaceType", "interface"),
        description=shape.get("Description", ""),
        requester=shape.get("RequesterId", ""),
        requester_managed=shape.get("RequesterManaged", False),
        attached_to=attachment.get("InstanceId") or attachment.get("InstanceOwnerId", ""),
    )


def _public(ipv6: Iterable[IPv6Address], shape: NetworkInterfaceTypeDef) -> set[IPv6Address]:
    """Return the IPv6 addresses that are public.

    They are the interface's own, without any translation. As with an Elastic IP, whether a route
    leads there is not looked at; that EC2 drops what an internet gateway brings is.
    """
    if shape.get("DenyAllIgwTraffic"):
        return set()
    return {address for address in ipv6 if address.is_global}
