"""The caches that have security groups, against answers in ElastiCache's own shapes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from cachegate.aws.guarded_caches import GuardedCaches
from cachegate.domain.groups import GuardedCache
from cachegate.errors import TransientError
from tests.unit.aws.fake_client import Call, client_error, failing, fake_client, pages

if TYPE_CHECKING:
    from collections.abc import Callable

REQUIRED = [
    "GetResources",
    "DescribeCacheClusters",
    "DescribeCacheSubnetGroups",
    "DescribeServerlessCaches",
    "DescribeSubnets",
]


class World:
    """What AWS holds; a test changes it and looks."""

    def __init__(self) -> None:
        self.tags: list[dict[str, Any]] = []
        self.clusters: list[dict[str, Any]] = []
        self.serverless: list[dict[str, Any]] = []
        self.failing: dict[str, Exception] = {}
        self.calls: list[Call] = []

    def tag(self, kind: str, name: str, value: str = "true") -> None:
        arn = f"arn:aws:elasticache:eu-central-1:123456789012:{kind}:{name}"
        self.tags.append(
            {"ResourceARN": arn, "Tags": [{"Key": "cachegate:expose", "Value": value}]}
        )

    def guarded(self) -> tuple[GuardedCache, ...]:
        groups = [{"CacheSubnetGroupName": "subnets", "VpcId": "vpc-1"}]
        subnets = [{"SubnetId": "subnet-1", "VpcId": "vpc-2"}]
        answers: dict[str, Callable[..., Any]] = {
            "GetResources": lambda **_: {"ResourceTagMappingList": self.tags},
            "DescribeCacheClusters": self._clusters,
            "DescribeCacheSubnetGroups": lambda **_: {"CacheSubnetGroups": groups},
            "DescribeServerlessCaches": _paged("NextToken", "ServerlessCaches", self.serverless),
            "DescribeSubnets": lambda **_: {"Subnets": subnets},
        }
        answers |= {name: failing(error) for name, error in self.failing.items()}
        return GuardedCaches(
            fake_client("elasticache", answers, self.calls),
            fake_client("resourcegroupstaggingapi", answers, self.calls),
            fake_client("ec2", answers, self.calls),
            "cachegate",
        ).guarded()

    def only(self) -> GuardedCache:
        (cache,) = self.guarded()
        return cache

    def _clusters(self, *, ShowCacheNodeInfo: bool = False, **more: Any) -> Any:  # noqa: N803
        assert ShowCacheNodeInfo, "AWS shows no nodes, and so no ports, without"
        return _paged("Marker", "CacheClusters", self.clusters)(**more)


def _paged(token: str, key: str, found: list[dict[str, Any]]) -> Callable[..., Any]:
    if not found:
        return lambda **_: {key: []}
    return pages(token, token, *({key: [each]} for each in found))


def endpoint(host: str, port: int = 6379) -> dict[str, Any]:
    return {"Address": host, "Port": port}


def cluster(name: str, **more: Any) -> dict[str, Any]:
    return {
        "CacheClusterId": name,
        "CacheSubnetGroupName": "subnets",
        "SecurityGroups": [{"SecurityGroupId": "sg-1", "Status": "active"}],
        "CacheNodes": [{"CacheNodeId": "0001", "Endpoint": endpoint(f"{name}.aws")}],
    } | more


def serverless(name: str, **more: Any) -> dict[str, Any]:
    return {
        "ServerlessCacheName": name,
        "SecurityGroupIds": ["sg-1", "sg-2"],
        "SubnetIds": ["subnet-1"],
        "Endpoint": endpoint(f"{name}.aws"),
        "ReaderEndpoint": endpoint(f"{name}.aws", 6380),
    } | more


def test_a_cluster_is_known_with_every_port_and_name() -> None:
    world = World()
    world.clusters = [
        cluster(
            "pages",
            ConfigurationEndpoint=endpoint("pages.cfg.aws", 11212),
            CacheNodes=[
                {"CacheNodeId": "0001", "Endpoint": endpoint("pages.1.aws", 11211)},
                {"CacheNodeId": "0002", "Endpoint": endpoint("pages.2.aws", 11211)},
                {"CacheNodeId": "0003"},
            ],
        )
    ]

    assert world.only() == GuardedCache(
        name="pages",
        groups=frozenset({"sg-1"}),
        ports=frozenset({11211, 11212}),
        hosts=frozenset({"pages.cfg.aws", "pages.1.aws", "pages.2.aws"}),
        vpc_id="vpc-1",
        exposed=False,
    )


def test_a_serverless_cache_is_known_with_its_readers_port() -> None:
    world = World()
    world.serverless = [serverless("burst")]

    assert world.only() == GuardedCache(
        name="burst",
        groups=frozenset({"sg-1", "sg-2"}),
        ports=frozenset({6379, 6380}),
        hosts=frozenset({"burst.aws"}),
        vpc_id="vpc-2",
        exposed=False,
    )


@pytest.mark.parametrize("status", ["active", "adding", "removing", "something new"])
def test_a_group_counts_whatever_its_status_is(status: str) -> None:
    world = World()
    world.clusters = [
        cluster("pages", SecurityGroups=[{"SecurityGroupId": "sg-1", "Status": status}])
    ]

    assert world.only().groups == {"sg-1"}


@pytest.mark.parametrize("groups", [[], [{"Status": "active"}]])
def test_a_cache_without_security_group_concerns_nobody(groups: list[Any]) -> None:
    world = World()
    world.clusters = [cluster("old", SecurityGroups=groups), cluster("pages")]
    world.serverless = [serverless("burst", SecurityGroupIds=[])]

    assert [cache.name for cache in world.guarded()] == ["pages"]


def test_a_cache_that_is_being_made_is_known_by_its_groups() -> None:
    world = World()
    world.clusters = [cluster("new", CacheNodes=[])]
    world.serverless = [{"ServerlessCacheName": "burst", "SecurityGroupIds": ["sg-2"]}]

    new, burst = world.guarded()

    assert (set(new.groups), set(new.ports), new.vpc_id) == ({"sg-1"}, set(), "vpc-1")
    assert (set(burst.groups), set(burst.ports), burst.vpc_id) == ({"sg-2"}, set(), None)


def test_a_cluster_outside_any_vpc_has_none() -> None:
    world = World()
    outside = cluster("old")
    del outside["CacheSubnetGroupName"]
    world.clusters = [outside]

    assert world.only().vpc_id is None


@pytest.mark.parametrize(
    ("kind", "name", "value", "exposed"),
    [
        ("replicationgroup", "sessions", "true", {"sessions-001", "sessions-002"}),
        ("replicationgroup", "sessions", "cachegate", {"sessions-001", "sessions-002"}),
        ("replicationgroup", "sessions", "other", set()),
        ("replicationgroup", "sessions", "false", set()),
        ("cluster", "sessions-001", "true", set()),
        ("cluster", "pages", "true", {"pages"}),
        ("cluster", "burst", "true", set()),
        ("serverlesscache", "burst", "cachegate", {"burst"}),
        ("serverlesscache", "pages", "true", set()),
    ],
)
def test_the_tag_of_what_a_person_names_decides_whether_a_cache_is_exposed(
    kind: str, name: str, value: str, exposed: set[str]
) -> None:
    world = World()
    world.clusters = [
        cluster("sessions-001", ReplicationGroupId="sessions"),
        cluster("sessions-002", ReplicationGroupId="sessions"),
        cluster("pages"),
    ]
    world.serverless = [serverless("burst")]
    world.tag(kind, name, value)

    assert {cache.name for cache in world.guarded() if cache.exposed} == exposed


@pytest.mark.parametrize("operation", REQUIRED)
def test_caches_are_known_all_or_not_at_all(operation: str) -> None:
    world = World()
    world.clusters, world.serverless = [cluster("pages")], [serverless("burst")]
    world.failing = {operation: client_error("Throttling")}

    with pytest.raises(TransientError, match="not known"):
        world.guarded()


@pytest.mark.parametrize("operation", REQUIRED)
def test_a_missing_permission_rises_as_it_is(operation: str) -> None:
    world = World()
    world.clusters, world.serverless = [cluster("pages")], [serverless("burst")]
    world.failing = {operation: client_error("AccessDenied", 403)}

    with pytest.raises(ClientError, match="AccessDenied"):
        world.guarded()


def test_an_account_without_caches_asks_no_more_than_it_must() -> None:
    world = World()

    assert world.guarded() == ()
    assert {operation for operation, _ in world.calls} == {
        "GetResources",
        "DescribeCacheClusters",
        "DescribeServerlessCaches",
    }
