"""EC2 as moto answers it, with our own answers about security groups, prefix lists, interfaces."""

from __future__ import annotations

import moto.ec2.models.elastic_network_interfaces
import moto.ec2.models.security_groups
from moto.ec2.models.core import TaggedEC2Resource
from moto.ec2.responses import EC2Response

from local.ec2_base import own_tags
from local.interfaces import Interface, InterfaceAnswers
from local.prefix_lists import PrefixListAnswers
from local.security_group_rules import Rule
from local.security_groups import SecurityGroupAnswers


class Responses(SecurityGroupAnswers, PrefixListAnswers, InterfaceAnswers, EC2Response):
    """All answers of EC2."""


def register() -> None:
    """Let moto make rules and interfaces of ours; call before it makes any."""
    moto.ec2.models.security_groups.SecurityGroupRule = Rule  # type: ignore[misc]
    moto.ec2.models.elastic_network_interfaces.NetworkInterface = Interface  # type: ignore[misc]
    TaggedEC2Resource.get_tags = own_tags  # type: ignore[assignment, method-assign]
