"""The stand-in for ElastiCache answers as AWS does, gaps and paging included."""

from __future__ import annotations

import time
from ipaddress import IPv4Address
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from local.aws_server import AwsServer, register
from local.caches import Options
from local.fleet import Fleet

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

FIRST = IPv4Address("10.0.1.230")
EXPOSED = {"cachegate:expose": "true"}


@pytest.fixture(scope="module")
def server() -> Iterator[AwsServer]:
    with AwsServer() as server:
        yield server


@pytest.fixture
def aws(server: AwsServer) -> AwsServer:
    """AWS without any cache."""
    server.fleet = Fleet()
    register(server.fleet)
    return server


def addresses(count: int) -> list[IPv4Address]:
    return [FIRST + i for i in range(count)]


def clusters(aws: AwsServer, **arguments: Any) -> list[dict[str, Any]]:
    pages = aws.client("elasticache").get_paginator("describe_cache_clusters")
    return [each for page in pages.paginate(**arguments) for each in page["CacheClusters"]]


def test_node_endpoints_are_shown_only_where_they_are_asked_for(aws: AwsServer) -> None:
    aws.fleet.create_cluster("pages", addresses(2), Options(engine="memcached"))

    (without,) = clusters(aws)
    (shown,) = clusters(aws, ShowCacheNodeInfo=True)

    assert "CacheNodes" not in without
    assert (
        without["ConfigurationEndpoint"]["Address"] == "pages.xkf84q.cfg.use1.cache.amazonaws.com"
    )
    assert [node["Endpoint"]["Port"] for node in shown["CacheNodes"]] == [11211, 11211]


@pytest.mark.parametrize("status", ["creating", "deleting"])
def test_a_cluster_that_is_made_or_unmade_shows_no_endpoint(aws: AwsServer, status: str) -> None:
    aws.fleet.create_cluster("pages", addresses(2), Options(engine="memcached"))
    aws.fleet.set_status("pages", status)

    (cluster,) = clusters(aws, ShowCacheNodeInfo=True)

    assert cluster["CacheClusterStatus"] == status
    assert not cluster.get("CacheNodes")
    assert "ConfigurationEndpoint" not in cluster


def test_a_node_being_added_shows_no_endpoint_beside_those_that_serve(aws: AwsServer) -> None:
    aws.fleet.create_cluster("pages", addresses(2), Options(engine="memcached"))
    aws.fleet.set_status("pages", "modifying")
    aws.fleet.set_status("pages", "creating", node_id="0002")

    (cluster,) = clusters(aws, ShowCacheNodeInfo=True)

    assert ["Endpoint" in node for node in cluster["CacheNodes"]] == [True, False]


def test_cluster_mode_disabled_shows_roles_and_endpoints(aws: AwsServer) -> None:
    aws.fleet.create_group("sessions", [addresses(3)], Options())
    aws.fleet.fail_over("sessions", "sessions-002")

    (group,) = aws.client("elasticache").describe_replication_groups()["ReplicationGroups"]
    (shard,) = group["NodeGroups"]

    assert [member["CurrentRole"] for member in shard["NodeGroupMembers"]] == [
        "replica", "primary", "replica",
    ]  # fmt: skip
    assert {"PrimaryEndpoint", "ReaderEndpoint"} <= shard.keys()
    assert all("ReadEndpoint" in member for member in shard["NodeGroupMembers"])
    assert "ConfigurationEndpoint" not in group


def test_cluster_mode_enabled_shows_neither_roles_nor_node_endpoints(aws: AwsServer) -> None:
    shards = [addresses(2), [FIRST + 2, FIRST + 3]]
    aws.fleet.create_group("wide", shards, Options(), cluster_mode=True)

    (group,) = aws.client("elasticache").describe_replication_groups()["ReplicationGroups"]
    members = [member for shard in group["NodeGroups"] for member in shard["NodeGroupMembers"]]

    assert group["ClusterEnabled"]
    assert group["ConfigurationEndpoint"]["Port"] == 6379
    assert [shard["Slots"] for shard in group["NodeGroups"]] == ["0-8191", "8192-16383"]
    assert not {"CurrentRole", "ReadEndpoint"} & {key for member in members for key in member}
    assert not {"PrimaryEndpoint", "ReaderEndpoint"} & {k for s in group["NodeGroups"] for k in s}
    assert group["MemberClusters"] == [
        "wide-0001-001", "wide-0001-002", "wide-0002-001", "wide-0002-002",
    ]  # fmt: skip


