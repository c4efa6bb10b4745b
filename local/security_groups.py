"""EC2's calls about security groups, where moto differs from AWS.

All of a request is done or nothing of it, each rule has an answer of its own, the quota counts as
https://docs.aws.amazon.com/vpc/latest/userguide/security-group-rules.html#security-group-size says.
"""

from __future__ import annotations

import time
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from moto.core.responses import ActionResult, EmptyResult
from moto.ec2.exceptions import (
    EC2ClientError,
    InvalidParameterValue,
    InvalidPermissionNotFoundError,
    InvalidSecurityGroupNotFoundError,
    InvalidSecurityGroupRuleIdNotFoundError,
    MissingParameter,
    RulesPerSecurityGroupLimitExceededError,
)
from moto.ec2.responses.security_groups import SecurityGroups
from moto.ec2.responses.tags import TagResponse

from local.ec2_base import Ec2Answers, named_by
from local.prefix_lists import prefix_list, weight
from local.security_group_rules import Rule

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

QUOTA = 60  # rules of a group, IPv4 and IPv6 counted apart
# What filters of rules by name look at.
_FILTERS = {"group-id": attrgetter("group_id"), "security-group-rule-id": attrgetter("id")}


class SecurityGroupAnswers(Ec2Answers, SecurityGroups, TagResponse):
    """The ingress rules of groups; egress stays moto's."""

    # Rules that are gone and when; class-wide, since moto makes an object for each request.
    gone: list[tuple[float, Rule]] = []  # noqa: RUF012

    def describe_security_groups(self) -> ActionResult:
        """Answer DescribeSecurityGroups in pages."""
        filters = self._filters_from_querystring()
        wanted = named_by(filters.pop("group-id", ["*"]))
        groups = [
            group
            for group in self.ec2_backend.describe_security_groups(
                group_ids=self._get_param("GroupIds", []),
                groupnames=self._get_param("GroupNames", []),
                filters=filters,
            )
            if wanted(group.id)
        ]
        page, token = self._page(groups, 5, 1000)
        return ActionResult({"SecurityGroups": page, "NextToken": token})

    def describe_security_group_rules(self) -> ActionResult:
        """Answer DescribeSecurityGroupRules."""
        self.error_on_dryrun()
        filters = self._filters_from_querystring()
        for name in filters:
            if name not in _FILTERS and not name.startswith("tag:"):
                raise InvalidParameterValue(f"The filter '{name}' is invalid")
        rules = self._shown()
        for name in _FILTERS.keys() & filters:
            asked, named = named_by(filters.pop(name)), _FILTERS[name]
            rules = [rule for rule in rules if asked(named(rule))]
        if filters:
            rules = [rule for rule in rules if rule.matches_filters(filters)]
        wanted = self._get_param("SecurityGroupRuleIds", [])
        if wanted:
            known = {rule.id: rule for rule in rules}
            for rule_id in wanted:
                if rule_id not in known:
                    raise InvalidSecurityGroupRuleIdNotFoundError(rule_id)
            rules = [known[rule_id] for rule_id in wanted]
        page, token = self._page(rules, 5, 1000)
        return ActionResult({"SecurityGroupRules": self._shapes(page), "NextToken": token})

    def authorize_security_group_ingress(self) -> ActionResult:
        """Answer AuthorizeSecurityGroupIngress."""
        self.error_on_dryrun()
        group = self._group()
        tags = self._parse_tag_specification("security-group-rule").get("security-group-rule", {})
        rules = list(self._asked(group))
        if not rules:
            raise MissingParameter("The request must contain the parameter ipPermissions")
        self._check(rules, group.ingress_rules)
        group.ingress_rules = [*group.ingress_rules, *rules]
        for rule in rules:
            rule.add_tags(tags)
        return ActionResult({"Return": True, "SecurityGroupRules": self._shapes(rules)})

    def revoke_security_group_ingress(self) -> ActionResult:
        """Answer RevokeSecurityGroupIngress, by ids or by what rules admit.

        https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_RevokeSecurityGroupIngress.html:
        values that match no rule are an error, but in a default VPC they are only named.
        """
        self.error_on_dryrun()
        group = self._group()
        ids, unknown = self._get_param("SecurityGroupRuleIds", []), []
        if ids:
            revoked = [self._rule(group, rule_id) for rule_id in ids]
        else:
            asked = list(self._asked(group))
            revoked = [rule for rule in group.ingress_rules if rule in asked]
            unknown = [rule for rule in asked if rule not in group.ingress_rules]
        if unknown and not self.ec2_backend.get_vpc(group.vpc_id).is_default:
            raise InvalidPermissionNotFoundError
        if group.id in self.moods.deaf:
            revoked, unknown = [], [*revoked, *unknown]
        group.ingress_rules = [rule for rule in group.ingress_rules if rule not in revoked]
        self.gone.extend((time.monotonic(), rule) for rule in revoked)
        answer: dict[str, Any] = {
            "Return": True,
            "RevokedSecurityGroupRules": [rule.revoked_shape() for rule in revoked],
        }
        if unknown:
            answer["UnknownIpPermissions"] = [rule.permission() for rule in unknown]
        return ActionResult(answer)

    def modify_security_group_rules(self) -> ActionResult:
        """Answer ModifySecurityGroupRules: a rule keeps id, tags, and its kind of source."""
        self.error_on_dryrun()
        group = self._group()
        rules = list(group.ingress_rules)
        for asked in self._get_param("SecurityGroupRules", []):
            rule = self._rule(group, asked["SecurityGroupRuleId"])
            new = self._changed(group, rule, asked.get("SecurityGroupRule", {}))
            self._check([new], [each for each in rules if each.id != rule.id])
            new.id = rule.id
            rules = [new if each.id == rule.id else each for each in rules]
        group.ingress_rules = rules
        return ActionResult({"Return": True})

    def create_tags(self) -> ActionResult | EmptyResult:
        """Answer CreateTags, where rules are concerned only of rules that exist and are ours."""
        self._check_tagged()
        return super().create_tags()

    def delete_tags(self) -> ActionResult | EmptyResult:
        """Answer DeleteTags."""
        self._check_tagged()
        return super().delete_tags()

    def _check_tagged(self) -> None:
        owners = {rule.id: group.owner_id for group in self._groups() for rule in _rules(group)}
        for resource in self._get_param("Resources", []):
            if resource.startswith("sgr-"):
                if resource not in owners:
                    raise InvalidSecurityGroupRuleIdNotFoundError(resource)
                self._refuse_others(owners[resource])

    def _groups(self) -> list[Any]:
        return [each for groups in list(self.ec2_backend.groups.values())
                for each in list(groups.values())]  # fmt: skip

    def _shown(self) -> list[Rule]:
        """Return all rules, and those that went too lately for this API to know."""
        since = time.monotonic() - self.moods.lag
        late = [rule for gone, rule in self.gone if gone > since]
        return [*(rule for group in self._groups() for rule in _rules(group)), *late]

    def _shapes(self, rules: Iterable[Rule]) -> list[dict[str, Any]]:
        owners = {group.id: group.owner_id for group in self._groups()}
        return [rule.shape(owners.get(rule.group_id, self.current_account)) for rule in rules]

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
    def _rule(group: Any, rule_id: str) -> Rule:
        for rule in group.ingress_rules:
            if rule.id == rule_id:
                return rule  # type: ignore[no-any-return]
        raise InvalidSecurityGroupRuleIdNotFoundError(rule_id)

    def _asked(self, group: Any) -> Iterator[Rule]:
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
                    each["to_port"], *source, is_egress=False,
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
            asked.get("ToPort"), source.pop("ip_range", None), **source, is_egress=False,
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


def _rules(group: Any) -> list[Rule]:
    return [*group.egress_rules, *group.ingress_rules]


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
