"""Elastic IPs on EC2."""

from __future__ import annotations

from contextlib import contextmanager
from ipaddress import IPv4Address
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from cachegate.aws.failures import code, in_words, is_transient, needed
from cachegate.domain.address import ElasticIp
from cachegate.errors import AddressRefusedError, TransientError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_ec2 import EC2Client
    from mypy_boto3_ec2.type_defs import AddressTypeDef

_GONE = frozenset(
    {
        "InvalidAddress.NotFound",
        "InvalidAllocationID.NotFound",
        "InvalidAssociationID.NotFound",
    }
)
_IN_USE = "InvalidIPAddress.InUse"


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
            shapes = self._shapes(allocation_id)
        for shape in shapes:
            return ElasticIp(
                allocation_id=shape["AllocationId"],
                address=IPv4Address(shape["PublicIp"]),
                instance_id=shape.get("InstanceId") or None,
                interface_id=shape.get("NetworkInterfaceId") or None,
            )
        return None

    def associate(
        self, allocation_id: str, instance_id: str, interface_id: str | None = None
    ) -> None:
        """Ask once for the address to be moved to an instance, from whoever has it.

        One that has several interfaces is refused where the call does not name one of them. Asked
        for again where the instance has it already, EC2 does nothing
        (https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_AssociateAddress.html).
        Raise AddressRefusedError where EC2 does not do it, TransientError without an answer: then
        it may have been done.
        """
        subject = f"{allocation_id} may not have moved to {instance_id}"
        with _answered(subject):
            if interface_id is None:
                self._mover.associate_address(
                    AllocationId=allocation_id, InstanceId=instance_id, AllowReassociation=True
                )
            else:
                self._mover.associate_address(
                    AllocationId=allocation_id,
                    NetworkInterfaceId=interface_id,
                    AllowReassociation=True,
                )

    def release(self, allocation_id: str) -> None:
        """Give the address back to AWS, from whoever has it; one that is gone is no error.

        Outside a default VPC EC2 releases no address that is in use
        (https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ReleaseAddress.html).
        Raise AddressRefusedError where EC2 does not do it, TransientError where it may do it later.
        """
        with _answered(f"{allocation_id} is not given back"):
            for shape in self._shapes(allocation_id):
                if association := shape.get("AssociationId"):
                    with _gone_is_fine():
                        self._ec2.disassociate_address(AssociationId=association)
                with _gone_is_fine():
                    self._ec2.release_address(AllocationId=allocation_id)

    def _shapes(self, allocation_id: str) -> list[AddressTypeDef]:
        # By filter: asked for by id, one that does not exist would fail the call.
        return self._ec2.describe_addresses(
            Filters=[{"Name": "allocation-id", "Values": [allocation_id]}]
        )["Addresses"]


@contextmanager
def _answered(subject: str) -> Iterator[None]:
    """Raise TransientError where EC2 cannot do it now, AddressRefusedError where it will not."""
    with needed(subject):
        try:
            yield
        except ClientError as error:
            if is_transient(error):
                raise
            text = f"{subject}: {in_words(error)}"
            # It was disassociated a moment ago, and not all of EC2 knows that yet.
            kind = TransientError if code(error) == _IN_USE else AddressRefusedError
            raise kind(text) from error


@contextmanager
def _gone_is_fine() -> Iterator[None]:
    """Take it for done where somebody else has done it, or a try before whose answer was lost."""
    try:
        yield
    except ClientError as error:
        if code(error) not in _GONE:
            raise
