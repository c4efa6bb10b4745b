"""Elastic IPs on EC2."""

from __future__ import annotations

from ipaddress import IPv4Address
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from cachegate.aws.failures import code, in_words, is_transient, needed
from cachegate.domain.address import ElasticIp
from cachegate.errors import AddressRefusedError

if TYPE_CHECKING:
    from mypy_boto3_ec2 import EC2Client

_GONE = frozenset({"InvalidAllocationID.NotFound", "InvalidAddress.NotFound"})


class Ec2Addresses:
    """The Elastic IPs of this account and Region.

    `mover` is a client that never tries a call again: one that is late must not undo what a later
    pass has decided.
    """

    def __init__(self, ec2: EC2Client, mover: EC2Client) -> None:
        self._ec2 = ec2
        self._mover = mover

    def find(self, allocation_id: str) -> ElasticIp | None:
        """Return the address, or None where EC2 shows none; raise TransientError without answer."""
        with needed(f"who has {allocation_id} is not known"):
            # By filter: asked for by id, one that does not exist would fail the call.
            shapes = self._ec2.describe_addresses(
                Filters=[{"Name": "allocation-id", "Values": [allocation_id]}]
            )["Addresses"]
        for shape in shapes:
            return ElasticIp(
                allocation_id=shape["AllocationId"],
                address=IPv4Address(shape["PublicIp"]),
                instance_id=shape.get("InstanceId") or None,
                interface_id=shape.get("NetworkInterfaceId") or None,
            )
        return None

    def associate(self, allocation_id: str, instance_id: str) -> None:
        """Ask once for the address to be moved to an instance, from whoever has it."""
        subject = f"{allocation_id} may not have moved to {instance_id}"
        with needed(subject):
            try:
                self._mover.associate_address(
                    AllocationId=allocation_id, InstanceId=instance_id, AllowReassociation=True
                )
            except ClientError as error:
                if is_transient(error):
                    raise
                raise AddressRefusedError(f"{subject}: {in_words(error)}") from error

    def release(self, allocation_id: str) -> None:
        """Give the address back to AWS, from whoever has it; one that is gone is no error."""
        with needed(f"{allocation_id} is not given back"):
            try:
                for shape in self._ec2.describe_addresses(
                    Filters=[{"Name": "allocation-id", "Values": [allocation_id]}]
                )["Addresses"]:
                    if association := shape.get("AssociationId"):
                        self._ec2.disassociate_address(AssociationId=association)
                    self._ec2.release_address(AllocationId=allocation_id)
            except ClientError as error:
                if code(error) in _GONE:
                    return
                if is_transient(error):
                    raise
                raise AddressRefusedError(
                    f"{allocation_id} is not given back: {in_words(error)}"
                ) from error
