"""How EC2 shows security groups and their rules, and who may tag a rule, where moto differs."""

from __future__ import annotations

import time
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from moto.core.responses import ActionResult, EmptyResult
from moto.ec2.exceptions import InvalidParameterValue, InvalidSecurityGroupRuleIdNotFoundError
from moto.ec2.models.security_groups import SecurityGroup
from moto.ec2.responses.security_groups import SecurityGroups
from moto.ec2.responses.tags import TagResponse

from local.ec2_base import Ec2Answers, named_by

if TYPE_CHECKING:
    from collections.abc import Iterable

    from local.security_group_rules import Rule

# What filters of rules by name look at.
_FILTERS = {"group-id": attrgetter("group_id"), "security-group-rule-id": attrgetter("id")}


class SecurityGroupAnswers(Ec2Answers, SecurityGroups, TagResponse):
    """Groups and rules as they are shown."""

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


def _rules(group: Any) -> list[Rule]:
    return [*group.egress_rules, *group.ingress_rules]


_make: Any = SecurityGroup.__dict__["create_from_cloudformation_json"].__func__


def made_by_template(
    cls: type[Any], name: str, template: dict[str, Any], account: str, region: str, **more: Any
) -> Any:
    """Make a group that lets out what its template says and nothing else; moto leaves that out.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ec2-securitygroup.html
    """
    group = _make(cls, name, template, account, region, **more)
    wanted = template["Properties"].get("SecurityGroupEgress", [])
    if wanted:
        group.egress_rules.clear()
    for each in wanted:
        group.ec2_backend.authorize_security_group_egress(
            group.id, each["IpProtocol"], each["FromPort"], each["ToPort"],
            [{"CidrIp": each["CidrIp"], "Description": each.get("Description", "")}],
            vpc_id=group.vpc_id,
        )  # fmt: skip
    return group
