"""EC2's calls that change the rules of security groups, of both directions.

All of a request is done or nothing of it, each rule has an answer of its own, the quota counts as
https://docs.aws.amazon.com/vpc/latest/userguide/security-group-rules.html#security-group-size says.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Literal

from moto.core.responses import ActionResult
from moto.ec2.exceptions import (
    EC2ClientError,
    InvalidParameterValue,
    InvalidPermissionNotFoundError,
    InvalidSecurityGroupNotFoundError,
    InvalidSecurityGroupRuleIdNotFoundError,
    MissingParameter,
    RulesPerSecurityGroupLimitExceededError,
)

from local.prefix_lists import prefix_list, weight
from local.security_group_rules import Rule
from local.security_groups import SecurityGroupAnswers

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

QUOTA = 60  # rules of a group, inbound and outbound counted apart, and so IPv4 and IPv6

Side = Literal["ingress_rules", "egress_rules"]  # where a group keeps the rules of a direction
_SIDES: tuple[Side, Side] = ("ingress_rules", "egress_rules")


class RuleChangeAnswers(SecurityGroupAnswers):
    """Rules that are added, changed and removed."""

    def authorize_security_group_ingress(self) -> ActionResult:
        """Answer AuthorizeSecurityGroupIngress."""
        return self._authorize("ingress_rules")

    def authorize_security_group_egress(self) -> ActionResult:
        """Answer AuthorizeSecurityGroupEgress."""
        return self._authorize("egress_rules")

    def revoke_security_group_ingress(self) -> ActionResult:
        """Answer RevokeSecurityGroupIngress."""
        return self._revoke("ingress_rules")

    def revoke_security_group_egress(self) -> ActionResult:
        """Answer RevokeSecurityGroupEgress."""
        return self._revoke("egress_rules")

    def modify_security_group_rules(self) -> ActionResult:
        """Answer ModifySecurityGroupRules: a rule keeps id, tags, direction and kind of source."""
        self.error_on_dryrun()
        group = self._group()
        sides = {side: list(getattr(group, side)) for side in _SIDES}
        for asked in self._get_param("SecurityGroupRules", []):
            rule = self._rule([*sides["ingress_rules"], *sides["egress_rules"]], asked)
            side = _side(rule)
            new = self._changed(group, rule, asked.get("SecurityGroupRule", {}))
            self._check([new], [each for each in sides[side] if each.id != rule.id])
            new.id = rule.id
            sides[side] = [new if each.id == rule.id else each for each in sides[side]]
        for side in _SIDES:
            setattr(group, side, sides[side])
        return ActionResult({"Return": True})

    def _authorize(self, side: Side) -> ActionResult:
        self.error_on_dryrun()
        group = self._group()
        tags = self._parse_tag_specification("security-group-rule").get("security-group-rule", {})
        rules, others = list(self._asked(group, side)), getattr(group, side)
        if not rules:
            raise MissingParameter("The request must contain the parameter ipPermissions")
        self._check(rules, others)
        setattr(group, side, [*others, *rules])
        for rule in rules:
            rule.add_tags(tags)
        return ActionResult({"Return": True, "SecurityGroupRules": self._shapes(rules)})

    def _revoke(self, side: Side) -> ActionResult:
        """Revoke by ids, or by what rules admit.

        https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_RevokeSecurityGroupIngress.html
        and API_RevokeSecurityGroupEgress.html: values that match no rule are an error, but in a
        default VPC they are only named.
        """
        self.error_on_dryrun()
        group = self._group()
        rules: list[Rule] = getattr(group, side)
        ids, unknown = self._get_param("SecurityGroupRuleIds", []), []
        if ids:
            revoked = [self._rule(rules, {"SecurityGroupRuleId": rule_id}) for rule_id in ids]
        else:
            asked = list(self._asked(group, side))
            revoked = [rule for rule in rules if rule in asked]
            unknown = [rule for rule in asked if rule not in rules]
        if unknown and not self.ec2_backend.get_vpc(group.vpc_id).is_default:
            raise InvalidPermissionNotFoundError
        if group.id in self.moods.deaf:
            revoked, unknown = [], [*revoked, *unknown]
        setattr(group, side, [rule for rule in rules if rule not in revoked])
        self.gone.extend((time.monotonic(), rule) for rule in revoked)
        answer: dict[str, Any] = {
            "Return": True,
            "RevokedSecurityGroupRules": [rule.revoked_shape() for rule in revoked],
        }
        if unknown:
            answer["UnknownIpPermissions"] = [rule.permission() for rule in unknown]
        return ActionResult(answer)

    def _group(self) -> Any:
        """Return the group that a request changes."""
        named = self._get_param("GroupId") or self._get_param("GroupName")
        if not named:
            raise MissingParameter("The request must contain the parameter groupName or groupId")
        group = self.ec2_backend.get_security_group_by_name_or_id(named)
        if group is None:
            raise InvalidSecurityGroupNotFoundError(named)
        self._refuse_others(group.owner_id)
        return group

    @staticmethod
    def _rule(rules: Sequence[Rule], asked: dict[str, Any]) -> Rule:
        """Return the one of these rules that is asked for by its id."""
        for rule in rules:
            if rule.id == asked["SecurityGroupRuleId"]:
                return rule
        raise InvalidSecurityGroupRuleIdNotFoundError(asked["SecurityGroupRuleId"])

    def _asked(self, group: Any, side: Side) -> Iterator[Rule]:
        """Yield each source of a request's permissions as a rule of its own."""
        for each in self._process_rules_from_querystring():
            pairs = self.ec2_backend._add_source_group(each["source_groups"], group.vpc_id)  # noqa: SLF001  refuses groups that do not exist
            lists = each["prefix_list_ids"]
            for wanted in lists:
                prefix_list(self.ec2_backend, wanted["PrefixListId"])
            sources = [(cidr, None, None) for cidr in each["ip_ranges"]]
            sources += [(None, pair, None) for pair in pairs]
            sources += [(None, None, wanted) for wanted in lists]
            for source in sources:
                yield Rule(
                    self.ec2_backend, each["ip_protocol"], group.id, each["from_port"],
                    each["to_port"], *source, is_egress=side == "egress_rules",
                )  # fmt: skip

    def _changed(self, group: Any, rule: Rule, asked: dict[str, Any]) -> Rule:
        written = {"Description": asked["Description"]} if "Description" in asked else {}
        kind, _ = rule.source
        given = [each for each in asked if each.startswith(("Cidr", "PrefixList", "Referenced"))]
        if given != [kind]:
            raise InvalidParameterValue(
                f"Invalid rule type for security group rule '{rule.id}'."
                f" You may not specify {', '.join(given) or 'no source'} for a rule of {kind}."
            )
        value = asked[given[0]]
        source: dict[str, Any] = {
            "CidrIpv4": {"ip_range": {"CidrIp": value} | written},
            "CidrIpv6": {"ip_range": {"CidrIpv6": value} | written},
            "PrefixListId": {"prefix_list_id": {"PrefixListId": value} | written},
            "ReferencedGroupId": {
                "source_group": {"GroupId": value, "UserId": self.current_account} | written
            },
        }[given[0]]
        return Rule(
            self.ec2_backend, asked.get("IpProtocol", ""), group.id, asked.get("FromPort"),
            asked.get("ToPort"), source.pop("ip_range", None), **source, is_egress=rule.is_egress,
        )  # fmt: skip

    def _check(self, rules: Sequence[Rule], others: Sequence[Rule]) -> None:
        """Refuse rules that are there already, or more than a group may have."""
        for place, rule in enumerate(rules):
            if rule in others or rule in rules[:place]:
                raise EC2ClientError(
                    "InvalidPermission.Duplicate",
                    f'the specified rule "peer: {rule.source[1]}, {str(rule.ip_protocol).upper()},'
                    f' from port: {rule.from_port}, to port: {rule.to_port}, ALLOW"'
                    " already exists",
                )
        weights = [_weights(self.ec2_backend, rule) for rule in (*others, *rules)]
        if any(sum(each) > QUOTA for each in zip(*weights, strict=True)):
            raise RulesPerSecurityGroupLimitExceededError


def _side(rule: Rule) -> Side:
    return "egress_rules" if rule.is_egress else "ingress_rules"


def _weights(ec2: Any, rule: Rule) -> tuple[int, int]:
    """Return for how many rules a rule counts, of IPv4 and of IPv6: a reference for one of each."""
    kind, source = rule.source
    match kind:
        case "CidrIpv4":
            return 1, 0
        case "CidrIpv6":
            return 0, 1
        case "PrefixListId":
            found = prefix_list(ec2, source)
            return (weight(found), 0) if found.address_family == "IPv4" else (0, weight(found))
        case _:
            return 1, 1