def test_a_serverless_cache_has_one_name_and_two_ports(aws: AwsServer) -> None:
    options = Options(engine="valkey")
    aws.fleet.create_serverless("quick", addresses(1), ["subnet-1"], options)

    (cache,) = aws.client("elasticache").describe_serverless_caches()["ServerlessCaches"]

    assert cache["Endpoint"]["Address"] == cache["ReaderEndpoint"]["Address"]
    assert (cache["Endpoint"]["Port"], cache["ReaderEndpoint"]["Port"]) == (6379, 6380)


def test_every_listing_comes_in_pages(aws: AwsServer) -> None:
    for i in range(25):
        aws.fleet.create_cluster(f"c{i}", addresses(1), Options(tags=EXPOSED))
        aws.fleet.create_serverless(f"s{i}", addresses(1), [], Options())
    elasticache = aws.client("elasticache")

    first = elasticache.describe_cache_clusters(MaxRecords=20)
    serverless = elasticache.describe_serverless_caches(MaxResults=20)

    assert len(first["CacheClusters"]) == 20
    assert "Marker" in first
    assert len(clusters(aws, PaginationConfig={"PageSize": 20})) == 25
    assert len(serverless["ServerlessCaches"]) == 20
    assert "NextToken" in serverless


@pytest.mark.parametrize("size", [1, 19, 101])
def test_a_page_of_an_impossible_size_is_refused(aws: AwsServer, size: int) -> None:
    with pytest.raises(ClientError, match="InvalidParameterValue"):
        aws.client("elasticache").describe_cache_clusters(MaxRecords=size)


def test_what_is_not_there_has_aws_own_error(aws: AwsServer) -> None:
    elasticache = aws.client("elasticache")

    with pytest.raises(ClientError, match="CacheClusterNotFound"):
        elasticache.describe_cache_clusters(CacheClusterId="x")
    with pytest.raises(ClientError, match="ReplicationGroupNotFoundFault"):
        elasticache.describe_replication_groups(ReplicationGroupId="x")
    with pytest.raises(ClientError, match="ServerlessCacheNotFoundFault"):
        elasticache.describe_serverless_caches(ServerlessCacheName="x")


def test_tags_are_found_under_aws_own_resource_types(aws: AwsServer) -> None:
    aws.fleet.create_group("sessions", [addresses(2)], Options(tags=EXPOSED))
    aws.fleet.create_cluster("cart", addresses(1), Options(tags={"cachegate:expose": "other"}))
    aws.fleet.create_cluster("hidden", addresses(1), Options())
    aws.fleet.create_serverless("quick", addresses(1), [], Options(tags=EXPOSED))

    def found(*types: str, values: tuple[str, ...] = ()) -> list[str]:
        pages = aws.client("resourcegroupstaggingapi").get_paginator("get_resources")
        filters = [{"Key": "cachegate:expose", "Values": list(values)}]
        arns = []
        for page in pages.paginate(
            TagFilters=filters, ResourceTypeFilters=list(types), ResourcesPerPage=2
        ):
            arns += [each["ResourceARN"] for each in page["ResourceTagMappingList"]]
        return [arn.split(":", 5)[5] for arn in arns]

    assert found("elasticache:replicationgroup") == ["replicationgroup:sessions"]
    assert found("elasticache:serverlesscache") == ["serverlesscache:quick"]
    # AWS copies a group's tags to its members.
    assert found("elasticache:cluster", values=("true",)) == [
        "cluster:sessions-001", "cluster:sessions-002",
    ]  # fmt: skip
    assert len(found("elasticache:cluster", "elasticache:serverlesscache")) == 4


def test_a_replaced_node_keeps_its_name_and_takes_a_new_address(aws: AwsServer) -> None:
    fleet = aws.fleet
    fleet.create_cluster("cart", addresses(1), Options())
    name = fleet.node("cart").name
    before = fleet.zones[-1][0]

    fleet.replace_node("cart", "0001", FIRST + 9)

    old, new = fleet.answer(name, before), fleet.answer(name, float("inf"))
    assert old is not None
    assert new is not None
    assert old.addresses == (FIRST,)
    assert new.addresses == (FIRST + 9,)
    assert fleet.node("cart").name == name


def notified(aws: AwsServer, cluster_id: str) -> dict[str, Any]:
    (shown,) = clusters(aws, CacheClusterId=cluster_id)
    return dict(shown.get("NotificationConfiguration", {}))


