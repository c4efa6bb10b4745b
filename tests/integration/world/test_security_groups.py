"""The stand-in for EC2 keeps security groups, prefix lists and interfaces as AWS does."""

from __future__ import annotations

import time
from ipaddress import IPv4Address
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from local import makers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from local.aws_server import AwsServer
    from local.network import Network

WORLD = {
    "IpProtocol": "tcp",
    "FromPort": 6379,
    "ToPort": 6379,
    "IpRanges": [{"CidrIp": "0.0.0.0/0"}],
}


@pytest.fixture
def group(ec2: Any, network: Network, request: pytest.FixtureRequest) -> Iterator[str]:
    """A group of its own, in a VPC that is not the default one."""
    group_id = new_group(ec2, request.node.name, VpcId=network.vpc_id)
    yield group_id
    ec2.delete_security_group(GroupId=group_id)


def new_group(ec2: Any, name: str, **more: str) -> str:
    group = ec2.create_security_group(GroupName=name[:200], Description="d", **more)
    return str(group["GroupId"])


def admit(ec2: Any, group: str, *permissions: dict[str, Any], **more: Any) -> list[dict[str, Any]]:
    answer = ec2.authorize_security_group_ingress(
        GroupId=group, IpPermissions=list(permissions), **more
    )
    return list(answer["SecurityGroupRules"])


def admit_one(ec2: Any, group: str, permission: dict[str, Any] = WORLD) -> str:
    (rule,) = admit(ec2, group, permission)
    return str(rule["SecurityGroupRuleId"])


def rules(ec2: Any, group: str) -> list[dict[str, Any]]:
    pages = ec2.get_paginator("describe_security_group_rules").paginate(
        Filters=[{"Name": "group-id", "Values": [group]}], PaginationConfig={"PageSize": 5}
    )
    return [rule for page in pages for rule in page["SecurityGroupRules"] if not rule["IsEgress"]]


def new_list(ec2: Any, entries: list[str], most: int = 5, family: str = "IPv4") -> str:
    made = ec2.create_managed_prefix_list(
        PrefixListName="offices", MaxEntries=most, AddressFamily=family,
        Entries=[{"Cidr": cidr} for cidr in entries],
    )  # fmt: skip
    return str(made["PrefixList"]["PrefixListId"])


def code(call: Any, **arguments: Any) -> str:
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    return str(caught.value.response["Error"]["Code"])


# -- authorize and describe ------------------------------------------------------------------------


def test_a_permission_becomes_one_rule_a_source_each_with_its_description_and_tags(
    ec2: Any, network: Network, group: str
) -> None:
    offices = new_list(ec2, ["198.51.100.0/24"])
    permission = {
        "IpProtocol": "6", "FromPort": 6379, "ToPort": 6380,
        "IpRanges": [{"CidrIp": "100.68.0.18/18", "Description": "four"}],
        "Ipv6Ranges": [{"CidrIpv6": "2001:db8::1/32", "Description": "six"}],
        "UserIdGroupPairs": [{"GroupId": network.nat_group, "Description": "group"}],
        "PrefixListIds": [{"PrefixListId": offices, "Description": "list"}],
    }  # fmt: skip
    tag = {"Key": "cachegate:managed", "Value": "cachegate"}

    added = admit(
        ec2, group, permission,
        TagSpecifications=[{"ResourceType": "security-group-rule", "Tags": [tag]}],
    )  # fmt: skip

    common = {
        "GroupId": group, "GroupOwnerId": "123456789012", "IsEgress": False, "IpProtocol": "tcp",
        "FromPort": 6379, "ToPort": 6380, "Tags": [tag],
    }  # fmt: skip
    own = ("SecurityGroupRuleId", "SecurityGroupRuleArn")
    pair = {"GroupId": network.nat_group, "UserId": "123456789012"}
    assert [{k: v for k, v in rule.items() if k not in own} for rule in added] == [
        common | {"CidrIpv4": "100.68.0.0/18", "Description": "four"},
        common | {"CidrIpv6": "2001:db8::/32", "Description": "six"},
        common | {"ReferencedGroupInfo": pair, "Description": "group"},
        common | {"PrefixListId": offices, "Description": "list"},
    ]
    assert added[0]["SecurityGroupRuleArn"].endswith(
        f":security-group-rule/{added[0]['SecurityGroupRuleId']}"
    )
    assert rules(ec2, group) == added


