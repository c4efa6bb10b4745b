"""The inventory against the whole stand-in: servers, paging and statuses of the embedded world."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address
from typing import TYPE_CHECKING

import pytest

from cachegate.aws.caches import CacheInventory
from cachegate.aws.guarded_caches import GuardedCaches
from cachegate.domain.cache import CacheKind, Role
from local.aws_server import AwsServer, register
from local.caches import CacheSecurityGroup, Options
from local.fleet import Fleet

if TYPE_CHECKING:
    from collections.abc import Iterator

FIRST = IPv4Address("10.0.1.230")
EXPOSED = {"cachegate:expose": "true"}


@pytest.fixture(scope="module")
def server() -> Iterator[AwsServer]:
    with AwsServer() as server:
        subnet = server.client("ec2").describe_subnets()["Subnets"][0]
        server.client("elasticache").create_cache_subnet_group(
            CacheSubnetGroupName="caches",
            CacheSubnetGroupDescription="the group of every cache here",
            SubnetIds=[subnet["SubnetId"]],
        )
        yield server


@pytest.fixture
def aws(server: AwsServer) -> AwsServer:
    """AWS without any cache."""
    server.fleet = Fleet()
    register(server.fleet)
    return server


def inventory(aws: AwsServer) -> CacheInventory:
    return CacheInventory(
        aws.client("elasticache"), aws.client("resourcegroupstaggingapi"), aws.client("ec2")
    )


def addresses(count: int) -> list[IPv4Address]:
    return [FIRST + i for i in range(count)]


def test_every_kind_of_cache_is_seen_whole(aws: AwsServer) -> None:
    subnet = aws.client("ec2").describe_subnets()["Subnets"][0]
    aws.fleet.create_group("sessions", [addresses(3)], Options(tags=EXPOSED))
    aws.fleet.create_group(
        "sharded", [addresses(2), addresses(2)], Options(tags=EXPOSED), cluster_mode=True
    )
    aws.fleet.create_cluster("pages", addresses(2), Options(engine="memcached", tags=EXPOSED))
    aws.fleet.create_cluster("hidden", addresses(1), Options())
    aws.fleet.create_serverless("burst", addresses(1), [subnet["SubnetId"]], Options(tags=EXPOSED))

    listing = inventory(aws).listing()

    assert (listing.whole, listing.problems) == (True, ())
    seen = {cache.name: cache for cache in listing.caches}
    assert {name: (cache.kind, len(cache.nodes)) for name, cache in seen.items()} == {
        "sessions": (CacheKind.REPLICATION_GROUP, 3),
        "sharded": (CacheKind.REPLICATION_GROUP, 4),
        "pages": (CacheKind.CLUSTER, 2),
        "burst": (CacheKind.SERVERLESS, 0),
    }
    assert [node.role for node in seen["sessions"].nodes].count(Role.PRIMARY) == 1
    assert all(node.endpoint for cache in seen.values() for node in cache.nodes)
    assert {node.shard for node in seen["sharded"].nodes} == {"0001", "0002"}
    assert seen["burst"].vpc_id == subnet["VpcId"]


def test_more_caches_than_a_page_are_all_seen(aws: AwsServer) -> None:
    for number in range(130):
        aws.fleet.create_cluster(f"cache-{number}", addresses(1), Options(tags=EXPOSED))

    listing = inventory(aws).listing()

    assert len(listing.caches) == 130
    assert listing.whole


def test_a_failover_and_a_replacement_change_no_identity(aws: AwsServer) -> None:
    aws.fleet.create_group("sessions", [addresses(3)], Options(tags=EXPOSED))
    before = inventory(aws).listing().caches[0]

    aws.fleet.fail_over("sessions", "sessions-002")
    aws.fleet.replace_node("sessions-003", "0001", FIRST + 9)
    after = inventory(aws).listing().caches[0]

    assert [(n.id, n.endpoint) for n in after.nodes] == [(n.id, n.endpoint) for n in before.nodes]
    roles = {node.id.cluster_id: node.role for node in after.nodes}
    assert roles["sessions-002"] is Role.PRIMARY


def test_a_cluster_that_is_being_made_is_unknown_not_empty(aws: AwsServer) -> None:
    aws.fleet.create_cluster("pages", addresses(1), Options(engine="memcached", tags=EXPOSED))
    aws.fleet.set_status("pages", "creating")

    listing = inventory(aws).listing()

    assert [(cache.status, cache.whole) for cache in listing.caches] == [("creating", False)]


def test_a_cache_in_ec2_classic_is_seen_whole_with_whom_it_admits(aws: AwsServer) -> None:
    old = Options(tags=EXPOSED, subnet_group=None, classic_groups=("default",))
    aws.fleet.create_cluster("old", addresses(1), old)

    refused = inventory(aws).listing()
    web = ("web", "999999999999", "authorized")
    aws.fleet.classic_groups = {"default": CacheSecurityGroup(name="default", admits=[web])}
    told = inventory(aws).listing()

    for listing in (refused, told):
        (cache,) = listing.caches
        assert (cache.vpc_id, cache.whole, listing.whole) == (None, True, True)
    (unknown,), (known,) = (each.caches[0].classic_groups for each in (refused, told))
    assert "Use of cache security groups is not permitted" in unknown.unknown
    assert str(known.admits[0]) == "EC2 security group web of account 999999999999 (authorized)"


def test_the_guard_sees_every_cache_that_has_a_security_group(aws: AwsServer) -> None:
    subnet = aws.client("ec2").describe_subnets()["Subnets"][0]
    guarded = Options(security_groups=("sg-1", "sg-2"))
    aws.fleet.create_group(
        "sessions", [addresses(2)], Options(tags=EXPOSED, security_groups=("sg-1",))
    )
    aws.fleet.create_cluster(
        "pages", addresses(2), replace(guarded, engine="memcached", port=11212)
    )
    aws.fleet.create_serverless("burst", addresses(1), [subnet["SubnetId"]], guarded)
    aws.fleet.create_cluster("bare", addresses(1), Options())

    found = GuardedCaches(
        aws.client("elasticache"),
        aws.client("resourcegroupstaggingapi"),
        aws.client("ec2"),
        "cachegate",
    ).guarded()

    assert {
        cache.name: (set(cache.groups), set(cache.ports), cache.exposed) for cache in found
    } == {
        "sessions-001": ({"sg-1"}, {6379}, True),
        "sessions-002": ({"sg-1"}, {6379}, True),
        "pages": ({"sg-1", "sg-2"}, {11212}, False),
        "burst": ({"sg-1", "sg-2"}, {6379, 6380}, False),
    }
    assert {cache.vpc_id for cache in found} == {subnet["VpcId"]}
    listed = [node for cache in inventory(aws).listing().caches for node in cache.nodes]
    hosts = {host for cache in found if cache.exposed for host in cache.hosts}
    assert hosts == {node.endpoint.host for node in listed if node.endpoint}
