"""Where a trail logs, EventBridge hears of calls in the shapes that CloudTrail writes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from local import event_bus, topics, trail
from local.aws_server import AwsServer
from local.cloudtrail import logs_writes
from local.network import Network
from local.topics import Published, published
from local.trail import Trail, identity
from tests.integration.world.told import Heard

if TYPE_CHECKING:
    from collections.abc import Iterator

ACCOUNT = "123456789012"
ALL = {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "192.0.2.0/24", "Description": "12"}]}
WORLD = {"IpProtocol": "tcp", "FromPort": 0, "ToPort": 65535, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}


@pytest.fixture
def aws() -> Iterator[AwsServer]:
    event_bus.register()
    topics.register()
    with AwsServer() as server:
        server.gate.recorder = Trail()
        yield server


@pytest.fixture
def network(aws: AwsServer) -> Network:
    network = Network(aws)
    network.create()
    return network


@pytest.fixture
def heard(aws: AwsServer, network: Network) -> Heard:
    trail.start(aws)
    return Heard(aws)


def authorize(aws: AwsServer, group: str, caller: str, *permissions: dict[str, Any]) -> Any:
    ec2 = aws.client("ec2", caller)
    return ec2.authorize_security_group_ingress(
        GroupId=group, IpPermissions=list(permissions or [WORLD])
    )


def test_a_new_rule_is_told_with_the_ids_of_its_answer(
    aws: AwsServer, network: Network, heard: Heard
) -> None:
    (rule,) = authorize(aws, network.cache_group, "alice")["SecurityGroupRules"]

    (event,) = heard.events()

    detail = event["detail"]
    assert (event["source"], detail["eventSource"]) == ("aws.ec2", "ec2.amazonaws.com")
    assert (detail["eventName"], detail["readOnly"]) == ("AuthorizeSecurityGroupIngress", False)
    assert "errorCode" not in detail
    assert detail["requestParameters"] == {
        "groupId": network.cache_group,
        "ipPermissions": {
            "items": [
                {
                    "ipProtocol": "tcp", "fromPort": 0, "toPort": 65535, "groups": {},
                    "ipRanges": {"items": [{"cidrIp": "0.0.0.0/0"}]}, "ipv6Ranges": {},
                    "prefixListIds": {},
                }
            ]
        },
    }  # fmt: skip
    answer = detail["responseElements"]
    (told,) = answer["securityGroupRuleSet"]["items"]
    assert answer["_return"] is True
    assert told["securityGroupRuleId"] == rule["SecurityGroupRuleId"]
    assert (told["groupId"], told["cidrIpv4"], told["toPort"], told["isEgress"]) == (
        network.cache_group, "0.0.0.0/0", 65535, False,
    )  # fmt: skip


def test_ports_are_numbers_and_what_somebody_wrote_is_text(
    aws: AwsServer, network: Network, heard: Heard
) -> None:
    authorize(aws, network.cache_group, "alice", ALL)

    detail = heard.one()

    (asked,) = detail["requestParameters"]["ipPermissions"]["items"]
    (told,) = detail["responseElements"]["securityGroupRuleSet"]["items"]
    assert asked["ipProtocol"] == "-1"
    assert asked["ipRanges"]["items"] == [{"cidrIp": "192.0.2.0/24", "description": "12"}]
    assert (told["fromPort"], told["ipProtocol"], told["description"]) == (-1, "-1", "12")


def test_a_modified_rule_is_told_in_the_newer_shape(
    aws: AwsServer, network: Network, heard: Heard
) -> None:
    (rule,) = authorize(aws, network.cache_group, "alice")["SecurityGroupRules"]
    heard.events()
    rule_id = rule["SecurityGroupRuleId"]
    new = {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "CidrIpv4": "0.0.0.0/0"}

    aws.client("ec2", "alice").modify_security_group_rules(
        GroupId=network.cache_group,
        SecurityGroupRules=[{"SecurityGroupRuleId": rule_id, "SecurityGroupRule": new}],
    )

    detail = heard.one()
    assert detail["eventName"] == "ModifySecurityGroupRules"
    assert detail["requestParameters"] == {
        "ModifySecurityGroupRulesRequest": {
            "GroupId": network.cache_group,
            "SecurityGroupRule": {
                "SecurityGroupRuleId": rule_id, "tag": 1, "SecurityGroupRule": new,
            },
        }
    }  # fmt: skip
    assert detail["responseElements"]["_return"] is True


def test_a_changed_prefix_list_is_told_in_the_newer_shape(aws: AwsServer, heard: Heard) -> None:
    ec2 = aws.client("ec2", "alice")
    listed = ec2.create_managed_prefix_list(
        PrefixListName="offices", MaxEntries=5, AddressFamily="IPv4"
    )["PrefixList"]["PrefixListId"]
    heard.events()

    ec2.modify_managed_prefix_list(
        PrefixListId=listed, CurrentVersion=1, AddEntries=[{"Cidr": "0.0.0.0/0"}]
    )

    detail = heard.one()
    assert detail["requestParameters"]["ModifyManagedPrefixListRequest"] == {
        "PrefixListId": listed, "CurrentVersion": 1,
        "AddEntry": {"Cidr": "0.0.0.0/0", "tag": 1},
    }  # fmt: skip


def test_what_makes_a_group_shared_is_told_with_the_group(
    aws: AwsServer, network: Network, heard: Heard
) -> None:
    ec2, group = aws.client("ec2", "alice"), network.cache_group
    subnet = network.cache_subnets[0]
    image = ec2.describe_images()["Images"][0]["ImageId"]
    heard.events()

    made = ec2.create_network_interface(SubnetId=subnet, Groups=[group])["NetworkInterface"]
    ec2.modify_network_interface_attribute(
        NetworkInterfaceId=made["NetworkInterfaceId"], Groups=[network.nat_group, group]
    )
    started = ec2.run_instances(
        ImageId=image, MinCount=1, MaxCount=1, SubnetId=subnet, SecurityGroupIds=[group]
    )["Instances"][0]["InstanceId"]
    address = ec2.allocate_address(Domain="vpc")["AllocationId"]
    ec2.associate_address(InstanceId=started, AllocationId=address)

    told = {event["detail"]["eventName"]: event["detail"] for event in heard.events()}
    asked = {name: detail["requestParameters"] for name, detail in told.items()}
    assert asked["CreateNetworkInterface"]["groupSet"] == {"items": [{"groupId": group}]}
    answer = told["CreateNetworkInterface"]["responseElements"]["networkInterface"]
    assert answer["networkInterfaceId"] == made["NetworkInterfaceId"]
    assert asked["ModifyNetworkInterfaceAttribute"] == {
        "networkInterfaceId": made["NetworkInterfaceId"],
        "groupSet": {"items": [{"groupId": network.nat_group}, {"groupId": group}]},
    }
    assert asked["RunInstances"] == {
        "instancesSet": {"items": [{"imageId": image, "minCount": 1, "maxCount": 1}]},
        "groupSet": {"items": [{"groupId": group}]}, "subnetId": subnet,
        "clientToken": asked["RunInstances"]["clientToken"],
    }  # fmt: skip
    assert asked["AssociateAddress"] == {"instanceId": started, "allocationId": address}


def test_a_call_that_failed_is_told_with_its_error(
    aws: AwsServer, network: Network, heard: Heard
) -> None:
    authorize(aws, network.cache_group, "alice")
    heard.events()

    with pytest.raises(ClientError):
        authorize(aws, network.cache_group, "alice")

    detail = heard.one()
    assert detail["errorCode"] == "Client.InvalidPermission.Duplicate"
    assert "already exists" in detail["errorMessage"]
    assert detail["responseElements"] is None


def test_a_call_that_a_role_may_not_make_is_told_too(
    aws: AwsServer, network: Network, heard: Heard
) -> None:
    role = "stack-Guard-1"
    made = aws.client("iam").create_role(RoleName=role, AssumeRolePolicyDocument="{}")["Role"]

    with pytest.raises(ClientError):
        authorize(aws, network.cache_group, role)

    detail = heard.one()
    assert detail["errorCode"] == "Client.UnauthorizedOperation"
    assert detail["userIdentity"]["sessionContext"]["sessionIssuer"]["arn"] == made["Arn"]


@pytest.mark.parametrize(
    ("caller", "kind", "arn"),
    [
        ("root", "Root", f"arn:aws:iam::{ACCOUNT}:root"),
        ("alice", "IAMUser", f"arn:aws:iam::{ACCOUNT}:user/alice"),
        ("admin:alice", "AssumedRole", f"arn:aws:sts::{ACCOUNT}:assumed-role/admin/alice"),
    ],
)
def test_events_say_who_called(
    aws: AwsServer, network: Network, heard: Heard, caller: str, kind: str, arn: str
) -> None:
    authorize(aws, network.cache_group, caller)

    who = heard.one()["userIdentity"]

    assert (who["type"], who["arn"], who["accountId"]) == (kind, arn, ACCOUNT)
    issuer = who.get("sessionContext", {}).get("sessionIssuer", {}).get("arn")
    assert issuer == (f"arn:aws:iam::{ACCOUNT}:role/admin" if kind == "AssumedRole" else None)


def test_without_a_trail_that_logs_nothing_is_told(aws: AwsServer, network: Network) -> None:
    heard = Heard(aws)
    authorize(aws, network.cache_group, "alice")
    trail.start(aws)
    trail.stop(aws)
    authorize(aws, network.nat_group, "alice")

    assert heard.events() == []
    trail.start(aws)
    assert Trail().hears("ec2")
    assert not Trail().hears("dynamodb")


BASIC = {"ReadWriteType": "All", "IncludeManagementEvents": True}


def advanced(**fields: str) -> dict[str, Any]:
    selectors = [{"Field": name, "Equals": [value]} for name, value in fields.items()]
    return {"AdvancedEventSelectors": [{"FieldSelectors": selectors}]}


@pytest.mark.parametrize(
    ("selectors", "expected"),
    [
        ({"EventSelectors": [BASIC]}, True),
        ({"EventSelectors": [BASIC | {"ReadWriteType": "WriteOnly"}]}, True),
        ({"EventSelectors": [BASIC | {"ReadWriteType": "ReadOnly"}]}, False),
        ({"EventSelectors": [BASIC | {"IncludeManagementEvents": False}]}, False),
        (advanced(eventCategory="Management"), True),
        (advanced(eventCategory="Management", readOnly="true"), False),
        (advanced(eventCategory="Management", readOnly="false"), True),
        (advanced(eventCategory="Data"), False),
    ],
)
def test_a_trail_tells_only_what_it_selects(
    aws: AwsServer, selectors: dict[str, Any], *, expected: bool
) -> None:
    trail.start(aws)

    aws.client("cloudtrail").put_event_selectors(TrailName=trail.NAME, **selectors)

    assert logs_writes() is expected


@pytest.mark.parametrize(("everywhere", "expected"), [(True, True), (False, False)])
def test_a_trail_of_another_region_tells_of_ours_only_where_it_is_of_all(
    aws: AwsServer, *, everywhere: bool, expected: bool
) -> None:
    aws.client("s3").create_bucket(Bucket="trails")
    other = aws.client("cloudtrail", region="eu-west-1")
    other.create_trail(Name="far", S3BucketName="trails", IsMultiRegionTrail=everywhere)
    other.start_logging(Name="far")

    assert logs_writes() is expected


def test_a_new_trail_shows_the_selectors_that_every_trail_begins_with(aws: AwsServer) -> None:
    trail.start(aws)

    shown = aws.client("cloudtrail").get_event_selectors(TrailName=trail.NAME)

    (selector,) = shown["EventSelectors"]
    assert (selector["ReadWriteType"], selector["IncludeManagementEvents"]) == ("All", True)


def test_what_the_world_plays_without_a_request_is_told_alike(aws: AwsServer, heard: Heard) -> None:
    asked = {"cacheClusterId": "cart", "securityGroupIds": ["sg-1"]}

    Trail().tell("elasticache", "ModifyCacheCluster", asked, "alice")

    (event,) = heard.events()
    assert (event["source"], event["detail"]["eventSource"]) == (
        "aws.elasticache", "elasticache.amazonaws.com",
    )  # fmt: skip
    assert event["detail"]["requestParameters"] == asked
    assert event["detail"]["userIdentity"] == identity("alice")


def test_a_call_of_elasticache_is_told_with_plain_lists(aws: AwsServer, heard: Heard) -> None:
    arn = f"arn:aws:elasticache:us-east-1:{ACCOUNT}:cluster:absent"
    tags = [{"Key": "cachegate:expose", "Value": "true"}]

    with pytest.raises(ClientError):
        aws.client("elasticache", "alice").add_tags_to_resource(ResourceName=arn, Tags=tags)

    detail = heard.one()
    assert detail["requestParameters"] == {
        "resourceName": arn, "tags": [{"key": "cachegate:expose", "value": "true"}],
    }  # fmt: skip
    assert detail["errorCode"] == "InvalidARN"


def test_what_a_topic_took_can_be_read_without_a_subscription(aws: AwsServer) -> None:
    sns = aws.client("sns")
    arn = sns.create_topic(Name="alarms")["TopicArn"]

    sns.publish(TopicArn=arn, Subject="revoked", Message="sgr-1")

    assert published(arn) == [Published("revoked", "sgr-1")]
