"""EC2 as moto answers it, with answers of our own about what our functions ask and change."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import moto.ec2.models.elastic_ip_addresses
import moto.ec2.models.elastic_network_interfaces
import moto.ec2.models.security_groups
from moto.ec2.models.core import TaggedEC2Resource
from moto.ec2.models.route_tables import Route
from moto.ec2.models.security_groups import SecurityGroup
from moto.ec2.responses import EC2Response

from local import auto_scaling
from local.addresses import AddressAnswers
from local.ec2_base import own_tags
from local.elastic_ips import Address
from local.instance_status import InstanceStatusAnswers
from local.interfaces import Interface, InterfaceAnswers
from local.prefix_lists import PrefixListAnswers
from local.routes import RouteAnswers, state_of
from local.rule_changes import RuleChangeAnswers
from local.security_group_rules import Rule
from local.security_groups import made_by_template

if TYPE_CHECKING:
    from collections.abc import Callable

    from moto.core.common_types import TYPE_RESPONSE


def _nobody() -> None:
    """Tell nobody."""


class Responses(
    RuleChangeAnswers, PrefixListAnswers, InterfaceAnswers, AddressAnswers, RouteAnswers,
    InstanceStatusAnswers, EC2Response,
):  # fmt: skip
    """All answers of EC2."""

    changed: ClassVar[Callable[[], None]] = _nobody  # told of each call that may change something

    def call_action(self) -> TYPE_RESPONSE:
        """Answer a request, once what it changes has come true on the wire."""
        answer = super().call_action()
        if not self._get_action().startswith(("Describe", "Get")):
            type(self).changed()
        return answer


def register() -> None:
    """Let moto make resources of ours, and routes be true; call before it makes any."""
    moto.ec2.models.elastic_ip_addresses.ElasticAddress = Address  # type: ignore[misc]
    moto.ec2.models.security_groups.SecurityGroupRule = Rule  # type: ignore[misc]
    moto.ec2.models.elastic_network_interfaces.NetworkInterface = Interface  # type: ignore[misc]
    made: Any = classmethod(made_by_template)  # type: ignore[arg-type]
    SecurityGroup.create_from_cloudformation_json = made  # type: ignore[method-assign]
    Route.state = property(state_of)  # type: ignore[assignment]
    auto_scaling.register()
    Responses.changed = _nobody
    TaggedEC2Resource.get_tags = own_tags  # type: ignore[assignment, method-assign]
