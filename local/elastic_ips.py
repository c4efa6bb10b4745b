"""Elastic IPs as EC2 keeps them, and what moves with one.

https://docs.aws.amazon.com/vpc/latest/userguide/vpc-eips.html: an interface has one public address.
Where it gets an Elastic IP, the one that EC2 gave it goes back to Amazon's pool; where the Elastic
IP is taken away, it gets a new one.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from moto.ec2.models.elastic_ip_addresses import ElasticAddress
from moto.ec2.utils import random_eip_association_id

from local.ec2_base import Ec2Answers, tag_set

if TYPE_CHECKING:
    from local.interfaces import Interface

# https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeAddresses.html
_FILTERS = {
    "allocation-id": "AllocationId", "association-id": "AssociationId",
    "instance-id": "InstanceId", "network-border-group": "NetworkBorderGroup",
    "network-interface-id": "NetworkInterfaceId",
    "network-interface-owner-id": "NetworkInterfaceOwnerId",
    "private-ip-address": "PrivateIpAddress", "public-ip": "PublicIp",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Association:
    """Where an Elastic IP is, since when."""

    since: float  # of time.monotonic()
    interface: Interface | None = None
    association_id: str | None = None

    def shape(self) -> dict[str, Any]:
        """Return what DescribeAddresses says of it: nothing where there is none."""
        if self.interface is None:
            return {}
        instance = self.interface.instance
        return {
            "AssociationId": self.association_id,
            "NetworkInterfaceId": self.interface.id,
            "NetworkInterfaceOwnerId": self.interface.owner_id,
            "PrivateIpAddress": self.interface.private_ip_address,
        } | ({"InstanceId": instance.id} if instance else {})


class Address(ElasticAddress):
    """An Elastic IP of this account."""

    eni: Interface | None  # type: ignore[assignment]  # moto leaves it untyped
    instance: Any

    def __init__(
        self, ec2_backend: Any, domain: str, address: str | None = None,  # noqa: ARG002
        tags: dict[str, str] | None = None,
    ) -> None:  # fmt: skip
        """Allocate the address that is asked for, or any; there is no domain but `vpc` any more."""
        self.history = [Association(time.monotonic())]
        taken = (each.public_ip for each in ec2_backend.addresses)
        chosen = address or Ec2Answers.public.take(taken)
        super().__init__(ec2_backend, "vpc", chosen, tags)

    @classmethod
    def create_from_cloudformation_json(
        cls, resource_name: str, cloudformation_json: Any, account_id: str, region_name: str,
        **more: Any,
    ) -> Address:  # fmt: skip
        """Allocate one with the tags of its template, which moto forgets."""
        made: Any = super().create_from_cloudformation_json(
            resource_name, cloudformation_json, account_id, region_name, **more
        )
        tags = cloudformation_json.get("Properties", {}).get("Tags", [])
        made.add_tags({each["Key"]: each["Value"] for each in tags})
        return made  # type: ignore[no-any-return]

    @classmethod
    def has_cfn_attr(cls, attr: str) -> bool:
        """Tell which attributes a template may ask for."""
        return attr in {"AllocationId", "PublicIp"}

    def get_cfn_attribute(self, attribute_name: str) -> Any:
        """Return an attribute to a template."""
        if attribute_name == "PublicIp":
            return self.public_ip
        return super().get_cfn_attribute(attribute_name)

    def get_filter_value(self, filter_name: str, method_name: str | None = None) -> Any:
        """Return what a filter looks at, of what is shown."""
        if filter_name in _FILTERS:
            return self.shape().get(_FILTERS[filter_name])
        return super().get_filter_value(filter_name, method_name)

    def shape(self) -> dict[str, Any]:
        """Return it as DescribeAddresses shows it: for a while, where it was before."""
        until = time.monotonic() - Ec2Answers.moods.old_holder
        known = [each for each in self.history if each.since <= until] or self.history[:1]
        return {
            "AllocationId": self.allocation_id,
            "PublicIp": self.public_ip,
            "Domain": "vpc",
            "PublicIpv4Pool": "amazon",
            "NetworkBorderGroup": self.ec2_backend.region_name,
            "Tags": tag_set(self),
        } | known[-1].shape()

    def move(self, target: Interface | None) -> None:
        """Be at another interface from now on, or at none, with all that follows from it."""
        left = self.eni
        changed: dict[str, Interface | None] = {self.public_ip: target}
        if target is not None:
            former = elastic_ip(target)
            if former is not None:
                former.place(None)
            if target.public_ip:
                changed[target.public_ip] = None
            target.public_ip = self.public_ip
        self.place(target)
        if left is not None:
            left.public_ip = left.address_due()
            if left.public_ip:
                changed[left.public_ip] = left
        Ec2Answers.public.change(changed, Ec2Answers.moods.follow)

    def place(self, interface: Interface | None) -> None:
        """Note where it is from now on, and nothing else."""
        self.eni = interface
        self.instance = interface.instance if interface else None
        self.association_id = random_eip_association_id() if interface else None
        self.history.append(Association(time.monotonic(), interface, self.association_id))


def elastic_ip(interface: Interface) -> Address | None:
    """Return the Elastic IP that an interface has."""
    addresses: list[Address] = list(interface.ec2_backend.addresses)
    return next((each for each in addresses if each.eni is interface), None)
