"""EC2's network interfaces, where moto differs from AWS: groups, makers, addresses, paging."""

from __future__ import annotations

from typing import Any

from moto.core.responses import ActionResult, EmptyResult
from moto.ec2.exceptions import InvalidParameterValue
from moto.ec2.models.elastic_network_interfaces import NetworkInterface
from moto.ec2.responses.elastic_network_interfaces import ElasticNetworkInterfaces
from moto.ec2.responses.instances import InstanceResponse

from local.ec2_base import Ec2Answers, named_by
from local.elastic_ips import elastic_ip

_PRIMARY = "Primary network interface"  # moto's description of what it makes for an instance


class Interface(NetworkInterface):
    """An interface that has the groups which it was given, and nothing of its instance."""

    # What an AWS service's interface is attached to, of an instance that we cannot see.
    service_attachment: dict[str, Any] | None = None
    service_address: str | None = None  # a public one that the service gave it
    tcp_timeout: int | None = None  # seconds that a resting connection is tracked, where it is set

    def __init__(self, *arguments: Any, **options: Any) -> None:
        """Make it; one that came with an instance goes with it."""
        super().__init__(*arguments, **options)
        if self.description == _PRIMARY:
            self.delete_on_termination = True

    def check_auto_public_ip(self) -> None:
        """Have a public address where EC2 gives one: at its creation, and when it starts again."""
        if not self.public_ip and self.public_ip_auto_assign and self._alone():
            self.public_ip = self._take_address()
            Ec2Answers.public.change({self.public_ip: self}, 0)

    def address_due(self) -> str | None:
        """Return a new public address where EC2 gives one to an interface without Elastic IP."""
        running = self.instance is not None and self.instance.is_running()
        wanted = running and self.public_ip_auto_assign and self._alone()
        return self._take_address() if wanted else None

    def _alone(self) -> bool:
        """Tell whether its instance has no other: of two, EC2 gives none an address."""
        return self.instance is None or len(self.instance.nics) == 1

    def _take_address(self) -> str:
        return Ec2Answers.public.take(each.public_ip for each in self.ec2_backend.addresses)

    def stop(self) -> None:
        """Give the public address back with which it came; an Elastic IP stays."""
        if self.public_ip and elastic_ip(self) is None:
            Ec2Answers.public.change({self.public_ip: None}, 0)
            self.public_ip = None

    def delete(self) -> None:
        """Go with its instance, and leave its Elastic IP."""
        self.free()
        super().delete()

    def free(self) -> None:
        """Leave an Elastic IP for good."""
        self.public_ip_auto_assign = False
        address = elastic_ip(self)
        if address is not None:
            address.move(None)

    @property
    def network_interface_id(self) -> str:
        """Its id by the name that DescribeInstances looks for."""
        return str(self.id)

    @property
    def group_set(self) -> Any:
        """Its groups; moto adds those that its instance was started with."""
        return self._group_set

    @property
    def attachment(self) -> Any:
        """What it is attached to."""
        return self.service_attachment or super().attachment

    @property
    def connection_tracking_configuration(self) -> dict[str, int] | None:
        """How long connections are tracked; nothing where it was not set."""
        return None if self.tcp_timeout is None else {"TcpEstablishedTimeout": self.tcp_timeout}

    @property
    def association(self) -> dict[str, Any]:
        """Its public address: an Elastic IP of the account, or one that is Amazon's."""
        if self.service_address:
            return {"PublicIp": self.service_address, "IpOwnerId": "amazon"}
        association = super().association
        if not association:
            return {}
        elastic = association.get("allocationId")
        named = {
            "AllocationId": elastic,
            "AssociationId": association.get("associationId"),
            "PublicIp": association["publicIp"],
            "PublicDnsName": association["publicDnsName"],
            "IpOwnerId": association["ipOwnerId"] if elastic else "amazon",
        }
        return {key: value for key, value in named.items() if value is not None}

    def get_filter_value(self, filter_name: str, method_name: str | None = None) -> Any:
        """Return what a filter looks at, as text."""
        if filter_name == "requester-managed":
            return str(bool(self.requester_managed)).lower()
        return super().get_filter_value(filter_name, method_name)


class InterfaceAnswers(Ec2Answers, ElasticNetworkInterfaces, InstanceResponse):
    """Network interfaces."""

    def describe_network_interfaces(self) -> ActionResult:
        """Answer DescribeNetworkInterfaces in pages; one of its groups is enough for a filter."""
        self.error_on_dryrun()
        filters = self._filters_from_querystring()
        wanted = named_by(filters.pop("group-id", ["*"]))
        interfaces = [
            interface
            for interface in self.ec2_backend.get_all_network_interfaces(
                self._get_param("NetworkInterfaceIds", []), filters
            )
            if any(wanted(group.id) for group in interface.group_set)
        ]
        page, token = self._page(interfaces, 5, 1000)
        return ActionResult({"NetworkInterfaces": page, "NextToken": token})

    def delete_network_interface(self) -> ActionResult | EmptyResult:
        """Answer DeleteNetworkInterface; an Elastic IP stays with the account."""
        self.ec2_backend.get_network_interface(self._get_param("NetworkInterfaceId")).free()
        return super().delete_network_interface()

    def modify_network_interface_attribute(self) -> ActionResult | EmptyResult:
        """Answer ModifyNetworkInterfaceAttribute, with what moto leaves out of it.

        https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ConnectionTrackingSpecificationRequest.html
        """
        seconds = self._get_param("ConnectionTrackingSpecification", {}).get(
            "TcpEstablishedTimeout"
        )
        if seconds is not None:
            if not 60 <= int(seconds) <= 432_000:
                raise InvalidParameterValue(f"Invalid value '{seconds}' for TcpEstablishedTimeout")
            changed = self.ec2_backend.get_network_interface(self._get_param("NetworkInterfaceId"))
            changed.tcp_timeout = int(seconds)
            return EmptyResult()
        return super().modify_network_interface_attribute()

    def modify_instance_attribute(self) -> ActionResult | EmptyResult:
        """Answer ModifyInstanceAttribute: new groups of an instance are its first interface's."""
        answer = super().modify_instance_attribute()
        if self._get_param("Groups"):
            instance = self.ec2_backend.get_instance(self._get_param("InstanceId"))
            instance.nics[0]._group_set = list(instance.security_groups)  # noqa: SLF001  moto's
        return answer
