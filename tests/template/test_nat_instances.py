"""The NAT instances that a stack makes: where, how, and what becomes of them."""

from __future__ import annotations

from typing import Any

import pytest

from cachegate.domain.cache import NAT_TAG
from cachegate.planning.checks.ways import TOO_LARGE, UNREACHABLE
from cachegate.planning.group_rules import EVERYWHERE, HTTPS
from tests.template.parsed import RESOURCES, TEXT
from tests.template.resolved import BODY, EVERY_CONDITION, RESOLVED, Deployment

CREATE = {"NatInstances": "create", "NatVpc": "vpc-0a1b2c3d", "NatSubnet": "subnet-0a1b2c3d"}
SECOND = {"SecondNatSubnet": "subnet-1a1b2c3d"}
NAMED = {"ElasticIp": "eipalloc-0a1b2c3d", "NatVpc": "vpc-0a1b2c3d"}
ALWAYS = {name for name, each in BODY["Resources"].items() if "Condition" not in each}
ONE = {
    "NatAddress", "NatNetworkCheck", "NatGroup", "NatRole", "NatProfile", "NatTemplate",
    "NatGroupOne", "NatAlarms", "NatStatusOneAlarm",
}  # fmt: skip
HOLDS = {"HoldPolicy", "HolderAlarm", "FailedOverAlarm"}
MANAGES = {"OpenGroupsPolicy", "GroupRulesAlarm"}
TWO = {"NatGroupTwo", "NatStatusTwoAlarm"}
GROUPS = ("NatGroupOne", "NatGroupTwo")
OUR_TAG = {"Key": NAT_TAG, "Value": "cachegate"}


@pytest.mark.parametrize(
    ("chosen", "made"),
    [
        ({}, set()),
        ({"NatVpc": "vpc-0a1b2c3d", "NatSubnet": "subnet-0a1b2c3d"} | SECOND, set()),
        ({"KeepAddress": "false"}, set()),
        ({"ManageSecurityGroups": "true"}, MANAGES),
        (NAMED, HOLDS),
        (NAMED | {"KeepAddress": "false"}, HOLDS),
        (CREATE, ONE | HOLDS | MANAGES),
        (CREATE | {"ManageSecurityGroups": "false"}, ONE | HOLDS),
        (CREATE | {"KeepAddress": "false"}, ONE | HOLDS | MANAGES | {"ReleasePolicy"}),
        (CREATE | SECOND, ONE | TWO | HOLDS | MANAGES),
        (CREATE | NAMED, (ONE | HOLDS | MANAGES) - {"NatAddress"}),
        (CREATE | NAMED | {"KeepAddress": "false"}, (ONE | HOLDS | MANAGES) - {"NatAddress"}),
    ],
)
def test_each_resource_is_made_where_it_is_asked_for_and_refers_to_none_that_is_not(
    chosen: dict[str, str], made: set[str]
) -> None:
    """Deployment would not resolve a reference to what is not there."""
    assert Deployment.of(**chosen).resources().keys() - ALWAYS == made


def test_every_resource_of_nat_instances_has_a_condition() -> None:
    """So that a stack which makes none is as it was before there were any."""
    named = {name for name in RESOURCES if name.startswith("Nat")}

    assert named == ONE | TWO
    assert [name for name in sorted(named) if "Condition" not in RESOURCES[name]] == []


def needs(logical_id: str, found: set[str]) -> set[str]:
    """Return what a resource depends on, directly or not, in a stack that has everything."""
    for name in names(BODY["Resources"][logical_id]) & BODY["Resources"].keys() - found:
        found.add(name)
        needs(name, found)
    return found


def names(value: Any) -> set[str]:
    """Return every resource that a value names."""
    if isinstance(value, list):
        return {name for each in value for name in names(each)}
    if isinstance(value, str):
        return {part.partition(".")[0] for part in value.replace("}", "${").split("${")[1::2]}
    if not isinstance(value, dict):
        return set()
    depends = value.get("DependsOn", [])
    own = {depends} if isinstance(depends, str) else set(depends)
    own |= {value["Ref"]} if "Ref" in value else set()
    own |= {value["Fn::GetAtt"][0]} if "Fn::GetAtt" in value else set()
    return own | {name for each in value.values() for name in names(each)}


@pytest.mark.parametrize(
    "name", ["NatGroup", "NatRole", "NatProfile", "NatTemplate", "NatGroupOne", "NatGroupTwo"]
)
def test_nothing_is_made_in_a_network_that_was_refused(name: str) -> None:
    assert "NatNetworkCheck" in needs(name, set())


@pytest.mark.parametrize(
    "name",
    ["HoldPolicy", "ReleasePolicy", "OpenGroupsPolicy", "NatAddress", "NatGroup", *GROUPS],
)
def test_the_first_pass_comes_after_all_that_it_needs_and_goes_before(name: str) -> None:
    """At deletion it takes the rules away and gives the address back: it needs its permissions."""
    assert name in needs("FirstPass", set())


@pytest.mark.parametrize(
    ("chosen", "managed"),
    [({}, "false"), (CREATE, "true"), (CREATE | {"ManageSecurityGroups": "false"}, "false")],
)
def test_the_first_pass_is_told_by_an_update_whether_groups_were_managed(
    chosen: dict[str, str], managed: str
) -> None:
    first = Deployment.of(**chosen).resources()["FirstPass"]["Properties"]

    assert first["ManageGroups"] == managed


