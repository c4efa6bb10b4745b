"""The world plays what makes a cache's security group shared, and says so where a trail logs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from local.topics import Published
from tests.integration.world.conftest import TINY
from tests.integration.world.told import Heard

if TYPE_CHECKING:
    from local.deploy import Stack
    from local.world import World


@pytest.fixture(scope="module")
def heard(world: World) -> Heard:
    world.start_trail()
    return Heard(world.aws)


@pytest.fixture(scope="module")
def shortened(world: World) -> Stack:
    world.windows = {"Echo": 0.25}
    return world.deploy("tiny", {}, TINY)


def having(world: World, group: str) -> list[dict[str, Any]]:
    filters = [{"Name": "group-id", "Values": [group]}]
    found = world.aws.client("ec2").describe_network_interfaces(Filters=filters)
    return list(found["NetworkInterfaces"])


def told(heard: Heard) -> list[tuple[str, dict[str, Any]]]:
    details = [event["detail"] for event in heard.events()]
    return [(detail["eventName"], detail["requestParameters"]) for detail in details]


def test_a_cache_may_have_several_groups_and_the_vpc_s_default_one(world: World) -> None:
    default, other = world.network.default_group, world.network.cache_group
    world.create_replication_group("both", replicas=1, security_groups=(default, other))

    described = world.aws.client("elasticache").describe_cache_clusters(CacheClusterId="both-001")

    groups = described["CacheClusters"][0]["SecurityGroups"]
    assert [each["SecurityGroupId"] for each in groups] == [default, other]
    assert {each["PrivateIpAddress"] for each in having(world, default)} == {
        str(world.node(member).address) for member in ("both-001", "both-002")
    }
    new = world.replace_node("both-002")
    assert str(new) in {each["PrivateIpAddress"] for each in having(world, default)}


@pytest.mark.parametrize(
    ("make", "created", "modified", "identifier"),
    [
        ("create_cluster", "CreateCacheCluster", "ModifyCacheCluster", "cacheClusterId"),
        ("create_replication_group", "CreateReplicationGroup", "ModifyReplicationGroup",
         "replicationGroupId"),
        ("create_serverless", "CreateServerlessCache", "ModifyServerlessCache",
         "serverlessCacheName"),
    ],
)  # fmt: skip
def test_a_cache_that_gets_other_groups_shows_them_everywhere_and_is_told(
    world: World, heard: Heard, make: str, created: str, modified: str, identifier: str
) -> None:
    name, group = f"moved-{make.removeprefix('create_').replace('_', '-')}", world.network.nat_group
    heard.events()
    before = {each["NetworkInterfaceId"] for each in having(world, group)}

    getattr(world, make)(name)
    world.modify_groups(name, [group])

    addresses = {str(each) for each in world.aws.fleet.addresses(name)}
    gained = [each for each in having(world, group) if each["NetworkInterfaceId"] not in before]
    assert {each["PrivateIpAddress"] for each in gained} == addresses
    assert world.aws.fleet.options(name).security_groups == (group,)
    assert told(heard) == [
        (created, {identifier: name, "securityGroupIds": [world.network.cache_group]}),
        (modified, {identifier: name, "securityGroupIds": [group]}),
    ]
    world.delete_cache(name)


def test_a_serverless_cache_is_met_through_an_endpoint_that_does_not_name_it(world: World) -> None:
    world.create_serverless("quiet")
    (address,) = world.aws.fleet.addresses("quiet")

    (found,) = [
        each for each in having(world, world.network.cache_group)
        if each["PrivateIpAddress"] == str(address)
    ]  # fmt: skip

    assert (found["InterfaceType"], found["RequesterManaged"]) == ("vpc_endpoint", True)
    assert "ElastiCache" not in found["Description"]


def test_a_trail_that_stops_tells_no_more(world: World, heard: Heard) -> None:
    heard.events()

    world.stop_trail()
    world.create_cluster("untold")
    silent = told(heard)
    world.start_trail()
    world.modify_groups("untold", [world.network.nat_group], caller="root")

    assert silent == []
    (event,) = heard.events()
    assert event["detail"]["userIdentity"]["type"] == "Root"


def test_a_batching_window_may_be_shortened_for_a_function(world: World, shortened: Stack) -> None:
    assert [source.window_s for source in shortened.sources] == [0.25]


def test_any_queue_of_the_stack_can_be_triggered(world: World, shortened: Stack) -> None:
    world.trigger("look", queue="DeadUrl")

    url = shortened.outputs["DeadUrl"]
    (message,) = world.aws.client("sqs").receive_message(QueueUrl=url)["Messages"]
    assert message["Body"] == "look"


def test_what_a_topic_of_the_stack_took_can_be_read(world: World, shortened: Stack) -> None:
    topic = shortened.physical_ids["AlarmTopic"]
    world.aws.client("sns").publish(TopicArn=topic, Subject="revoked", Message="sgr-1")

    assert world.published() == [Published("revoked", "sgr-1")]