@pytest.mark.parametrize(
    ("asked", "shown"),
    [
        ({"IpProtocol": "-1"}, ("-1", -1, -1)),
        ({"IpProtocol": "-1", "FromPort": 22, "ToPort": 22}, ("-1", -1, -1)),
        ({"IpProtocol": "TCP", "FromPort": 1, "ToPort": 2}, ("tcp", 1, 2)),
        ({"IpProtocol": "17", "FromPort": 1, "ToPort": 2}, ("udp", 1, 2)),
        ({"IpProtocol": "icmp", "FromPort": 8, "ToPort": -1}, ("icmp", 8, -1)),
        ({"IpProtocol": "1"}, ("icmp", -1, -1)),
        ({"IpProtocol": "58", "FromPort": -1, "ToPort": -1}, ("icmpv6", -1, -1)),
        ({"IpProtocol": "47"}, ("47", -1, -1)),
    ],
)
def test_protocols_have_names_where_ec2_has_one_and_no_ports_are_minus_one(
    ec2: Any, group: str, asked: dict[str, Any], shown: tuple[str, int, int]
) -> None:
    (rule,) = admit(ec2, group, asked | {"IpRanges": [{"CidrIp": "192.0.2.0/24"}]})

    assert (rule["IpProtocol"], rule["FromPort"], rule["ToPort"]) == shown


@pytest.mark.parametrize(
    "wrong",
    [
        {"IpProtocol": "tcp"},
        {"IpProtocol": "tcp", "FromPort": 7, "ToPort": 6},
        {"IpProtocol": "tcp", "FromPort": 6, "ToPort": 65536},
        {"IpProtocol": "banana"},
        {"IpProtocol": "256"},
        {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "192.0.2.1"}]},
        {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "::/0"}]},
        {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "192.0.2.0/33"}]},
    ],
)
def test_what_is_no_rule_is_refused_and_nothing_of_its_request_is_done(
    ec2: Any, group: str, wrong: dict[str, Any]
) -> None:
    wrong = {"IpRanges": [{"CidrIp": "192.0.2.0/24"}]} | wrong

    refused = code(
        ec2.authorize_security_group_ingress, GroupId=group, IpPermissions=[WORLD, wrong]
    )

    assert refused == "InvalidParameterValue"
    assert rules(ec2, group) == []


@pytest.mark.parametrize(
    "again",
    [
        WORLD,
        WORLD | {"IpProtocol": "6"},
        WORLD | {"IpRanges": [{"CidrIp": "1.2.3.4/0", "Description": "of another name"}]},
    ],
)
def test_a_rule_that_admits_the_same_is_a_duplicate_whatever_it_is_called(
    ec2: Any, group: str, again: dict[str, Any]
) -> None:
    admit(ec2, group, WORLD)
    other = {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "192.0.2.0/24"}]}

    refused = code(
        ec2.authorize_security_group_ingress, GroupId=group, IpPermissions=[other, again]
    )

    assert refused == "InvalidPermission.Duplicate"
    assert len(rules(ec2, group)) == 1


def test_rules_come_in_pages_and_by_id_and_tag(ec2: Any, group: str) -> None:
    many = [{"CidrIp": f"192.0.2.{host}/32"} for host in range(12)]
    added = admit(ec2, group, WORLD | {"IpRanges": many})
    ids = [rule["SecurityGroupRuleId"] for rule in added]
    by_id = [{"Name": "security-group-rule-id", "Values": [ids[7], "sgr-gone"]}]
    ec2.create_tags(Resources=[ids[3]], Tags=[{"Key": "cachegate:exempt", "Value": "ops"}])
    by_tag = [{"Name": "tag:cachegate:exempt", "Values": ["ops"]}]

    first = ec2.describe_security_group_rules(
        Filters=[{"Name": "group-id", "Values": [group]}], MaxResults=5
    )
    found = [
        ec2.describe_security_group_rules(Filters=filters)["SecurityGroupRules"]
        for filters in (by_id, by_tag)
    ]

    assert (len(first["SecurityGroupRules"]), "NextToken" in first) == (5, True)
    assert [rule["SecurityGroupRuleId"] for rule in rules(ec2, group)] == ids
    assert [[rule["SecurityGroupRuleId"] for rule in each] for each in found] == [
        [ids[7]], [ids[3]],
    ]  # fmt: skip
    wrong = [{"Name": "vpc-id", "Values": ["v"]}]
    assert code(ec2.describe_security_group_rules, Filters=wrong) == "InvalidParameterValue"
    assert code(ec2.describe_security_group_rules, MaxResults=1001) == "InvalidParameterValue"
    absent = code(ec2.describe_security_group_rules, SecurityGroupRuleIds=["sgr-gone"])
    assert absent == "InvalidSecurityGroupRuleId.NotFound"


