"""Security groups and their rules, against answers in EC2's own shapes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError

from cachegate.aws.security_groups import Ec2Groups
from cachegate.domain.groups import SecurityGroup
from cachegate.domain.ingress import (
    GroupReference,
    Opened,
    Permission,
    PrefixList,
    UnknownSource,
    ipv4_network,
)
from cachegate.domain.traffic import TCP, Traffic
from cachegate.errors import RuleRefusedError, TransientError
from tests.unit.aws.fake_client import Call, client_error, failing, fake_client, pages

if TYPE_CHECKING:
    from collections.abc import Callable

REDIS = Traffic(TCP, 6379, 6379)
PERMISSION = Permission(traffic=REDIS, source=ipv4_network("203.0.113.0/24"))
THROTTLED = client_error("RequestLimitExceeded", 503)


def groups(answers: dict[str, Any], calls: list[Call] | None = None) -> Ec2Groups:
    return Ec2Groups(fake_client("ec2", answers, calls))


def rule(number: int, **fields: Any) -> dict[str, Any]:
    return {
        "SecurityGroupRuleId": f"sgr-{number}",
        "GroupId": "sg-1",
        "GroupOwnerId": "123456789012",
        "IsEgress": False,
        "IpProtocol": "tcp",
        "FromPort": 6379,
        "ToPort": 6379,
        "CidrIpv4": "0.0.0.0/0",
    } | fields


def rule_pages(*rules: dict[str, Any]) -> Any:
    return pages("NextToken", "NextToken", *({"SecurityGroupRules": [each]} for each in rules))


def test_groups_are_read_by_filter_so_that_one_that_is_gone_fails_nothing() -> None:
    calls: list[Call] = []
    web = {"GroupId": "sg-1", "GroupName": "web", "VpcId": "vpc-1", "OwnerId": "1",
           "Tags": [{"Key": "aws:cloudformation:stack-name", "Value": "shop"}]}  # fmt: skip
    old = {"GroupId": "sg-2", "GroupName": "default", "OwnerId": "2"}
    found = pages("NextToken", "NextToken", {"SecurityGroups": [web]}, {"SecurityGroups": [old]})

    seen = groups({"DescribeSecurityGroups": found}, calls).groups(["sg-1", "sg-2", "sg-gone"])

    assert seen == {
        "sg-1": SecurityGroup(
            group_id="sg-1",
            name="web",
            vpc_id="vpc-1",
            owner="1",
            tags={"aws:cloudformation:stack-name": "shop"},
        ),
        "sg-2": SecurityGroup(group_id="sg-2", name="default", vpc_id="", owner="2"),
    }
    assert (seen["sg-1"].stack, seen["sg-2"].is_default) == ("shop", True)
    assert all("GroupIds" not in parameters for _, parameters in calls)


def test_rules_of_every_page_are_read_and_egress_is_left_out() -> None:
    calls: list[Call] = []
    found = rule_pages(rule(1), rule(2, IsEgress=True), rule(3, CidrIpv4="10.0.0.0/8"))

    rules = groups({"DescribeSecurityGroupRules": found}, calls).rules(["sg-1"])

    assert [each.rule_id for each in rules] == ["sgr-1", "sgr-3"]
    assert calls[0][1]["MaxResults"] == 1000


def test_one_odd_rule_hides_no_other() -> None:
    odd = {key: value for key, value in rule(2).items() if key != "CidrIpv4"}

    rules = groups({"DescribeSecurityGroupRules": rule_pages(rule(1), odd, rule(3))}).rules(
        ["sg-1"]
    )

    assert [each.rule_id for each in rules] == ["sgr-1", "sgr-2", "sgr-3"]
    assert [isinstance(each.source, UnknownSource) for each in rules] == [False, True, False]


def test_what_is_present_is_asked_by_filter() -> None:
    calls: list[Call] = []

    present = groups({"DescribeSecurityGroupRules": rule_pages(rule(1))}, calls).present(
        ["sgr-1", "sgr-gone"]
    )

    assert present == {"sgr-1"}
    assert list(calls[0][1]["Filters"]) == [
        {"Name": "security-group-rule-id", "Values": ["sgr-1", "sgr-gone"]}
    ]


@pytest.mark.parametrize(
    ("operation", "answer", "ask"),
    [
        (
            "DescribeSecurityGroups",
            {"SecurityGroups": []},
            lambda all_of, ids: all_of.groups(ids),
        ),
        (
            "DescribeSecurityGroupRules",
            {"SecurityGroupRules": []},
            lambda all_of, ids: all_of.rules(ids),
        ),
        (
            "DescribeSecurityGroupRules",
            {"SecurityGroupRules": []},
            lambda all_of, ids: all_of.present(ids),
        ),
        (
            "DescribeManagedPrefixLists",
            {"PrefixLists": []},
            lambda all_of, ids: all_of.prefix_lists(ids),
        ),
        (
            "DescribeNetworkInterfaces",
            {"NetworkInterfaces": []},
            lambda all_of, ids: all_of.interfaces(ids),
        ),
    ],
    ids=["groups", "rules", "present", "prefix lists", "interfaces"],
)
class TestEveryQuestion:
    def test_goes_out_in_batches_that_ec2_takes(
        self, operation: str, answer: Any, ask: Callable[..., Any]
    ) -> None:
        calls: list[Call] = []

        ask(groups({operation: lambda **_: answer}, calls), [f"x-{n}" for n in range(450)])

        asked = [parameters["Filters"][0]["Values"] for _, parameters in calls]
        assert [len(batch) for batch in asked] == [200, 200, 50]

    def test_about_nothing_is_no_call(
        self, operation: str, answer: Any, ask: Callable[..., Any]
    ) -> None:
        assert not ask(groups({}), [])

    @pytest.mark.parametrize("error", [THROTTLED, ConnectTimeoutError(endpoint_url="https://ec2")])
    def test_that_is_not_answered_now_fails_for_now(
        self, operation: str, answer: Any, ask: Callable[..., Any], error: Exception
    ) -> None:
        with pytest.raises(TransientError, match="not known"):
            ask(groups({operation: failing(error)}), ["x-1"])

    def test_that_is_forbidden_rises_as_it_is(
        self, operation: str, answer: Any, ask: Callable[..., Any]
    ) -> None:
        with pytest.raises(ClientError, match="UnauthorizedOperation"):
            ask(groups({operation: failing(client_error("UnauthorizedOperation", 403))}), ["x-1"])


def test_a_revocation_names_one_rule_by_its_id_and_nothing_else() -> None:
    calls: list[Call] = []

    groups({"RevokeSecurityGroupIngress": lambda **_: {"Return": True}}, calls).revoke(
        "sg-1", "sgr-1"
    )

    assert calls == [
        ("RevokeSecurityGroupIngress", {"GroupId": "sg-1", "SecurityGroupRuleIds": ["sgr-1"]})
    ]


@pytest.mark.parametrize(
    "word",
    ["InvalidSecurityGroupRuleId.NotFound", "InvalidPermission.NotFound", "InvalidGroup.NotFound"],
)
def test_a_rule_that_is_gone_already_is_revoked(word: str) -> None:
    groups({"RevokeSecurityGroupIngress": failing(client_error(word))}).revoke("sg-1", "sgr-1")


@pytest.mark.parametrize(
    ("error", "raised"),
    [
        (THROTTLED, TransientError),
        (client_error("InternalError", 500), TransientError),
        # One group may be denied to us: the others are dealt with all the same.
        (client_error("UnauthorizedOperation", 403), RuleRefusedError),
        (client_error("DependencyViolation"), RuleRefusedError),
    ],
)
def test_any_other_failure_of_a_revocation_is_told(error: Exception, raised: type) -> None:
    with pytest.raises(raised):
        groups({"RevokeSecurityGroupIngress": failing(error)}).revoke("sg-1", "sgr-1")


def test_a_rule_is_opened_with_its_description_and_the_tags_that_we_may_set() -> None:
    calls: list[Call] = []
    permission = Permission(
        traffic=REDIS,
        source=GroupReference("sg-2"),
        description="from the NAT instance",
        tags={"cachegate:managed": "cachegate", "aws:cloudformation:stack-name": "shop"},
    )
    answer = {"Return": True, "SecurityGroupRules": [rule(9)]}

    opened = groups({"AuthorizeSecurityGroupIngress": lambda **_: answer}, calls).open(
        "sg-1", permission
    )

    assert opened == Opened(rule_id="sgr-9")
    assert calls == [
        (
            "AuthorizeSecurityGroupIngress",
            {
                "GroupId": "sg-1",
                "IpPermissions": [
                    {
                        "IpProtocol": "tcp",
                        "FromPort": 6379,
                        "ToPort": 6379,
                        "UserIdGroupPairs": [
                            {"GroupId": "sg-2", "Description": "from the NAT instance"}
                        ],
                    }
                ],
                "TagSpecifications": [
                    {
                        "ResourceType": "security-group-rule",
                        "Tags": [{"Key": "cachegate:managed", "Value": "cachegate"}],
                    }
                ],
            },
        )
    ]


def test_a_rule_without_tags_asks_for_none() -> None:
    calls: list[Call] = []
    answer = {"SecurityGroupRules": [rule(9)]}

    groups({"AuthorizeSecurityGroupIngress": lambda **_: answer}, calls).open("sg-1", PERMISSION)

    assert "TagSpecifications" not in calls[0][1]


def test_a_rule_that_exists_is_open() -> None:
    answers = {
        "AuthorizeSecurityGroupIngress": failing(client_error("InvalidPermission.Duplicate"))
    }

    assert groups(answers).open("sg-1", PERMISSION) == Opened(rule_id=None, existed=True)


@pytest.mark.parametrize(
    ("word", "advice"),
    [
        ("RulesPerSecurityGroupLimitExceeded", "60 inbound rules for IPv4 .* maximum of entries"),
        ("InvalidGroup.NotFound", "or the group that the rule admits, is gone"),
        ("InvalidSecurityGroupID.NotFound", "is gone"),
        ("InvalidGroupId.Malformed", "is gone"),
        ("InvalidPrefixListID.NotFound", "prefix list is gone"),
        ("InvalidPrefixListId.NotFound", "prefix list is gone"),
        ("InvalidVpcPeeringConnectionID.NotFound", "peering .* is gone"),
        ("InvalidParameterValue", "mend what it names"),
        ("InvalidPermission.Malformed", "mend what it names"),
        ("TagLimitExceeded", "take one away"),
        ("OperationNotPermitted", "does not permit it"),
        ("UnauthorizedOperation", "a policy of the organisation denies it"),
    ],
)
def test_a_refused_rule_says_what_to_do(word: str, advice: str) -> None:
    answers = {"AuthorizeSecurityGroupIngress": failing(client_error(word))}
    subject = "sg-1 does not get tcp 6379 from 203.0.113.0/24"

    with pytest.raises(
        RuleRefusedError, match=f"{subject}: .*{word}: as told by the test; .*{advice}"
    ):
        groups(answers).open("sg-1", PERMISSION)


@pytest.mark.parametrize(
    ("error", "raised"),
    [(THROTTLED, TransientError), (client_error("DryRunOperation", 412), ClientError)],
)
def test_what_is_no_refusal_of_the_rule_is_not_taken_for_one(
    error: Exception, raised: type
) -> None:
    ours = groups({"AuthorizeSecurityGroupIngress": failing(error), "CreateTags": failing(error)})

    with pytest.raises(raised):
        ours.open("sg-1", PERMISSION)
    with pytest.raises(raised):
        ours.tag("sgr-1", "cachegate:exempt", "web|2027-01-31|migration")


def test_a_tag_is_put_on_the_rule() -> None:
    calls: list[Call] = []

    groups({"CreateTags": lambda **_: {}}, calls).tag("sgr-1", "cachegate:exempt", "x")

    assert calls == [
        (
            "CreateTags",
            {"Resources": ["sgr-1"], "Tags": [{"Key": "cachegate:exempt", "Value": "x"}]},
        )
    ]


@pytest.mark.parametrize(
    ("word", "advice"),
    [
        ("InvalidSecurityGroupRuleId.NotFound", "the rule is gone"),
        ("InvalidID", "the rule is gone"),
        ("TagLimitExceeded", "50 tags"),
        ("InvalidParameterValue", "mend what it names"),
    ],
)
def test_a_tag_that_cannot_be_put_says_why(word: str, advice: str) -> None:
    with pytest.raises(RuleRefusedError, match=f"sgr-1 does not get the tag .*; .*{advice}"):
        groups({"CreateTags": failing(client_error(word))}).tag("sgr-1", "cachegate:exempt", "x")


class TestPrefixLists:
    def described(self, list_id: str, owner: str = "123456789012", **more: Any) -> dict[str, Any]:
        return {"PrefixListId": list_id, "OwnerId": owner, "PrefixListName": f"name of {list_id}"}

    def answers(self, *lists: dict[str, Any], entries: Any) -> dict[str, Any]:
        described = pages("NextToken", "NextToken", *({"PrefixLists": [each]} for each in lists))
        return {
            "DescribeManagedPrefixLists": described,
            "GetManagedPrefixListEntries": entries,
        }

    def test_entries_of_every_page_are_read(self) -> None:
        calls: list[Call] = []
        entries = pages(
            "NextToken",
            "NextToken",
            {"Entries": [{"Cidr": "203.0.113.0/24"}]},
            {"Entries": [{"Cidr": "2001:db8::/32", "Description": "lab"}]},
        )

        found = groups(self.answers(self.described("pl-1"), entries=entries), calls).prefix_lists(
            ["pl-1"]
        )

        assert [str(each) for each in found["pl-1"].entries or ()] == [
            "203.0.113.0/24",
            "2001:db8::/32",
        ]
        assert found["pl-1"].aws_name is None
        assert [parameters["MaxResults"] for _, parameters in calls] == [100, 100, 100]

    def test_a_list_of_aws_is_named_and_not_opened(self) -> None:
        answers = self.answers(
            self.described("pl-1", "AWS"), entries=failing(AssertionError("opened"))
        )

        assert groups(answers).prefix_lists(["pl-1"]) == {
            "pl-1": PrefixList(list_id="pl-1", aws_name="name of pl-1")
        }

    def test_a_customers_list_that_is_called_like_one_of_aws_is_none(self) -> None:
        listed = self.described("pl-1") | {"PrefixListName": "com.amazonaws.global.cloudfront"}
        answers = self.answers(listed, entries=lambda **_: {"Entries": [{"Cidr": "0.0.0.0/0"}]})

        (found,) = groups(answers).prefix_lists(["pl-1"]).values()

        assert (found.aws_name, found.entries) == (None, (ipv4_network("0.0.0.0/0"),))

    def test_a_list_that_is_gone_is_left_out(self) -> None:
        answers: dict[str, Any] = {"DescribeManagedPrefixLists": lambda **_: {"PrefixLists": []}}

        assert groups(answers).prefix_lists(["pl-gone"]) == {}

    @pytest.mark.parametrize(
        "answer",
        [
            failing(client_error("UnauthorizedOperation", 403)),
            failing(client_error("AccessDenied", 403)),
            failing(client_error("InvalidPrefixListID.NotFound")),
            failing(client_error("InvalidPrefixListId.NotFound")),
            failing(client_error("IncorrectState")),
            lambda **_: {"Entries": [{"Cidr": "203.0.113.0/24"}, {"Cidr": "everywhere"}]},
        ],
        ids=[
            "not shared with us",
            "denied",
            "gone",
            "gone, spelt otherwise",
            "of any kind",
            "odd entry",
        ],
    )
    def test_a_list_that_cannot_be_read_is_not_taken_for_an_empty_one(self, answer: Any) -> None:
        answers = self.answers(self.described("pl-1"), entries=answer)

        assert groups(answers).prefix_lists(["pl-1"]) == {
            "pl-1": PrefixList(list_id="pl-1", entries=None)
        }

    def test_a_list_that_is_throttled_is_not_taken_for_unreadable(self) -> None:
        answers = self.answers(self.described("pl-1"), entries=failing(THROTTLED))

        with pytest.raises(TransientError, match="prefix lists are not known"):
            groups(answers).prefix_lists(["pl-1"])
