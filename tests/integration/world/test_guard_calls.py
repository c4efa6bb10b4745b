"""Conditions on the guard's calls, and the resources that name an owner or a trail."""

from __future__ import annotations

import json
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from local import trail
from local.aws_server import AwsServer
from local.network import Network

if TYPE_CHECKING:
    from collections.abc import Iterator

ROLES = count()
EC2 = "arn:aws:ec2:us-east-1:123456789012"
GROUPS, RULES = f"{EC2}:security-group/*", f"{EC2}:security-group-rule/*"
MANAGED = {"Key": "cachegate:managed", "Value": "cachegate"}
TAGGED = [{"ResourceType": "security-group-rule", "Tags": [MANAGED]}]
WORLD = {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
BY_AUTHORIZE = {
    "StringEquals": {"ec2:CreateAction": "AuthorizeSecurityGroupIngress"},
    "ForAllValues:StringEquals": {"aws:TagKeys": ["cachegate:managed"]},
}


@pytest.fixture(scope="module")
def aws() -> Iterator[AwsServer]:
    with AwsServer() as server:
        trail.start(server)
        yield server


@pytest.fixture(scope="module")
def group(aws: AwsServer) -> str:
    network = Network(aws)
    network.create()
    return network.cache_group


def allow(action: str, resource: str | list[str], **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource} | more


def act(aws: AwsServer, service: str, *statements: dict[str, Any]) -> Any:
    """Return a client that acts as a role with these statements."""
    iam, name = aws.client("iam"), f"cachegate-Guard-{next(ROLES)}"
    iam.create_role(RoleName=name, AssumeRolePolicyDocument="{}")
    numbered = [each | {"Sid": f"S{number}"} for number, each in enumerate(statements)]
    policy = json.dumps({"Version": "2012-10-17", "Statement": numbered})
    iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=policy)
    return aws.client(service, name)


def outcome(call: Any, **arguments: Any) -> str:
    try:
        call(**arguments)
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    return "done"


REFUSED = "UnauthorizedOperation"


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (None, REFUSED),
        ({}, "done"),
        (BY_AUTHORIZE, "done"),
        ({"StringEquals": {"ec2:CreateAction": "RunInstances"}}, REFUSED),
        ({"ForAllValues:StringEquals": {"aws:TagKeys": "other"}}, REFUSED),
        ({"ForAnyValue:StringEquals": {"aws:TagKeys": ["cachegate:managed", "other"]}}, "done"),
        ({"ForAnyValue:StringEquals": {"aws:TagKeys": ["other"]}}, REFUSED),
        ({"StringEquals": {"aws:RequestTag/cachegate:managed": "cachegate"}}, "done"),
        ({"StringEquals": {"aws:RequestTag/cachegate:managed": "another"}}, REFUSED),
    ],
)
def test_a_new_rule_with_tags_needs_a_permission_to_tag_it(
    aws: AwsServer, group: str, condition: dict[str, Any] | None, expected: str
) -> None:
    statements = [allow("ec2:AuthorizeSecurityGroupIngress", [GROUPS, RULES])]
    if condition is not None:
        statements.append(allow("ec2:CreateTags", RULES, Condition=condition))
    ec2 = act(aws, "ec2", *statements)

    ended = outcome(
        ec2.authorize_security_group_ingress,
        GroupId=group, IpPermissions=[WORLD], TagSpecifications=TAGGED,
    )  # fmt: skip

    assert ended == expected
    if expected == "done":
        aws.client("ec2").revoke_security_group_ingress(GroupId=group, IpPermissions=[WORLD])


def test_a_condition_may_look_at_the_tags_of_a_group(aws: AwsServer, group: str) -> None:
    condition = {"StringEquals": {"aws:ResourceTag/team": "caches"}}
    action, asked = "ec2:RevokeSecurityGroupIngress", {"GroupId": group, "IpPermissions": [WORLD]}
    role = act(aws, "ec2", allow(action, GROUPS, Condition=condition))

    before = outcome(role.revoke_security_group_ingress, **asked)
    aws.client("ec2").create_tags(Resources=[group], Tags=[{"Key": "team", "Value": "caches"}])
    after = outcome(role.revoke_security_group_ingress, **asked)

    assert (before, after) == (REFUSED, "InvalidPermission.NotFound")


def test_a_prefix_list_has_its_owner_in_its_name(aws: AwsServer) -> None:
    lists = aws.client("ec2").describe_managed_prefix_lists()["PrefixLists"]
    of_aws = next(each["PrefixListId"] for each in lists if each["OwnerId"] == "AWS")
    made = aws.client("ec2").create_managed_prefix_list(
        PrefixListName="ours", MaxEntries=1, AddressFamily="IPv4"
    )
    ours = made["PrefixList"]["PrefixListId"]
    action = "ec2:GetManagedPrefixListEntries"
    own = act(aws, "ec2", allow(action, f"{EC2}:prefix-list/*"))
    everybodys = act(aws, "ec2", allow(action, "arn:aws:ec2:us-east-1:*:prefix-list/*"))

    ended = [
        outcome(role.get_managed_prefix_list_entries, PrefixListId=listed)
        for role in (own, everybodys)
        for listed in (ours, of_aws)
    ]

    assert ended == ["done", REFUSED, "done", "done"]


@pytest.mark.parametrize(
    "name", [trail.NAME, "arn:aws:cloudtrail:us-east-1:123456789012:trail/all"]
)
def test_what_a_trail_logs_is_about_that_trail_and_the_list_about_none(
    aws: AwsServer, name: str
) -> None:
    trails = "arn:aws:cloudtrail:us-east-1:123456789012:trail/*"
    role = act(
        aws, "cloudtrail",
        allow("cloudtrail:DescribeTrails", "*"),
        allow("cloudtrail:GetTrailStatus", trails),
        allow("cloudtrail:GetEventSelectors", trails),
    )  # fmt: skip
    narrow = act(aws, "cloudtrail", allow("cloudtrail:*", trails.replace("*", "other")))

    assert outcome(role.describe_trails) == "done"
    assert outcome(role.get_trail_status, Name=name) == "done"
    assert outcome(role.get_event_selectors, TrailName=name) == "done"
    assert outcome(narrow.get_trail_status, Name=name) == "AccessDeniedException"
    assert outcome(narrow.get_event_selectors, TrailName=name) == "AccessDeniedException"


def test_a_refusal_on_the_second_permission_uses_none_and_says_which(
    aws: AwsServer, group: str
) -> None:
    ec2 = act(aws, "ec2", allow("ec2:AuthorizeSecurityGroupIngress", [GROUPS, RULES]))
    aws.gate.used.clear()

    outcome(
        ec2.authorize_security_group_ingress,
        GroupId=group, IpPermissions=[WORLD], TagSpecifications=TAGGED,
    )  # fmt: skip

    assert aws.gate.used == set()
    assert (aws.gate.denied[-1].action, aws.gate.denied[-1].resources) == (
        "ec2:CreateTags", (RULES,),
    )  # fmt: skip