def settled(aws: AwsServer, cluster_id: str) -> bool:
    return bool(clusters(aws, CacheClusterId=cluster_id)[0]["CacheClusterStatus"] == "available")


def wait(until: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 5
    while not until():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_groups_topic_is_shown_by_its_members_after_it_was_modifying(aws: AwsServer) -> None:
    aws.fleet.create_group("sessions", [addresses(2)], Options())
    topic = aws.client("sns").create_topic(Name="ours")["TopicArn"]

    group = aws.client("elasticache").modify_replication_group(
        ReplicationGroupId="sessions", NotificationTopicArn=topic, NotificationTopicStatus="active"
    )["ReplicationGroup"]

    assert group["Status"] == "modifying"
    assert "NotificationConfiguration" not in group
    assert notified(aws, "sessions-002") == {}
    wait(lambda: settled(aws, "sessions-002"))
    assert notified(aws, "sessions-002") == {"TopicArn": topic, "TopicStatus": "active"}


def test_a_cache_that_is_not_available_cannot_be_modified(aws: AwsServer) -> None:
    aws.fleet.create_group("sessions", [addresses(2)], Options())
    aws.fleet.create_cluster("pages", addresses(2), Options(engine="memcached"))
    aws.fleet.set_status("sessions", "snapshotting")
    aws.fleet.set_status("pages", "rebooting cluster nodes")
    elasticache, sns = aws.client("elasticache"), aws.client("sns")
    topic = {
        "NotificationTopicArn": sns.create_topic(Name="ours")["TopicArn"],
        "NotificationTopicStatus": "active",
    }

    with pytest.raises(ClientError, match="InvalidReplicationGroupState"):
        elasticache.modify_replication_group(ReplicationGroupId="sessions", **topic)
    with pytest.raises(ClientError, match="InvalidCacheClusterState"):
        elasticache.modify_cache_cluster(CacheClusterId="pages", **topic)


@pytest.mark.parametrize(
    "more",
    [{"ApplyImmediately": True}, {"ApplyImmediately": False}, {"EngineVersion": "7.1"}],
)
def test_whatever_else_is_asked_for_beside_a_topic_is_refused(
    aws: AwsServer, more: dict[str, Any]
) -> None:
    aws.fleet.create_cluster("cart", addresses(1), Options())
    topic = aws.client("sns").create_topic(Name="ours")["TopicArn"]

    with pytest.raises(ClientError, match="not played here"):
        aws.client("elasticache").modify_cache_cluster(
            CacheClusterId="cart",
            NotificationTopicArn=topic,
            NotificationTopicStatus="active",
            **more,
        )


def test_a_topic_must_exist(aws: AwsServer) -> None:
    aws.fleet.create_cluster("cart", addresses(1), Options())

    with pytest.raises(ClientError, match="does not exist"):
        aws.client("elasticache").modify_cache_cluster(
            CacheClusterId="cart",
            NotificationTopicArn="arn:aws:sns:us-east-1:123456789012:gone",
            NotificationTopicStatus="active",
        )


@pytest.mark.parametrize(
    ("options", "seen"),
    [
        ({}, (False, None, False)),
        ({"tls": True}, (True, "required", False)),
        ({"tls": True, "auth": "secret"}, (True, "required", True)),
        ({"tls": True, "tls_optional": True}, (True, "preferred", False)),
    ],
)
def test_a_group_and_its_members_tell_of_tls_and_auth(
    aws: AwsServer, options: dict[str, Any], seen: tuple[object, ...]
) -> None:
    aws.fleet.create_group("sessions", [addresses(1)], Options(**options))

    (group,) = aws.client("elasticache").describe_replication_groups()["ReplicationGroups"]
    (member,) = clusters(aws)

    for shape in (group, member):
        assert (
            shape["TransitEncryptionEnabled"],
            shape.get("TransitEncryptionMode"),
            shape["AuthTokenEnabled"],
        ) == seen


def test_a_serverless_cache_names_its_user_group_where_it_has_one(aws: AwsServer) -> None:
    aws.fleet.create_serverless("burst", addresses(1), ["subnet-1"], Options(auth="people"))
    aws.fleet.create_serverless("open", addresses(1), ["subnet-1"], Options())

    shown = aws.client("elasticache").describe_serverless_caches()["ServerlessCaches"]

    assert {each["ServerlessCacheName"]: each.get("UserGroupId") for each in shown} == {
        "burst": "people",
        "open": None,
    }