@pytest.mark.parametrize("name", sorted(BODY["Resources"]))
def test_nothing_waits_for_itself(name: str) -> None:
    assert name not in needs(name, set())


def test_the_network_that_is_checked_is_the_one_that_is_used() -> None:
    resources = Deployment.of(**CREATE, **SECOND).resources()
    check = resources["NatNetworkCheck"]["Properties"]

    assert check["Subnets"] == ["subnet-0a1b2c3d", "subnet-1a1b2c3d"]
    assert check["Vpc"] == resources["NatGroup"]["Properties"]["VpcId"] == "vpc-0a1b2c3d"
    assert [resources[each]["Properties"]["VPCZoneIdentifier"] for each in GROUPS] == [
        ["subnet-0a1b2c3d"],
        ["subnet-1a1b2c3d"],
    ]


def test_the_address_outlives_the_stack_unless_its_creation_failed() -> None:
    address = RESOURCES["NatAddress"]

    assert address["DeletionPolicy"] == "RetainExceptOnCreate"
    assert address["UpdateReplacePolicy"] == "Retain"
    tags = RESOLVED["NatAddress"]["Properties"]["Tags"]
    assert OUR_TAG in tags
    assert "Name" in {each["Key"] for each in tags}


def test_the_group_admits_word_of_packets_that_are_too_large_and_lets_out_to_443() -> None:
    """All else is added by passes, with a tag."""
    group = RESOLVED["NatGroup"]["Properties"]

    (admitted,) = group["SecurityGroupIngress"]
    assert (admitted["IpProtocol"], admitted["FromPort"], admitted["ToPort"]) == (
        "icmp", UNREACHABLE, TOO_LARGE,
    )  # fmt: skip
    (rule,) = group["SecurityGroupEgress"]
    assert (rule["IpProtocol"], rule["FromPort"], rule["ToPort"]) == (
        "tcp", HTTPS.first, HTTPS.last,
    )  # fmt: skip
    assert rule["CidrIp"] == str(EVERYWHERE)


def template() -> dict[str, Any]:
    found: dict[str, Any] = RESOLVED["NatTemplate"]["Properties"]["LaunchTemplateData"]
    return found


def test_an_instance_has_no_key_a_strict_metadata_service_and_an_encrypted_root() -> None:
    assert "KeyName" not in template()
    assert template()["MetadataOptions"] == {
        "HttpEndpoint": "enabled",
        "HttpTokens": "required",
        "HttpPutResponseHopLimit": 1,
    }
    (disk,) = template()["BlockDeviceMappings"]
    assert disk["DeviceName"] == "/dev/xvda"  # the root of Amazon Linux 2023
    assert disk["Ebs"] == {"VolumeType": "gp3", "Encrypted": True, "DeleteOnTermination": True}


def test_an_instance_is_reached_before_it_may_have_the_address() -> None:
    (interface,) = template()["NetworkInterfaces"]

    assert interface["AssociatePublicIpAddress"] is True
    assert interface["Groups"] == ["NatGroup"]
    assert interface["DeleteOnTermination"] is True


def test_the_image_is_looked_up_at_each_launch_and_fits_the_types_that_are_allowed() -> None:
    assert template()["ImageId"].startswith("resolve:ssm:/aws/service/ami-amazon-linux-latest/")
    assert template()["ImageId"].endswith("-arm64")


def test_whatever_an_instance_brings_with_it_carries_our_tag() -> None:
    """The instance by its group, since the pass finds it so; the interface, since IAM asks."""
    tagged = {each["ResourceType"]: each["Tags"] for each in template()["TagSpecifications"]}

    assert tagged.keys() == {"volume", "network-interface"}
    assert all(OUR_TAG in tags for tags in tagged.values())
    for name in GROUPS:
        tags = RESOLVED[name]["Properties"]["Tags"]
        assert {**OUR_TAG, "PropagateAtLaunch": True} in tags


@pytest.mark.parametrize("name", GROUPS)
def test_a_group_has_one_instance_always_and_no_deployment_replaces_it(name: str) -> None:
    group = RESOLVED[name]

    sizes = {group["Properties"][key] for key in ("MinSize", "MaxSize", "DesiredCapacity")}
    assert sizes == {"1"}
    assert group["Properties"]["HealthCheckType"] == "EC2"
    assert len(group["Properties"]["VPCZoneIdentifier"]) == 1
    assert "UpdatePolicy" not in group


def test_both_groups_are_alike_but_for_their_place() -> None:
    one, two = (dict(RESOLVED[name]["Properties"]) for name in GROUPS)
    for each in (one, two):
        each.pop("VPCZoneIdentifier")
        each["Tags"] = [tag for tag in each["Tags"] if tag["Key"] != "Name"]

    assert one == two


def test_no_port_22_is_opened_by_the_template() -> None:
    assert "22" not in str(RESOLVED["NatGroup"]["Properties"])


def test_the_conditions_are_all_used() -> None:
    assert [name for name in sorted(EVERY_CONDITION) if TEXT.count(name) < 2] == []