# -- what goes out ---------------------------------------------------------------------------------


def outbound(ec2: Any, group: str) -> list[dict[str, Any]]:
    """Return the rules of a group that let something out, but for the one that it is born with."""
    answer = ec2.describe_security_group_rules(Filters=[{"Name": "group-id", "Values": [group]}])
    return [
        rule for rule in answer["SecurityGroupRules"]
        if rule["IsEgress"] and rule["IpProtocol"] != "-1"
    ]  # fmt: skip


def let_out(ec2: Any, group: str, *permissions: dict[str, Any], **more: Any) -> list[Any]:
    answer = ec2.authorize_security_group_egress(
        GroupId=group, IpPermissions=list(permissions), **more
    )
    return list(answer["SecurityGroupRules"])


def test_an_outbound_rule_has_description_and_tags_and_is_found_by_them(
    ec2: Any, network: Network, group: str
) -> None:
    pair = {"GroupId": network.cache_group, "Description": "to the caches"}
    permission = {
        "IpProtocol": "6", "FromPort": 6379, "ToPort": 6379, "UserIdGroupPairs": [pair],
    }  # fmt: skip
    tag = {"Key": "cachegate:managed", "Value": group}

    (made,) = let_out(
        ec2, group, permission,
        TagSpecifications=[{"ResourceType": "security-group-rule", "Tags": [tag]}],
    )  # fmt: skip

    expected = {
        "GroupId": group, "GroupOwnerId": "123456789012", "IsEgress": True, "IpProtocol": "tcp",
        "FromPort": 6379, "ToPort": 6379, "Tags": [tag], "Description": "to the caches",
        "ReferencedGroupInfo": {"GroupId": network.cache_group, "UserId": "123456789012"},
    }  # fmt: skip
    by_tag = [{"Name": "tag:cachegate:managed", "Values": [group]}]
    assert ec2.describe_security_group_rules(Filters=by_tag)["SecurityGroupRules"] == [made]
    assert outbound(ec2, group) == [made]
    assert {key: made[key] for key in expected} == expected


