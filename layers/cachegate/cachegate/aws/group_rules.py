"""Security-group rules of both directions, on EC2."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from cachegate.aws import rule_shapes
from cachegate.aws.batches import MOST_VALUES, batches
from cachegate.aws.failures import in_words, is_transient, needed
from cachegate.aws.prefix_lists import weights
from cachegate.aws.refusals import refuse
from cachegate.aws.rule_calls import authorize, described, gone_is_done
from cachegate.aws.security_groups import Ec2Groups
from cachegate.domain.group_rules import MANAGED_TAG, Direction, GroupRule, Opening
from cachegate.domain.ingress import Permission
from cachegate.domain.traffic import ICMP
from cachegate.errors import RuleRefusedError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from mypy_boto3_ec2 import EC2Client
    from mypy_boto3_ec2.type_defs import FilterTypeDef, SecurityGroupRuleTypeDef

    from cachegate.domain.group_rules import Wanted
    from cachegate.domain.groups import Interface, SecurityGroup


class Ec2GroupRules:
    """The rules of this account's security groups, by filter: one that is gone fails no call."""

    def __init__(self, ec2: EC2Client) -> None:
        self._ec2 = ec2
        self._groups = Ec2Groups(ec2)

    def managed(self, stack: str) -> tuple[GroupRule, ...]:
        """Return every rule that carries the tag cachegate:managed of this stack."""
        wanted: FilterTypeDef = {"Name": f"tag:{MANAGED_TAG}", "Values": [stack]}
        with needed("which rules are managed is not known"):
            return self._weighed(described(self._ec2, wanted))

    def rules(self, group_ids: Iterable[str]) -> tuple[GroupRule, ...]:
        """Return all rules of these groups, whoever added them."""
        with needed("the rules of security groups are not known"):
            return self._weighed(
                shape
                for ids in batches(group_ids, MOST_VALUES)
                for shape in described(self._ec2, {"Name": "group-id", "Values": ids})
            )

    def groups(self, group_ids: Iterable[str]) -> Mapping[str, SecurityGroup]:
        """Return groups by id; one that we cannot see is left out."""
        return self._groups.groups(group_ids)

    def interfaces(self, group_ids: Iterable[str]) -> tuple[Interface, ...]:
        """Return the network interfaces that have any of these groups."""
        return self._groups.interfaces(group_ids)

    def open(self, wanted: Wanted, tags: Mapping[str, str]) -> bool:
        """Add a rule with these tags; return False where there is one with the same opening."""
        opening = wanted.opening
        permission = Permission(
            traffic=opening.traffic, source=opening.peer, description=wanted.why, tags=tags
        )
        call = (
            self._ec2.authorize_security_group_ingress
            if opening.direction is Direction.INGRESS
            else self._ec2.authorize_security_group_egress
        )
        request: Any = rule_shapes.request(opening.group_id, permission)
        return authorize(call, request, f"{opening} is not open") is not None

    def close(self, rule: GroupRule) -> None:
        """Remove a rule by its id; one that is gone is no error."""
        call = (
            self._ec2.revoke_security_group_ingress
            if rule.opening.direction is Direction.INGRESS
            else self._ec2.revoke_security_group_egress
        )
        subject = f"{rule.rule_id} ({rule.opening}) may still be there"
        with needed(subject):
            try:
                with gone_is_done():
                    call(GroupId=rule.opening.group_id, SecurityGroupRuleIds=[rule.rule_id])
            except ClientError as error:
                if is_transient(error):
                    raise
                refuse(subject, error)
                raise RuleRefusedError(f"{subject}: {in_words(error)}") from error

    def _weighed(self, shapes: Iterable[SecurityGroupRuleTypeDef]) -> tuple[GroupRule, ...]:
        """Read rules, with what each takes of its group's quota."""
        shapes = list(shapes)
        lists = {each["PrefixListId"] for each in shapes if "PrefixListId" in each}
        weighs = weights(self._ec2, sorted(lists)) if lists else {}
        return tuple(_rule(each, weighs.get(each.get("PrefixListId", ""), 1)) for each in shapes)


def _rule(shape: SecurityGroupRuleTypeDef, weight: int) -> GroupRule:
    read = rule_shapes.read(shape)
    return GroupRule(
        rule_id=shape["SecurityGroupRuleId"],
        opening=Opening(
            group_id=shape["GroupId"],
            direction=Direction.EGRESS if shape["IsEgress"] else Direction.INGRESS,
            traffic=read.traffic,
            peer=read.source,
        ),
        tags=read.tags,
        weight=weight,
        description=read.description,
        icmp=_icmp(shape) if read.traffic.protocol == ICMP else None,
    )


def _icmp(shape: SecurityGroupRuleTypeDef) -> tuple[int, int]:
    """Read type and code, which an ICMP rule has in the place of ports."""
    return shape.get("FromPort", -1), shape.get("ToPort", -1)
