"""EC2's calls about Elastic IPs, where moto differs from AWS.

https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_AssociateAddress.html and its neighbours;
where they leave it open, refusals are those that others have published (docs/fidelity.md).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from moto.core.responses import ActionResult, EmptyResult
from moto.ec2.exceptions import EC2ClientError, MissingParameter
from moto.ec2.responses.elastic_ip_addresses import ElasticIPAddresses
from moto.ec2.utils import generic_filter

from local.ec2_base import Ec2Answers
from local.elastic_ips import Address, elastic_ip

if TYPE_CHECKING:
    from local.interfaces import Interface

# An instance keeps its Elastic IP while it is stopped.
_MAY_HAVE_ONE = {"running", "stopping", "stopped"}


class AddressAnswers(Ec2Answers, ElasticIPAddresses):
    """Elastic IPs; allocation stays moto's."""

    def describe_addresses(self) -> ActionResult:
        """Answer DescribeAddresses, which knows no pages."""
        self.error_on_dryrun()
        found: list[Address] = list(self.ec2_backend.addresses)
        for parameter, refuse, name in (
            ("AllocationIds", _no_allocation, "allocation_id"),
            ("PublicIps", _no_address, "public_ip"),
        ):
            wanted = self._get_param(parameter, [])
            known = {getattr(each, name): each for each in found}
            for each in wanted:
                if each not in known:
                    raise refuse(each)
            found = [known[each] for each in wanted] if wanted else found
        found = generic_filter(self._filters_from_querystring(), found)
        return ActionResult({"Addresses": [each.shape() for each in found]})

    def associate_address(self) -> ActionResult:
        """Answer AssociateAddress: from where the address is, if nobody forbids that."""
        self.error_on_dryrun()
        with self.public.lock:
            address, target = self._address(), self._target()
            moves = self._get_param("AllowReassociation", True)  # noqa: FBT003  moto's default
            if address.eni is not target:
                if not moves:
                    _refuse_taken(address, target)
                address.move(target)
        return ActionResult({"AssociationId": address.association_id})

    def disassociate_address(self) -> EmptyResult:
        """Answer DisassociateAddress."""
        self.error_on_dryrun()
        wanted = self._get_param("AssociationId")
        if not wanted:
            raise MissingParameter("The request must contain the parameter associationId")
        with self.public.lock:
            for address in list(self.ec2_backend.addresses):
                if address.association_id == wanted:
                    address.move(None)
                    return EmptyResult()
        raise EC2ClientError(
            "InvalidAssociationID.NotFound", f"The association ID '{wanted}' does not exist"
        )

    def release_address(self) -> EmptyResult:
        """Answer ReleaseAddress: what is in use stays, but in a default VPC."""
        self.error_on_dryrun()
        with self.public.lock:
            address = self._address()
            if address.eni is not None:
                if not self.ec2_backend.get_vpc(address.eni.vpc_id).is_default:
                    raise EC2ClientError(
                        "InvalidIPAddress.InUse", f"Address {address.public_ip} is in use."
                    )
                address.move(None)
            self.ec2_backend.addresses.remove(address)
        return EmptyResult()

    def _address(self) -> Address:
        """Return the Elastic IP that a request names."""
        wanted = self._get_param("AllocationId")
        if not wanted:
            raise MissingParameter("The request must contain the parameter allocationId")
        for address in list(self.ec2_backend.addresses):
            if address.allocation_id == wanted:
                return address  # type: ignore[no-any-return]
        raise _no_allocation(wanted)

    def _target(self) -> Interface:
        """Return the interface that a request names, or the only one of an instance."""
        instance_id = self._get_param("InstanceId")
        interface_id = self._get_param("NetworkInterfaceId")
        if bool(instance_id) == bool(interface_id):
            raise MissingParameter("Either 'instanceId' or 'networkInterfaceId' must be specified")
        if instance_id:
            instance = self.ec2_backend.get_instance(instance_id)
            if len(instance.nics) > 1:
                raise EC2ClientError(
                    "InvalidInstanceID",
                    f"There are multiple interfaces attached to instance '{instance_id}'."
                    " Please specify an interface ID for the operation instead.",
                )
            named = f"The {instance.state} instance '{instance_id}'"
            _refuse_state(instance, "InvalidInstanceID", named)
            return instance.nics[0]  # type: ignore[no-any-return]
        interface: Interface = self.ec2_backend.get_network_interface(interface_id)
        if interface.instance is not None:
            named = f"The {interface.instance.state} instance to which '{interface_id}' is attached"
            _refuse_state(interface.instance, "IncorrectInstanceState", named)
        return interface


def _refuse_state(instance: Any, code: str, named: str) -> None:
    if instance.state not in _MAY_HAVE_ONE:
        raise EC2ClientError(code, f"{named} is not in a valid state for this operation.")


def _refuse_taken(address: Address, target: Interface) -> None:
    """Refuse what would take an Elastic IP from somebody, or from the target its own."""
    if address.eni is not None:
        raise EC2ClientError(
            "Resource.AlreadyAssociated",
            f"resource {address.allocation_id} is already associated with associate-id"
            f" {address.association_id}",
        )
    other = elastic_ip(target)
    if other is not None:
        raise EC2ClientError(
            "Resource.AlreadyAssociated",
            f"resource {target.id} and {target.private_ip_address} is already associated with"
            f" public address {other.public_ip}",
        )


def _no_allocation(wanted: str) -> EC2ClientError:
    text = f"The allocation ID '{wanted}' does not exist"
    return EC2ClientError("InvalidAllocationID.NotFound", text)


def _no_address(wanted: str) -> EC2ClientError:
    return EC2ClientError("InvalidAddress.NotFound", f"Address '{wanted}' not found.")
