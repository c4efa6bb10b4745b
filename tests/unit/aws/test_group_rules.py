"""Rules of both directions, against answers in EC2's own shapes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from cachegate.aws.group_rules import Ec2GroupRules
from cachegate.domain.group_rules import Direction, GroupRule, Opening, Wanted
from cachegate.domain.ingress import GroupReference, PrefixList, ipv4_network
from cachegate.domain.traffic import TCP, Traffic
from cachegate.errors import RuleRefusedError, TransientError
from tests.unit.aws.fake_client import Call, client_error, failing, fake_client, pages

if TYPE_CHECKING:
    from collections.abc import Callable

OFFICE = ipv4_network("203.0.113.0/24")
REDIS = Traffic(TCP, 6379, 6379)
TAGS = {"cachegate:managed": "cachegate", "cachegate:vpc": "vpc-1"}
CALLS = {
    (Direction.INGRESS, "open"): "AuthorizeSecurityGroupIngress",
    (Direction.EGRESS, "open"): "AuthorizeSecurityGroupEgress",
    (Direction.INGRESS, "close"): "RevokeSecurityGroupIngress",
    (Direction.EGRESS, "close"): "RevokeSecurityGroupEgress",
}
LATE = ReadTimeoutError(endpoint_url="https://ec2")


def adapter(answers: dict[str, Any], calls: list[Call] | None = None) -> Ec2GroupRules:
    return Ec2GroupRules(fake_client("ec2", answers, calls))


def shape(number: int, *, egress: bool = False, **fields: Any) -> dict[str, Any]:
    source = {} if {"PrefixListId", "ReferencedGroupInfo"} & set(fields) else {
        "CidrIpv4": "203.0.113.0/24"
    }  # fmt: skip
    return {
        "SecurityGroupRuleId": f"sgr-{number}", "GroupId": "sg-1", "IsEgress": egress,
        "IpProtocol": "tcp", "FromPort": 6379, "ToPort": 6379, **source,
    } | fields  # fmt: skip


def shown(*rules: dict[str, Any]) -> Callable[..., Any]:
    return pages("NextToken", "NextToken", *({"SecurityGroupRules": [each]} for each in rules))


def opening(direction: Direction = Direction.INGRESS) -> Opening:
    return Opening(group_id="sg-1", direction=direction, traffic=REDIS, peer=OFFICE)


def listed(**lists: Any) -> Callable[..., Any]:
    found = [
        {"PrefixListId": name.replace("_", "-"), "OwnerId": "123456789012", "PrefixListName": "n"}
        | fields
        for name, fields in lists.items()
    ]
    return lambda **_: {"PrefixLists": found}


def test_rules_of_both_directions_and_every_page_are_read_by_group() -> None:
    calls: list[Call] = []
    tags = [{"Key": key, "Value": value} for key, value in TAGS.items()]
    pair = {"ReferencedGroupInfo": {"GroupId": "sg-2", "UserId": "123456789012"}}
    found = shown(shape(1, Tags=tags, Description="why"), shape(2, egress=True, **pair))

    rules = adapter({"DescribeSecurityGroupRules": found}, calls).rules(["sg-1", "sg-gone"])

    assert rules == (
        GroupRule(rule_id="sgr-1", opening=opening(), tags=TAGS, description="why"),
        GroupRule(
            rule_id="sgr-2",
            opening=Opening(
                group_id="sg-1", direction=Direction.EGRESS, traffic=REDIS,
                peer=GroupReference("sg-2"),
            ),
        ),
    )  # fmt: skip
    wanted = [{"Name": "group-id", "Values": ["sg-1", "sg-gone"]}]
    assert [parameters["Filters"] for _, parameters in calls] == [wanted, wanted]


@pytest.mark.parametrize(
    ("fields", "icmp"),
    [
        ({"IpProtocol": "icmp", "FromPort": 3, "ToPort": 4}, (3, 4)),
        ({"IpProtocol": "1", "FromPort": 8, "ToPort": -1}, (8, -1)),
        ({"IpProtocol": "icmp", "FromPort": -1, "ToPort": -1}, (-1, -1)),
        ({"IpProtocol": "tcp"}, None),
        ({"IpProtocol": "-1", "FromPort": -1, "ToPort": -1}, None),
    ],
)
def test_an_icmp_rule_has_type_and_code_in_the_place_of_ports(
    fields: dict[str, Any], icmp: tuple[int, int] | None
) -> None:
    (rule,) = adapter({"DescribeSecurityGroupRules": shown(shape(1, **fields))}).rules(["sg-1"])

    assert rule.icmp == icmp


def test_managed_rules_are_found_by_their_tag_in_whatever_group() -> None:
    calls: list[Call] = []

    adapter({"DescribeSecurityGroupRules": shown(shape(1))}, calls).managed("cachegate")

    (call,) = calls
    assert call[1]["Filters"] == [{"Name": "tag:cachegate:managed", "Values": ["cachegate"]}]


def test_no_groups_are_no_rules_without_a_call() -> None:
    assert adapter({}).rules([]) == ()


# -- how much of the quota a rule takes ------------------------------------------------------------


def test_a_prefix_list_counts_as_its_most_entries_and_all_lists_are_asked_for_at_once() -> None:
    calls: list[Call] = []
    aws = {"OwnerId": "AWS", "PrefixListName": "com.amazonaws.us-east-1.s3"}
    wide = aws | {"PrefixListName": "com.amazonaws.global.cloudfront.origin-facing"}
    answers = {
        "DescribeSecurityGroupRules": shown(
            shape(1), shape(2, PrefixListId="pl-1"), shape(3, PrefixListId="pl-2"),
            shape(4, PrefixListId="pl-3"), shape(5, PrefixListId="pl-1", egress=True),
            shape(6, PrefixListId="pl-hidden"),
        ),
        "DescribeManagedPrefixLists": listed(pl_1={"MaxEntries": 20}, pl_2=aws, pl_3=wide),
    }  # fmt: skip

    rules = adapter(answers, calls).rules(["sg-1"])

    assert [each.weight for each in rules] == [1, 20, 1, 55, 20, 1]
    assert rules[1].opening.peer == PrefixList(list_id="pl-1")
    asked = [call for name, call in calls if name == "DescribeManagedPrefixLists"]
    (only,) = asked
    assert only["Filters"] == [
        {"Name": "prefix-list-id", "Values": ["pl-1", "pl-2", "pl-3", "pl-hidden"]}
    ]


def test_without_a_prefix_list_nobody_asks_for_one() -> None:
    (rule,) = adapter({"DescribeSecurityGroupRules": shown(shape(1))}).rules(["sg-1"])

    assert rule.weight == 1


@pytest.mark.parametrize("call", ["DescribeSecurityGroupRules", "DescribeManagedPrefixLists"])
def test_rules_that_cannot_be_read_whole_now_are_not_known(call: str) -> None:
    answers = {
        "DescribeSecurityGroupRules": shown(shape(1, PrefixListId="pl-1")),
        call: failing(client_error("RequestLimitExceeded", 503)),
    }

    with pytest.raises(TransientError, match="not known"):
        adapter(answers).rules(["sg-1"])
    with pytest.raises(TransientError, match="not known"):
        adapter(answers).managed("cachegate")


# -- changes ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("direction", list(Direction))
def test_a_rule_is_added_with_its_reason_and_tags_in_one_call(direction: Direction) -> None:
    calls: list[Call] = []
    answers = {CALLS[direction, "open"]: lambda **_: {"Return": True}}
    wanted = Wanted(opening=opening(direction), why="clients of sessions")

    added = adapter(answers, calls).open(wanted, TAGS)

    ((_, asked),) = calls
    assert added
    assert asked == {
        "GroupId": "sg-1",
        "IpPermissions": [
            {
                "IpProtocol": "tcp", "FromPort": 6379, "ToPort": 6379,
                "IpRanges": [{"CidrIp": "203.0.113.0/24", "Description": "clients of sessions"}],
            }
        ],
        "TagSpecifications": [
            {
                "ResourceType": "security-group-rule",
                "Tags": [{"Key": key, "Value": value} for key, value in TAGS.items()],
            }
        ],
    }  # fmt: skip


@pytest.mark.parametrize("direction", list(Direction))
def test_a_rule_that_is_there_already_is_left_as_it_is(direction: Direction) -> None:
    there = {CALLS[direction, "open"]: failing(client_error("InvalidPermission.Duplicate"))}

    assert not adapter(there).open(Wanted(opening=opening(direction), why=""), TAGS)


@pytest.mark.parametrize("direction", list(Direction))
def test_a_full_group_is_told_with_what_to_do(direction: Direction) -> None:
    full = client_error("RulesPerSecurityGroupLimitExceeded")

    with pytest.raises(RuleRefusedError, match=r"sg-1 is not open: .* the group is full"):
        adapter({CALLS[direction, "open"]: failing(full)}).open(
            Wanted(opening=opening(direction), why=""), TAGS
        )


@pytest.mark.parametrize("direction", list(Direction))
def test_a_rule_is_removed_by_its_id_alone(direction: Direction) -> None:
    calls: list[Call] = []
    answers = {CALLS[direction, "close"]: lambda **_: {"Return": True}}

    adapter(answers, calls).close(GroupRule(rule_id="sgr-1", opening=opening(direction)))

    ((_, asked),) = calls
    assert asked == {"GroupId": "sg-1", "SecurityGroupRuleIds": ["sgr-1"]}


@pytest.mark.parametrize(
    "code",
    [
        "InvalidSecurityGroupRuleId.NotFound",
        "InvalidPermission.NotFound",
        "InvalidGroup.NotFound",
    ],
)
@pytest.mark.parametrize("direction", list(Direction))
def test_a_rule_that_is_gone_is_removed(direction: Direction, code: str) -> None:
    gone = {CALLS[direction, "close"]: failing(client_error(code))}

    adapter(gone).close(GroupRule(rule_id="sgr-1", opening=opening(direction)))


@pytest.mark.parametrize("direction", list(Direction))
@pytest.mark.parametrize(
    ("error", "expected", "words"),
    [
        (client_error("UnauthorizedOperation", 403), RuleRefusedError, "role does not have"),
        (client_error("DependencyViolation"), RuleRefusedError, "DependencyViolation"),
        (client_error("RequestLimitExceeded", 503), TransientError, "RequestLimitExceeded"),
        (LATE, TransientError, "may still be there"),
    ],
)
def test_a_rule_that_stays_is_told_with_why(
    direction: Direction, error: Exception, expected: type[Exception], words: str
) -> None:
    refusing = {CALLS[direction, "close"]: failing(error)}

    with pytest.raises(expected, match=rf"sgr-1 .*may still be there.*{words}|{words}"):
        adapter(refusing).close(GroupRule(rule_id="sgr-1", opening=opening(direction)))


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (client_error("RequestLimitExceeded", 503), TransientError),
        (LATE, TransientError),
        (client_error("VpcIdNotSpecified"), ClientError),
    ],
)
def test_what_is_no_refusal_of_a_rule_is_raised(
    error: Exception, expected: type[Exception]
) -> None:
    with pytest.raises(expected):
        adapter({"AuthorizeSecurityGroupEgress": failing(error)}).open(
            Wanted(opening=opening(Direction.EGRESS), why=""), TAGS
        )
