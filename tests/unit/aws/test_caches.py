"""The inventory, against answers in AWS's own shapes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError

from cachegate.aws.caches import CacheInventory
from cachegate.domain.cache import (
    Admitted,
    Cache,
    CacheKind,
    CacheSecurityGroup,
    Endpoint,
    NodeId,
    Role,
)
from cachegate.errors import TransientError
from tests.unit.aws.fake_client import Call, client_error, failing, fake_client, pages

if TYPE_CHECKING:
    from collections.abc import Callable

    from cachegate.protocols import Listing


class World:
    """What AWS holds; a test changes it and looks."""

    def __init__(self) -> None:
        self.tags: list[dict[str, Any]] = []
        self.groups: list[dict[str, Any]] = []
        self.clusters: list[dict[str, Any]] = []
        self.serverless: list[dict[str, Any]] = []
        self.classic_groups: list[dict[str, Any]] = []
        self.failing: dict[str, Exception] = {}
        self.calls: list[Call] = []

    def tag(self, kind: str, name: str, *, partition: str = "aws", **tags: str) -> None:
        arn = f"arn:{partition}:elasticache:eu-central-1:123456789012:{kind}:{name}"
        tags = {"expose": "true"} | tags
        self.tags.append(
            {
                "ResourceARN": arn,
                "Tags": [
                    {"Key": f"cachegate:{key}", "Value": value} for key, value in tags.items()
                ],
            }
        )

    def listing(self) -> Listing:
        one_each: dict[str, Callable[..., Any]] = {
            "GetResources": pages(
                "PaginationToken",
                "PaginationToken",
                *({"ResourceTagMappingList": [each]} for each in self.tags or [{}]),
            )
            if self.tags
            else lambda **_: {"ResourceTagMappingList": [], "PaginationToken": ""},
            "DescribeReplicationGroups": self._paged("ReplicationGroups", self.groups),
            "DescribeCacheClusters": self._clusters,
            "DescribeCacheSubnetGroups": self._paged(
                "CacheSubnetGroups", [{"CacheSubnetGroupName": "subnets", "VpcId": "vpc-1"}]
            ),
            "DescribeCacheSecurityGroups": self._paged("CacheSecurityGroups", self.classic_groups),
            "DescribeServerlessCaches": pages(
                "NextToken", "NextToken", *({"ServerlessCaches": [e]} for e in self.serverless)
            )
            if self.serverless
            else lambda **_: {"ServerlessCaches": []},
            "DescribeSubnets": lambda **_: {
                "Subnets": [{"SubnetId": "subnet-1", "VpcId": "vpc-1"}]
            },
        }
        answers = one_each | {name: failing(error) for name, error in self.failing.items()}
        return CacheInventory(
            fake_client("elasticache", answers, self.calls),
            fake_client("resourcegroupstaggingapi", answers, self.calls),
            fake_client("ec2", answers, self.calls),
        ).listing()

    def only(self) -> Cache:
        (cache,) = self.listing().caches
        return cache

    def _clusters(self, *, ShowCacheNodeInfo: bool = False, **more: Any) -> dict[str, Any]:  # noqa: N803
        hidden = set() if ShowCacheNodeInfo else {"CacheNodes"}
        shown = [{k: v for k, v in each.items() if k not in hidden} for each in self.clusters]
        page: dict[str, Any] = self._paged("CacheClusters", shown)(**more)
        return page

    @staticmethod
    def _paged(key: str, found: list[dict[str, Any]]) -> Callable[..., Any]:
        return (
            pages("Marker", "Marker", *({key: [each]} for each in found))
            if found
            else (lambda **_: {key: []})
        )


def endpoint(host: str, port: int = 6379) -> dict[str, Any]:
    return {"Address": host, "Port": port}


def cluster(name: str, *nodes: str, **more: Any) -> dict[str, Any]:
    return {
        "CacheClusterId": name,
        "CacheClusterStatus": "available",
        "Engine": "redis",
        "CacheSubnetGroupName": "subnets",
        "CacheNodes": [
            {"CacheNodeId": node, "Endpoint": endpoint(f"{name}.{node}.aws")} for node in nodes
        ],
    } | more


def member(cluster_id: str, role: str | None, **more: Any) -> dict[str, Any]:
    roles = {"CurrentRole": role} if role else {}
    return {"CacheClusterId": cluster_id, "CacheNodeId": "0001"} | roles | more


def group(*shards: list[dict[str, Any]], name: str = "sessions", **more: Any) -> dict[str, Any]:
    return {
        "ReplicationGroupId": name,
        "Status": "Available",
        "Engine": "valkey",
        "ClusterEnabled": False,
        "MemberClusters": [each["CacheClusterId"] for shard in shards for each in shard],
        "NodeGroups": [
            {
                "NodeGroupId": f"{number:04}",
                "NodeGroupMembers": shard,
                "PrimaryEndpoint": endpoint("primary.aws"),
                "ReaderEndpoint": endpoint("reader.aws"),
            }
            for number, shard in enumerate(shards, 1)
        ],
    } | more


def sessions() -> World:
    world = World()
    world.tag("replicationgroup", "sessions")
    world.groups = [group([member("sessions-001", "primary"), member("sessions-002", "replica")])]
    world.clusters = [
        cluster("sessions-001", "0001", ReplicationGroupId="sessions"),
        cluster("sessions-002", "0001", ReplicationGroupId="sessions"),
    ]
    return world


def test_a_replication_group_has_nodes_roles_endpoints_and_its_vpc() -> None:
    cache = sessions().only()

    assert (cache.kind, cache.engine, cache.status, cache.vpc_id, cache.whole) == (
        CacheKind.REPLICATION_GROUP,
        "valkey",
        "available",
        "vpc-1",
        True,
    )
    assert [(node.id, node.role, node.shard, node.endpoint) for node in cache.nodes] == [
        (
            NodeId("sessions-001", "0001"),
            Role.PRIMARY,
            "0001",
            Endpoint("sessions-001.0001.aws", 6379),
        ),
        (
            NodeId("sessions-002", "0001"),
            Role.REPLICA,
            "0001",
            Endpoint("sessions-002.0001.aws", 6379),
        ),
    ]
    assert cache.primary_endpoint == Endpoint("primary.aws", 6379)
    assert cache.reader_endpoint == Endpoint("reader.aws", 6379)


def test_every_page_of_every_listing_is_read() -> None:
    world = sessions()
    world.tag("cluster", "queue")
    world.tag("serverlesscache", "burst")
    world.clusters.append(cluster("queue", "0001"))
    world.serverless = [
        {"ServerlessCacheName": "other", "SubnetIds": ["subnet-1"], "Engine": "valkey"},
        {"ServerlessCacheName": "burst", "SubnetIds": ["subnet-1"], "Engine": "valkey"},
    ]

    listing = world.listing()

    assert [cache.name for cache in listing.caches] == ["queue", "sessions", "burst"]
    assert all(cache.whole for cache in listing.caches)
    assert listing.whole
    assert listing.problems == ()


def in_groups(**statuses: str) -> list[dict[str, str]]:
    return [
        {"SecurityGroupId": name.replace("_", "-"), "Status": status}
        for name, status in statuses.items()
    ]


def test_a_cluster_has_the_groups_that_it_has_or_gets_and_not_those_that_it_loses() -> None:
    world = World()
    world.tag("cluster", "queue")
    groups = in_groups(sg_1="active", sg_2="adding", sg_3="removing", sg_4="Removing")
    world.clusters = [cluster("queue", "0001", SecurityGroups=groups)]

    assert world.only().groups == {"sg-1", "sg-2"}


def test_a_replication_group_has_the_groups_of_all_its_members() -> None:
    world = sessions()
    first, second = world.clusters
    first["SecurityGroups"] = in_groups(sg_1="active", sg_2="active")
    second["SecurityGroups"] = in_groups(sg_2="active", sg_3="adding")

    assert world.only().groups == {"sg-1", "sg-2", "sg-3"}


def test_groups_that_aws_does_not_show_are_none() -> None:
    assert sessions().only().groups == frozenset()


def test_cluster_mode_takes_its_nodes_from_the_clusters_and_has_no_roles() -> None:
    world = sessions()
    world.groups = [
        group(
            [member("sessions-001", None)],
            [member("sessions-002", None)],
            ClusterEnabled=True,
            ConfigurationEndpoint=endpoint("cfg.aws"),
        )
    ]

    cache = world.only()

    assert cache.cluster_mode
    assert [(str(n.id), n.role, n.shard, n.endpoint) for n in cache.nodes] == [
        ("sessions-001/0001", None, "0001", Endpoint("sessions-001.0001.aws", 6379)),
        ("sessions-002/0001", None, "0002", Endpoint("sessions-002.0001.aws", 6379)),
    ]
    assert cache.endpoint == Endpoint("cfg.aws", 6379)
    assert (cache.primary_endpoint, cache.reader_endpoint) == (None, None)


def test_a_member_without_any_answer_is_a_node_without_endpoint_not_a_missing_node() -> None:
    world = sessions()
    world.groups[0]["NodeGroups"][0]["NodeGroupMembers"].pop()
    world.clusters.pop()

    cache = world.only()

    assert [(str(node.id), node.endpoint is None) for node in cache.nodes] == [
        ("sessions-001/0001", False),
        ("sessions-002/0001", True),
    ]
    assert cache.whole


def test_a_node_that_aws_shows_without_endpoint_falls_back_to_its_read_endpoint() -> None:
    world = sessions()
    read = endpoint("read.aws")
    world.groups = [group([member("sessions-001", "primary", ReadEndpoint=read)])]
    world.clusters = [cluster("sessions-001", CacheNodes=[{"CacheNodeId": "0001"}])]

    assert world.only().nodes[0].endpoint == Endpoint("read.aws", 6379)


@pytest.mark.parametrize(
    "failing_call", ["none of them", "DescribeCacheClusters", "DescribeReplicationGroups"]
)
def test_a_members_own_tag_does_not_count(failing_call: str) -> None:
    world = sessions()
    world.tags.clear()
    world.tag("cluster", "sessions-001")
    world.failing[failing_call] = client_error("Throttling")

    assert world.listing().caches == ()


def test_a_memcached_cluster_has_one_node_for_each_of_its_node_ids() -> None:
    world = World()
    world.tag("cluster", "pages", port="7000", plaintext="accepted", expose="dev")
    world.clusters = [cluster("pages", "0003", "0001", Engine="Memcached")]

    cache = world.only()

    assert [str(node.id) for node in cache.nodes] == ["pages/0001", "pages/0003"]
    assert (cache.engine, cache.expose) == ("memcached", "dev")
    assert (cache.pinned_port, cache.plaintext_accepted) == ("7000", True)


def test_a_serverless_cache_has_endpoints_tls_and_the_vpc_of_its_subnets() -> None:
    world = World()
    world.tag("serverlesscache", "burst", partition="aws-cn")
    world.serverless = [
        {
            "ServerlessCacheName": "burst",
            "Status": "AVAILABLE",
            "Engine": "valkey",
            "SubnetIds": ["subnet-1"],
            "SecurityGroupIds": ["sg-2", "sg-1"],
            "Endpoint": endpoint("burst.aws"),
            "ReaderEndpoint": endpoint("burst.aws", 6380),
        }
    ]

    cache = world.only()

    assert (cache.kind, cache.status, cache.vpc_id) == (CacheKind.SERVERLESS, "available", "vpc-1")
    assert (cache.endpoint, cache.reader_endpoint) == (
        Endpoint("burst.aws", 6379),
        Endpoint("burst.aws", 6380),
    )
    assert cache.groups == {"sg-1", "sg-2"}
    assert cache.tls
    assert cache.whole


def test_a_cluster_without_subnet_group_is_outside_any_vpc_and_whole() -> None:
    world = World()
    world.tag("cluster", "old")
    world.clusters = [cluster("old", "0001")]
    del world.clusters[0]["CacheSubnetGroupName"]

    listing = world.listing()

    assert (listing.caches[0].vpc_id, listing.caches[0].whole) == (None, True)
    assert listing.whole


def classic(name: str, *admits: dict[str, Any]) -> dict[str, Any]:
    return {"CacheSecurityGroupName": name, "EC2SecurityGroups": list(admits)}


def outside(name: str, *groups: str, **more: Any) -> dict[str, Any]:
    """A cluster in no VPC, with these cache security groups."""
    named = [{"CacheSecurityGroupName": each, "Status": "active"} for each in groups]
    shape = cluster(name, "0001", CacheSecurityGroups=named, **more)
    del shape["CacheSubnetGroupName"]
    return shape


WEB = {"EC2SecurityGroupName": "web", "EC2SecurityGroupOwnerId": "123", "Status": "authorized"}


def test_a_cache_outside_any_vpc_comes_with_what_its_cache_security_groups_admit() -> None:
    world = World()
    for name in ("old", "older"):
        world.tag("cluster", name)
    world.clusters = [outside("old", "default", "jobs"), outside("older", "default")]
    world.classic_groups = [classic("other", WEB), classic("jobs"), classic("default", WEB, {})]

    old, older = world.listing().caches

    web, unknown = Admitted("web", "123", "authorized"), Admitted("unknown", "unknown", "unknown")
    default = CacheSecurityGroup(name="default", admits=(unknown, web))
    assert old.classic_groups == (default, CacheSecurityGroup(name="jobs"))
    assert older.classic_groups == (default,)
    asked = [call for call in world.calls if call[0] == "DescribeCacheSecurityGroups"]
    assert len(asked) == len(world.classic_groups)  # one a page, not one a cache


def test_a_replication_group_outside_any_vpc_has_the_cache_security_groups_of_its_members() -> None:
    world = World()
    world.tag("replicationgroup", "sessions")
    world.groups = [group([member("a", "primary"), member("b", "replica")])]
    world.clusters = [
        outside("a", "one", ReplicationGroupId="sessions"),
        outside("b", "two", ReplicationGroupId="sessions"),
    ]
    world.classic_groups = [classic("two"), classic("one")]

    assert [each.name for each in world.only().classic_groups] == ["one", "two"]


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (client_error("InvalidParameterValue", operation="Describe"), "InvalidParameterValue"),
        (client_error("AccessDenied", 403), "AccessDenied"),
        (client_error("Throttling", 400), "Throttling"),
        (ConnectTimeoutError(endpoint_url="https://cache"), "https://cache"),
        (None, "AWS does not show it"),
    ],
)
def test_where_cache_security_groups_are_not_told_nothing_else_is_lost(
    error: Exception | None, words: str
) -> None:
    world = World()
    world.tag("cluster", "old")
    world.tag("cluster", "new")
    world.clusters = [outside("old", "default"), cluster("new", "0001")]
    world.failing = {"DescribeCacheSecurityGroups": error} if error else {}

    listing = world.listing()

    assert (listing.whole, listing.problems) == (True, ())
    new, old = listing.caches
    assert (new.vpc_id, old.vpc_id, old.whole) == ("vpc-1", None, True)
    (told,) = old.classic_groups
    assert (told.name, told.admits) == ("default", ())
    assert words in told.unknown


def test_without_a_cache_outside_any_vpc_nobody_is_asked_for_cache_security_groups() -> None:
    world = World()
    world.tag("cluster", "new")
    world.tag("cluster", "bare")
    odd = [{"CacheSecurityGroupName": "default", "Status": "active"}]
    inside = cluster("new", "0001", CacheSecurityGroups=odd)
    world.clusters = [inside, outside("bare"), outside("untagged", "default")]

    bare, _ = world.listing().caches

    assert bare.classic_groups == ()
    assert "DescribeCacheSecurityGroups" not in {operation for operation, _ in world.calls}


@pytest.mark.parametrize(
    ("shape", "seen"),
    [
        ({}, set()),
        ({"AuthTokenEnabled": True, "TransitEncryptionEnabled": True}, {"auth", "tls"}),
        ({"UserGroupIds": ["people"], "TransitEncryptionEnabled": True}, {"auth", "tls"}),
        ({"UserGroupIds": []}, set()),
        ({"TransitEncryptionEnabled": True, "TransitEncryptionMode": "required"}, {"tls"}),
        (
            {"TransitEncryptionEnabled": True, "TransitEncryptionMode": "preferred"},
            {"tls", "tls_optional"},
        ),
        ({"TransitEncryptionEnabled": False, "AuthTokenEnabled": False}, set()),
    ],
)
def test_authentication_and_tls_of_a_replication_group_are_seen(
    shape: dict[str, Any], seen: set[str]
) -> None:
    world = sessions()
    world.groups[0] |= shape

    assert protection(world.only()) == seen


@pytest.mark.parametrize(
    ("shape", "seen"),
    [
        ({}, set()),
        ({"AuthTokenEnabled": True, "TransitEncryptionEnabled": True}, {"auth", "tls"}),
        ({"TransitEncryptionEnabled": True}, {"tls"}),
        (
            {"TransitEncryptionEnabled": True, "TransitEncryptionMode": "preferred"},
            {"tls", "tls_optional"},
        ),
    ],
)
def test_authentication_and_tls_of_a_cluster_are_seen(
    shape: dict[str, Any], seen: set[str]
) -> None:
    world = World()
    world.tag("cluster", "pages")
    world.clusters = [cluster("pages", "0001", **shape)]

    assert protection(world.only()) == seen


@pytest.mark.parametrize(
    ("shape", "seen"), [({}, {"tls"}), ({"UserGroupId": "people"}, {"tls", "auth"})]
)
def test_a_serverless_cache_always_has_tls_and_auth_where_it_has_a_user_group(
    shape: dict[str, Any], seen: set[str]
) -> None:
    world = World()
    world.tag("serverlesscache", "burst")
    world.serverless = [{"ServerlessCacheName": "burst", "SubnetIds": ["subnet-1"], **shape}]

    assert protection(world.only()) == seen


def protection(cache: Cache) -> set[str]:
    """Which of the facts about a cache's safety are true."""
    return {fact for fact in ("tls", "tls_optional", "auth") if getattr(cache, fact)}