def test_a_group_is_born_with_one_outbound_rule_which_is_a_duplicate_like_any_other(
    ec2: Any, group: str
) -> None:
    everywhere = {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
    let_out(ec2, group, WORLD)

    for again in (everywhere, WORLD):
        refused = code(ec2.authorize_security_group_egress, GroupId=group, IpPermissions=[again])
        assert refused == "InvalidPermission.Duplicate"
    admit(ec2, group, everywhere)
    assert len(outbound(ec2, group)) == 1


def test_what_goes_out_and_what_comes_in_have_a_quota_each(ec2: Any, group: str) -> None:
    sixty = [{"CidrIp": f"192.0.2.{host}/32"} for host in range(60)]
    admit(ec2, group, WORLD | {"IpRanges": sixty})

    let_out(ec2, group, WORLD | {"IpRanges": sixty[:59]})

    refused = code(ec2.authorize_security_group_egress, GroupId=group, IpPermissions=[WORLD])
    assert refused == "RulesPerSecurityGroupLimitExceeded"
    assert len(outbound(ec2, group)) == 59


def test_a_rule_is_revoked_in_its_own_direction_only(ec2: Any, group: str) -> None:
    inward = admit_one(ec2, group)
    (outward,) = (rule["SecurityGroupRuleId"] for rule in let_out(ec2, group, WORLD))
    for call, rule in (
        (ec2.revoke_security_group_egress, inward),
        (ec2.revoke_security_group_ingress, outward),
    ):
        refused = code(call, GroupId=group, SecurityGroupRuleIds=[rule])
        assert refused == "InvalidSecurityGroupRuleId.NotFound"

    answer = ec2.revoke_security_group_egress(GroupId=group, SecurityGroupRuleIds=[outward])

    (revoked,) = answer["RevokedSecurityGroupRules"]
    assert (revoked["SecurityGroupRuleId"], revoked["IsEgress"]) == (outward, True)
    assert outbound(ec2, group) == []
    assert [rule["SecurityGroupRuleId"] for rule in rules(ec2, group)] == [inward]
    again = code(ec2.revoke_security_group_egress, GroupId=group, IpPermissions=[WORLD])
    assert again == "InvalidPermission.NotFound"


def test_an_outbound_rule_is_modified_among_its_like(ec2: Any, group: str) -> None:
    admit(ec2, group, WORLD)
    private = WORLD | {"IpRanges": [{"CidrIp": "10.0.0.0/8"}]}
    (rule,) = (each["SecurityGroupRuleId"] for each in let_out(ec2, group, private))
    wide = {"IpProtocol": "tcp", "FromPort": 6379, "ToPort": 6379, "CidrIpv4": "0.0.0.0/0"}
    wanted = {"SecurityGroupRuleId": rule, "SecurityGroupRule": wide}

    ec2.modify_security_group_rules(GroupId=group, SecurityGroupRules=[wanted])

    (found,) = outbound(ec2, group)
    assert (found["SecurityGroupRuleId"], found["CidrIpv4"]) == (rule, "0.0.0.0/0")
    assert len(rules(ec2, group)) == 1


# -- the quota -------------------------------------------------------------------------------------


def test_sixty_rules_fit_of_each_family(ec2: Any, group: str) -> None:
    four = [{"CidrIp": f"192.0.2.{host}/32"} for host in range(60)]
    six = [{"CidrIpv6": f"2001:db8:{host}::/48"} for host in range(60)]
    admit(ec2, group, WORLD | {"IpRanges": four, "Ipv6Ranges": six})

    refused = code(ec2.authorize_security_group_ingress, GroupId=group, IpPermissions=[WORLD])

    assert refused == "RulesPerSecurityGroupLimitExceeded"
    assert len(rules(ec2, group)) == 120


@pytest.mark.parametrize(("most", "refused"), [(20, False), (21, True)])
def test_a_prefix_list_counts_as_many_rules_as_it_may_hold(
    ec2: Any, group: str, most: int, *, refused: bool
) -> None:
    four = [{"CidrIp": f"192.0.2.{host}/32"} for host in range(40)]
    admit(ec2, group, WORLD | {"IpRanges": four})
    listed = {"IpProtocol": "-1", "PrefixListIds": [{"PrefixListId": new_list(ec2, [], most)}]}
    request = {"GroupId": group, "IpPermissions": [listed]}

    if refused:
        found = code(ec2.authorize_security_group_ingress, **request)
        assert found == "RulesPerSecurityGroupLimitExceeded"
    else:
        assert ec2.authorize_security_group_ingress(**request)["Return"]


def test_a_list_of_aws_counts_by_its_weight(ec2: Any, group: str) -> None:
    admit(ec2, group, {"IpProtocol": "-1", "PrefixListIds": [{"PrefixListId": cloudfront(ec2)}]})
    five = [{"CidrIp": f"192.0.2.{host}/32"} for host in range(5)]

    admit(ec2, group, WORLD | {"IpRanges": five})

    refused = code(ec2.authorize_security_group_ingress, GroupId=group, IpPermissions=[WORLD])
    assert refused == "RulesPerSecurityGroupLimitExceeded"


def test_a_reference_to_a_group_counts_in_both_families(
    ec2: Any, network: Network, group: str
) -> None:
    pair = {"UserIdGroupPairs": [{"GroupId": network.nat_group}]}
    admit(ec2, group, {"IpProtocol": "-1"} | pair)
    six = [{"CidrIpv6": f"2001:db8:{host}::/48"} for host in range(60)]
    permission = {"IpProtocol": "-1", "Ipv6Ranges": six}

    refused = code(ec2.authorize_security_group_ingress, GroupId=group, IpPermissions=[permission])

    assert refused == "RulesPerSecurityGroupLimitExceeded"


def cloudfront(ec2: Any) -> str:
    name = "com.amazonaws.global.cloudfront.origin-facing"
    found = ec2.describe_managed_prefix_lists(
        Filters=[{"Name": "prefix-list-name", "Values": [name]}]
    )
    return str(found["PrefixLists"][0]["PrefixListId"])


# -- revoke and modify -----------------------------------------------------------------------------


def test_a_revoke_by_id_takes_that_rule_and_says_which(ec2: Any, group: str) -> None:
    two = WORLD | {"IpRanges": [{"CidrIp": "0.0.0.0/0", "Description": "all"},
                                {"CidrIp": "10.0.0.0/8"}]}  # fmt: skip
    wide, private = (rule["SecurityGroupRuleId"] for rule in admit(ec2, group, two))

    answer = ec2.revoke_security_group_ingress(GroupId=group, SecurityGroupRuleIds=[wide])

    assert answer["Return"]
    assert answer["RevokedSecurityGroupRules"] == [
        {
            "SecurityGroupRuleId": wide, "GroupId": group, "IsEgress": False, "IpProtocol": "tcp",
            "FromPort": 6379, "ToPort": 6379, "CidrIpv4": "0.0.0.0/0", "Description": "all",
        }
    ]  # fmt: skip
    assert [rule["SecurityGroupRuleId"] for rule in rules(ec2, group)] == [private]


def test_a_revoke_that_names_a_rule_which_is_gone_revokes_nothing(ec2: Any, group: str) -> None:
    rule = admit_one(ec2, group)

    refused = code(
        ec2.revoke_security_group_ingress, GroupId=group, SecurityGroupRuleIds=[rule, "sgr-gone"]
    )

    assert refused == "InvalidSecurityGroupRuleId.NotFound"
    assert len(rules(ec2, group)) == 1


def test_values_that_match_no_rule_are_an_error_outside_the_default_vpc_and_silence_in_it(
    ec2: Any, group: str
) -> None:
    in_default = new_group(ec2, "in the default VPC")
    mismatch = WORLD | {"ToPort": 6380}
    for each in (group, in_default):
        admit(ec2, each, WORLD)

    refused = code(
        ec2.revoke_security_group_ingress, GroupId=group, IpPermissions=[WORLD, mismatch]
    )
    answer = ec2.revoke_security_group_ingress(GroupId=in_default, IpPermissions=[mismatch])

    assert refused == "InvalidPermission.NotFound"
    assert answer["Return"]
    assert answer["UnknownIpPermissions"][0]["ToPort"] == 6380
    assert [len(rules(ec2, each)) for each in (group, in_default)] == [1, 1]
    ec2.revoke_security_group_ingress(GroupId=in_default, IpPermissions=[WORLD])
    assert rules(ec2, in_default) == []


def test_a_deaf_group_answers_a_revoke_with_success_and_keeps_its_rule(
    aws: AwsServer, ec2: Any, group: str
) -> None:
    rule = admit_one(ec2, group)
    aws.moods.deaf.add(group)

    answer = ec2.revoke_security_group_ingress(GroupId=group, SecurityGroupRuleIds=[rule])

    assert answer["Return"]
    assert answer["RevokedSecurityGroupRules"] == []
    assert answer["UnknownIpPermissions"][0]["IpRanges"] == [{"CidrIp": "0.0.0.0/0"}]
    assert len(rules(ec2, group)) == 1


def test_describes_may_lag_behind_a_revoke(aws: AwsServer, ec2: Any, group: str) -> None:
    rule = admit_one(ec2, group)
    aws.moods.lag = 0.5

    ec2.revoke_security_group_ingress(GroupId=group, SecurityGroupRuleIds=[rule])
    soon = rules(ec2, group)
    time.sleep(0.6)
    later = rules(ec2, group)
    aws.moods.lag = 0.0

    assert [each["SecurityGroupRuleId"] for each in soon] == [rule]
    assert later == []


def test_a_modified_rule_keeps_its_id_and_tags_and_its_kind_of_source(ec2: Any, group: str) -> None:
    private = WORLD | {"IpRanges": [{"CidrIp": "10.0.0.0/8"}]}
    rule = admit_one(ec2, group, private)
    ec2.create_tags(Resources=[rule], Tags=[{"Key": "a", "Value": "b"}])
    change = {"IpProtocol": "6", "FromPort": 6000, "ToPort": 7000}

    def modify(**source: str) -> Any:
        wanted = {"SecurityGroupRuleId": rule, "SecurityGroupRule": change | source}
        return ec2.modify_security_group_rules(GroupId=group, SecurityGroupRules=[wanted])

    assert modify(CidrIpv4="1.2.3.4/0")["Return"]
    assert code(modify, CidrIpv6="::/0") == "InvalidParameterValue"
    (found,) = rules(ec2, group)
    assert found["SecurityGroupRuleId"] == rule
    assert (found["CidrIpv4"], found["IpProtocol"], found["FromPort"]) == ("0.0.0.0/0", "tcp", 6000)
    assert found["Tags"] == [{"Key": "a", "Value": "b"}]


def test_a_rule_may_not_be_modified_into_another(ec2: Any, group: str) -> None:
    admit(ec2, group, WORLD)
    rule = admit_one(ec2, group, WORLD | {"IpRanges": [{"CidrIp": "10.0.0.0/8"}]})
    same = {"IpProtocol": "tcp", "FromPort": 6379, "ToPort": 6379, "CidrIpv4": "0.0.0.0/0"}

    refused = code(
        ec2.modify_security_group_rules, GroupId=group,
        SecurityGroupRules=[{"SecurityGroupRuleId": rule, "SecurityGroupRule": same}],
    )  # fmt: skip

    assert refused == "InvalidPermission.Duplicate"


def test_tags_of_a_rule_come_and_go_and_need_the_rule(ec2: Any, group: str) -> None:
    rule = admit_one(ec2, group)
    tag = {"Key": "cachegate:exempt", "Value": "ops|2030-01-01|office"}

    ec2.create_tags(Resources=[rule], Tags=[tag])
    tagged = rules(ec2, group)[0]["Tags"]
    ec2.delete_tags(Resources=[rule], Tags=[{"Key": tag["Key"]}])

    assert (tagged, rules(ec2, group)[0]["Tags"]) == ([tag], [])
    absent = code(ec2.create_tags, Resources=["sgr-0123456789abcdef0"], Tags=[tag])
    assert absent == "InvalidSecurityGroupRuleId.NotFound"


def test_a_group_of_another_account_is_shown_and_stays_as_it_is(
    ec2: Any, network: Network, group: str
) -> None:
    rule = admit_one(ec2, group)
    network.give_away(group)
    named = {"SecurityGroupRuleId": rule, "SecurityGroupRule": {"IpProtocol": "-1"}}

    refusals = {
        code(ec2.revoke_security_group_ingress, GroupId=group, SecurityGroupRuleIds=[rule]),
        code(ec2.authorize_security_group_ingress, GroupId=group, IpPermissions=[WORLD]),
        code(ec2.modify_security_group_rules, GroupId=group, SecurityGroupRules=[named]),
        code(ec2.create_tags, Resources=[rule], Tags=[{"Key": "a", "Value": "b"}]),
    }

    (shown,) = rules(ec2, group)
    (owner,) = ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"]
    assert refusals == {"UnauthorizedOperation"}
    assert (shown["GroupOwnerId"], owner["OwnerId"]) == ("999999999999", "999999999999")


def test_groups_come_in_pages(ec2: Any, network: Network) -> None:
    made = {new_group(ec2, f"page{number}", VpcId=network.vpc_id) for number in range(7)}

    pages = list(
        ec2.get_paginator("describe_security_groups").paginate(
            Filters=[{"Name": "group-id", "Values": sorted(made)}],
            PaginationConfig={"PageSize": 5},
        )
    )

    assert [len(page["SecurityGroups"]) for page in pages] == [5, 2]


# -- prefix lists ----------------------------------------------------------------------------------


def test_a_list_s_entries_come_in_pages_of_a_hundred(ec2: Any) -> None:
    entries = [f"198.51.{number}.0/24" for number in range(120)]
    listed = new_list(ec2, entries, 120)

    first = ec2.get_managed_prefix_list_entries(PrefixListId=listed)
    pages = ec2.get_paginator("get_managed_prefix_list_entries").paginate(PrefixListId=listed)

    assert len(first["Entries"]) == 100
    assert [entry["Cidr"] for page in pages for entry in page["Entries"]] == entries
    assert code(ec2.get_managed_prefix_list_entries, PrefixListId="pl-0") == (
        "InvalidPrefixListID.NotFound"
    )
    assert code(ec2.describe_managed_prefix_lists, PrefixListIds=["pl-0"]) == (
        "InvalidPrefixListID.NotFound"
    )


def test_lists_of_aws_are_its_own_and_nobody_else_changes_them(ec2: Any) -> None:
    listed = cloudfront(ec2)
    (found,) = ec2.describe_managed_prefix_lists(PrefixListIds=[listed])["PrefixLists"]

    assert found["OwnerId"] == "AWS"
    assert found["PrefixListArn"] == f"arn:aws:ec2:us-east-1:aws:prefix-list/{listed}"
    assert "MaxEntries" not in found
    refused = code(ec2.modify_managed_prefix_list, PrefixListId=listed, PrefixListName="x")
    assert refused == "UnauthorizedOperation"


def test_a_list_may_be_shown_and_not_be_read(aws: AwsServer, ec2: Any) -> None:
    listed = new_list(ec2, ["198.51.100.0/24"])
    aws.moods.unreadable.add(listed)

    assert ec2.describe_managed_prefix_lists(PrefixListIds=[listed])["PrefixLists"]
    refused = code(ec2.get_managed_prefix_list_entries, PrefixListId=listed)
    assert refused == "UnauthorizedOperation"


def test_entries_change_in_a_new_version_that_must_follow_the_current_one(ec2: Any) -> None:
    listed = new_list(ec2, ["198.51.100.0/24"], most=2)

    def modify(cidr: str, **more: Any) -> Any:
        entries = [{"Cidr": cidr}]
        return ec2.modify_managed_prefix_list(PrefixListId=listed, AddEntries=entries, **more)

    def entries(**more: Any) -> list[str]:
        answer = ec2.get_managed_prefix_list_entries(PrefixListId=listed, **more)
        return [entry["Cidr"] for entry in answer["Entries"]]

    changed = modify(cidr="0.0.0.0/0", CurrentVersion=1)["PrefixList"]

    assert (changed["Version"], changed["PrefixListName"]) == (2, "offices")
    assert entries() == ["198.51.100.0/24", "0.0.0.0/0"]
    assert entries(TargetVersion=1) == ["198.51.100.0/24"]
    assert code(modify, cidr="192.0.2.0/24", CurrentVersion=1) == "PrefixListVersionMismatch"
    assert code(modify, cidr="192.0.2.0/24", CurrentVersion=2) == "PrefixListMaxEntriesExceeded"
    assert code(modify, cidr="192.0.2.0/24") == "MissingParameter"


# -- interfaces ------------------------------------------------------------------------------------


def interfaces(ec2: Any, group: str) -> list[dict[str, Any]]:
    pages = ec2.get_paginator("describe_network_interfaces").paginate(
        Filters=[{"Name": "group-id", "Values": [group]}], PaginationConfig={"PageSize": 5}
    )
    return [each for page in pages for each in page["NetworkInterfaces"]]


def test_an_instance_s_interface_shows_what_it_is_attached_to_and_its_public_address(
    ec2: Any, network: Network, group: str
) -> None:
    public = IPv4Address("203.0.113.80")
    with_one = network.run_instance(IPv4Address("10.0.0.80"), public, {"a": "b"}, [group])
    without = network.run_instance(IPv4Address("10.0.0.81"), None, {"a": "b"}, [group])

    found = {each["Attachment"]["InstanceId"]: each for each in interfaces(ec2, group)}

    assert set(found) == {with_one, without}
    assert found[with_one]["Association"]["PublicIp"] == "203.0.113.80"
    assert found[with_one]["Association"]["AllocationId"].startswith("eipalloc-")
    assert "Association" not in found[without]
    assert not found[without]["RequesterManaged"]
    ec2.terminate_instances(InstanceIds=[with_one, without])
    assert interfaces(ec2, group) == []


@pytest.mark.parametrize(
    ("maker", "kind"),
    [
        (makers.elasticache("sessions-001"), "interface"),
        (makers.SERVERLESS, "vpc_endpoint"),
        (makers.FUNCTION, "lambda"),
        (makers.UNKNOWN, "interface"),
    ],
)
def test_an_interface_of_a_service_shows_its_maker(
    ec2: Any, network: Network, group: str, maker: makers.Maker, kind: str
) -> None:
    other = network.nat_group
    made = network.place_interface(maker, [group, other], public=IPv4Address("203.0.113.90"))

    (found,) = interfaces(ec2, group)

    assert found["NetworkInterfaceId"] == made
    assert {each["GroupId"] for each in found["Groups"]} == {group, other}
    assert (found["InterfaceType"], found["RequesterManaged"]) == (kind, True)
    assert (found["RequesterId"], found["Description"]) == (maker.requester, maker.description)
    assert found["Attachment"]["InstanceOwnerId"] == maker.attached_to
    assert "InstanceId" not in found["Attachment"]
    assert found["Association"] == {"IpOwnerId": "amazon", "PublicIp": "203.0.113.90"}
    ec2.delete_network_interface(NetworkInterfaceId=made)


def test_an_interface_is_found_by_any_of_its_groups_whatever_others_are_asked_for(
    ec2: Any, network: Network, group: str
) -> None:
    groups = [group, network.nat_group, network.cache_group]
    made = network.place_interface(makers.UNKNOWN, groups[:2])

    def found(*values: str) -> bool:
        filters = [{"Name": "group-id", "Values": list(values)}]
        answer = ec2.describe_network_interfaces(Filters=filters)
        return made in {each["NetworkInterfaceId"] for each in answer["NetworkInterfaces"]}

    assert found(group)
    assert found(group, network.cache_group)
    assert found("sg-none", network.nat_group)
    assert found(f"{group[:-2]}*")
    assert not found(network.cache_group, "sg-none")
    ec2.delete_network_interface(NetworkInterfaceId=made)


def test_a_filter_by_id_takes_several_and_wildcards(ec2: Any, group: str) -> None:
    rule = admit_one(ec2, group)

    def found(name: str, *values: str) -> set[str]:
        answer = ec2.describe_security_group_rules(Filters=[{"Name": name, "Values": list(values)}])
        return {each["SecurityGroupRuleId"] for each in answer["SecurityGroupRules"]}

    assert rule in found("group-id", "sg-none", group)
    assert rule in found("group-id", f"{group[:-1]}?")
    assert found("security-group-rule-id", "sgr-none", rule) == {rule}
    assert found("security-group-rule-id", f"{rule[:-2]}??") == {rule}
    assert found("security-group-rule-id", rule[:-1]) == set()
    wanted = [{"Name": "group-id", "Values": [f"*{group[3:]}", "sg-none"]}]
    (only,) = ec2.describe_security_groups(Filters=wanted)["SecurityGroups"]
    assert only["GroupId"] == group


def test_interfaces_come_in_pages_and_by_who_made_them(
    ec2: Any, network: Network, group: str
) -> None:
    made = [network.place_interface(makers.UNKNOWN, [group]) for _ in range(6)]
    plain = ec2.create_network_interface(SubnetId=network.cache_subnets[0], Groups=[group])

    managed = ec2.describe_network_interfaces(
        Filters=[
            {"Name": "group-id", "Values": [group]},
            {"Name": "requester-managed", "Values": ["true"]},
        ]
    )

    own = plain["NetworkInterface"]["NetworkInterfaceId"]
    assert len(interfaces(ec2, group)) == 7
    assert {each["NetworkInterfaceId"] for each in managed["NetworkInterfaces"]} == set(made)
    assert code(ec2.describe_network_interfaces, MaxResults=1001) == "InvalidParameterValue"
    for each in (*made, own):
        ec2.delete_network_interface(NetworkInterfaceId=each)


@pytest.mark.parametrize("by", ["interface", "instance"])
def test_groups_that_an_instance_loses_are_gone_from_its_interface(
    ec2: Any, network: Network, group: str, by: str
) -> None:
    instance = network.run_instance(IPv4Address("10.0.0.90"), None, {"a": "b"}, [group])
    (interface,) = interfaces(ec2, group)

    if by == "interface":
        ec2.modify_network_interface_attribute(
            NetworkInterfaceId=interface["NetworkInterfaceId"], Groups=[network.nat_group]
        )
    else:
        ec2.modify_instance_attribute(InstanceId=instance, Groups=[network.nat_group])

    assert interfaces(ec2, group) == []
    (shown,) = [
        each for each in interfaces(ec2, network.nat_group)
        if each["NetworkInterfaceId"] == interface["NetworkInterfaceId"]
    ]  # fmt: skip
    assert [each["GroupId"] for each in shown["Groups"]] == [network.nat_group]
    ec2.terminate_instances(InstanceIds=[instance])


def test_a_cache_s_interface_has_the_cache_s_groups_and_the_default_group_is_one(
    ec2: Any, network: Network
) -> None:
    address = network.take_address()
    (default,) = ec2.describe_security_groups(GroupIds=[network.default_group])["SecurityGroups"]

    network.add_interface(address, "cart", [network.cache_group, network.default_group])
    (before,) = interfaces(ec2, network.default_group)
    network.set_groups(address, [network.cache_group])

    assert (default["GroupName"], default["VpcId"]) == ("default", network.vpc_id)
    assert len(before["Groups"]) == 2
    assert interfaces(ec2, network.default_group) == []
    network.remove_interface(address)
