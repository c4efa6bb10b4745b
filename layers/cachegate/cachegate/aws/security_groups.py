"""Security groups, their ingress rules and the network interfaces that have them, on EC2."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from cachegate.aws import rule_shapes
from cachegate.aws.batches import MOST_VALUES, batches
from cachegate.aws.failures import in_words, is_transient, needed
from cachegate.aws.interfaces import interfaces
from cachegate.aws.prefix_lists import prefix_lists
from cachegate.aws.refusals import refuse
from cachegate.aws.rule_calls import authorize, described, gone_is_done
from cachegate.domain.groups import SecurityGroup
from cachegate.domain.ingress import Opened
from cachegate.errors import RuleRefusedError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from mypy_boto3_ec2 import EC2Client
    from mypy_boto3_ec2.type_defs import (
        SecurityGroupTypeDef,
    )

    from cachegate.domain.groups import Interface
    from cachegate.domain.ingress import IngressRule, Permission, PrefixList


class Ec2Groups:
    """The security groups of this account and Region, and those shared with it.

    Everything is asked for by filter: asked for by id, one that is gone would fail the whole call.
    A call that fails for now raises TransientError, since a rule or an interface that is not seen
    would change what is decided about others.
    """

    def __init__(self, ec2: EC2Client) -> None:
        self._ec2 = ec2

    def groups(self, group_ids: Iterable[str]) -> Mapping[str, SecurityGroup]:
        """Return groups by id; one that we cannot see is left out."""
        paginator = self._ec2.get_paginator("describe_security_groups")
        with needed("the security groups are not known"):
            return {
                group["GroupId"]: _group(group)
                for ids in batches(group_ids, MOST_VALUES)
                for page in paginator.paginate(Filters=[{"Name": "group-id", "Values": ids}])
                for group in page["SecurityGroups"]
            }

    def rules(self, group_ids: Iterable[str]) -> tuple[IngressRule, ...]:
        """Return their ingress rules; the entries of prefix lists are not known yet.

        One that cannot be read has an UnknownSource.
        """
        with needed("the ingress rules are not known"):
            return tuple(
                rule_shapes.read(rule)
                for ids in batches(group_ids, MOST_VALUES)
                for rule in described(self._ec2, {"Name": "group-id", "Values": ids})
                if not rule["IsEgress"]
            )

    def prefix_lists(self, list_ids: Iterable[str]) -> Mapping[str, PrefixList]:
        """Open prefix lists; one that we cannot read has no entries (None), or is left out."""
        return prefix_lists(self._ec2, list_ids)

    def interfaces(self, group_ids: Iterable[str]) -> tuple[Interface, ...]:
        """Return the network interfaces that have any of these groups."""
        return interfaces(self._ec2, group_ids)

    def present(self, rule_ids: Iterable[str]) -> frozenset[str]:
        """Return which of these rules EC2 shows now."""
        with needed("whether the rules are gone is not known"):
            return frozenset(
                rule["SecurityGroupRuleId"]
                for ids in batches(rule_ids, MOST_VALUES)
                for rule in described(self._ec2, {"Name": "security-group-rule-id", "Values": ids})
            )

    def revoke(self, group_id: str, rule_id: str) -> None:
        """Ask to remove one ingress rule by its id; one that is gone already is no error.

        Raise RuleRefusedError for whatever AWS says beside: one group may be denied to us.
        """
        subject = f"{rule_id} of {group_id} may still be there"
        with needed(subject):
            try:
                with gone_is_done():
                    self._ec2.revoke_security_group_ingress(
                        GroupId=group_id, SecurityGroupRuleIds=[rule_id]
                    )
            except ClientError as error:
                if is_transient(error):
                    raise
                raise RuleRefusedError(f"{subject}: {in_words(error)}") from error

    def open(self, group_id: str, permission: Permission) -> Opened:
        """Ask for one ingress rule; raise RuleRefusedError where AWS does not take it."""
        request: Any = rule_shapes.request(group_id, permission)
        subject = f"{group_id} does not get {permission.traffic} from {permission.source}"
        answer = authorize(self._ec2.authorize_security_group_ingress, request, subject)
        if answer is None:
            return Opened(rule_id=None, existed=True)
        return Opened(rule_id=answer["SecurityGroupRules"][0]["SecurityGroupRuleId"])

    def tag(self, rule_id: str, key: str, value: str) -> None:
        """Put a tag on a rule; raise RuleRefusedError where there is no such rule."""
        subject = f"{rule_id} does not get the tag {key}"
        with needed(subject):
            try:
                self._ec2.create_tags(Resources=[rule_id], Tags=[{"Key": key, "Value": value}])
            except ClientError as error:
                refuse(subject, error)
                raise


def _group(shape: SecurityGroupTypeDef) -> SecurityGroup:
    return SecurityGroup(
        group_id=shape["GroupId"],
        name=shape["GroupName"],
        vpc_id=shape.get("VpcId", ""),  # none outside any VPC
        owner=shape["OwnerId"],
        tags=rule_shapes.tags(shape.get("Tags", [])),
    )