def test_nothing_is_said_of_the_encryption_of_a_cache_that_aws_does_not_describe() -> None:
    world = sessions()
    world.groups.clear()

    cache = world.listing().caches[0]

    assert not cache.described
    assert not cache.in_the_clear


@pytest.mark.parametrize(
    "error",
    [
        client_error("Throttling", operation="DescribeCacheClusters"),
        client_error("InternalFailure", 500, "DescribeCacheClusters"),
        ConnectTimeoutError(endpoint_url="https://elasticache"),
    ],
    ids=["throttled", "5xx", "no answer"],
)
def test_a_describe_that_fails_leaves_its_caches_unknown_and_says_why(error: Exception) -> None:
    world = sessions()
    world.failing["DescribeCacheClusters"] = error

    listing = world.listing()

    assert not listing.whole
    assert [cache.whole for cache in listing.caches] == [False]
    ((problem),) = listing.problems
    assert (problem.code, problem.cache) == ("not_described", "sessions")
    assert (
        problem.message.count("DescribeCacheClusters") or "https://elasticache" in problem.message
    )
    assert "last good forwards stay" in problem.message


@pytest.mark.parametrize(
    "operation", ["DescribeReplicationGroups", "DescribeCacheSubnetGroups", "DescribeCacheClusters"]
)
def test_what_fails_for_nodes_leaves_serverless_caches_whole(operation: str) -> None:
    world = sessions()
    world.tag("serverlesscache", "burst")
    world.serverless = [{"ServerlessCacheName": "burst", "SubnetIds": ["subnet-1"]}]
    world.failing[operation] = client_error("Throttling", operation=operation)

    listing = world.listing()

    assert {cache.name: cache.whole for cache in listing.caches} == {
        "sessions": False,
        "burst": True,
    }
    assert [problem.cache for problem in listing.problems] == ["sessions"]
    assert operation in listing.problems[0].message


def test_a_tag_without_a_described_cache_is_unknown_not_gone() -> None:
    world = World()
    world.tag("cluster", "queue")

    listing = world.listing()

    assert [(cache.name, cache.whole) for cache in listing.caches] == [("queue", False)]
    assert not listing.whole
    assert "does not show it" in listing.problems[0].message


def test_a_serverless_cache_without_known_subnet_is_not_whole() -> None:
    world = World()
    world.tag("serverlesscache", "burst")
    world.serverless = [{"ServerlessCacheName": "burst", "SubnetIds": ["subnet-9"]}]

    assert not world.only().whole


def test_a_cluster_whose_nodes_aws_hides_is_not_whole_but_stays_in_its_vpc() -> None:
    world = World()
    world.tag("cluster", "queue")
    world.clusters = [cluster("queue")]

    listing = world.listing()

    assert [(cache.vpc_id, cache.whole) for cache in listing.caches] == [("vpc-1", False)]
    assert listing.whole


def test_a_group_that_is_only_being_created_is_not_whole() -> None:
    world = sessions()
    world.groups = [group([])]
    world.clusters = []

    assert not world.only().whole


def test_tags_that_cannot_be_listed_fail_the_pass_for_now() -> None:
    world = sessions()
    world.failing["GetResources"] = client_error("ThrottlingException")

    with pytest.raises(TransientError, match="ThrottlingException"):
        world.listing()


@pytest.mark.parametrize("operation", ["GetResources", "DescribeCacheClusters"])
def test_what_only_a_person_can_mend_is_raised_as_it_is(operation: str) -> None:
    world = sessions()
    world.failing[operation] = client_error("AccessDenied", 403)

    with pytest.raises(ClientError, match="AccessDenied"):
        world.listing()


def test_only_families_with_a_tag_are_asked_for() -> None:
    world = sessions()
    world.listing()

    assert "DescribeServerlessCaches" not in {operation for operation, _ in world.calls}
    asked = [parameters for operation, parameters in world.calls if operation == "GetResources"]
    assert asked[0]["TagFilters"] == [{"Key": "cachegate:expose"}]
    assert asked[0]["ResourceTypeFilters"] == [
        "elasticache:cluster",
        "elasticache:replicationgroup",
        "elasticache:serverlesscache",
    ]


def test_nothing_tagged_is_an_empty_whole_listing() -> None:
    world = World()

    listing = world.listing()

    assert (listing.caches, listing.whole) == ((), True)
    assert [operation for operation, _ in world.calls] == ["GetResources"]
