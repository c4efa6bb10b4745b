"""What describe tells of the caches: enough for a client to connect, and nothing made up."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network
from typing import TYPE_CHECKING, Any

import pytest

from cachegate.aws.shapes import unknown
from cachegate.aws.tags import CacheName, CacheTags
from cachegate.domain.cache import Cache, CacheKind, CacheNode, Endpoint, NodeId, Role
from tests.unit.passes.fakes import NAT, VPC
from tests.unit.passes.test_actions import ask

if TYPE_CHECKING:
    from tests.unit.passes.fakes import FakeWorld

GROUP = Cache(
    name="sessions",
    kind=CacheKind.REPLICATION_GROUP,
    engine="valkey",
    status="available",
    vpc_id=VPC,
    expose="true",
    nodes=(
        CacheNode(
            id=NodeId("sessions-001", "0001"), endpoint=Endpoint("one.aws", 6379), shard="0001"
        ),
    ),
    primary_endpoint=Endpoint("master.aws", 6379),
    reader_endpoint=Endpoint("replica.aws", 6379),
    tls=True,
    auth=True,
)
SERVERLESS = Cache(
    name="burst",
    kind=CacheKind.SERVERLESS,
    engine="valkey",
    status="available",
    vpc_id=VPC,
    expose="true",
    endpoint=Endpoint("burst.aws", 6379),
    reader_endpoint=Endpoint("burst.aws", 6380),
    cluster_mode=True,
    tls=True,
)


def described(world: FakeWorld, *caches: Cache, vpc: str = VPC) -> dict[str, Any]:
    world.inventory.caches = {cache.name: cache for cache in caches}
    answer = ask(world, "describe")
    found: dict[str, Any] = {each["vpc"]: each for each in answer["vpcs"]}[vpc]
    return found


def test_caches_are_described_by_name_with_their_endpoints(world: FakeWorld) -> None:
    vpc = described(world, GROUP, SERVERLESS)

    assert vpc["caches"] == [
        {
            "cache": "burst",
            "kind": "serverless",
            "engine": "valkey",
            "status": "available",
            "cluster_mode": True,
            "tls": True,
            "tls_optional": False,
            "auth": False,
            "plaintext_accepted": False,
            "endpoint": "burst.aws:6379",
            "primary_endpoint": None,
            "reader_endpoint": "burst.aws:6380",
        },
        {
            "cache": "sessions",
            "kind": "replication-group",
            "engine": "valkey",
            "status": "available",
            "cluster_mode": False,
            "tls": True,
            "tls_optional": False,
            "auth": True,
            "plaintext_accepted": False,
            "endpoint": None,
            "primary_endpoint": "master.aws:6379",
            "reader_endpoint": "replica.aws:6379",
        },
    ]


def test_every_forward_has_the_endpoint_that_clients_inside_use_and_nodes_their_shard(
    world: FakeWorld,
) -> None:
    forwards = described(world, GROUP, SERVERLESS)["forwards"]

    assert {f["key"]: (f["endpoint"], f["server_name"], f["shard"]) for f in forwards} == {
        "burst/endpoint": ("burst.aws:6379", "burst.aws", None),
        "burst/reader-endpoint": ("burst.aws:6380", "burst.aws", None),
        "sessions/sessions-001/0001": ("one.aws:6379", "one.aws", "0001"),
        "sessions/primary": ("master.aws:6379", "master.aws", None),
        "sessions/readers": ("replica.aws:6379", "replica.aws", None),
    }


NOTHING_KNOWN = {
    "engine": "unknown",
    "status": "unknown",
    "cluster_mode": None,
    "tls": None,
    "tls_optional": None,
    "auth": None,
    "endpoint": None,
    "primary_endpoint": None,
    "reader_endpoint": None,
}


def test_a_cache_that_aws_does_not_answer_for_keeps_its_forwards_and_claims_no_facts(
    world: FakeWorld,
) -> None:
    world.add_cluster("cart", "10.0.1.5")
    ask(world, "sync")

    tags = CacheTags(expose="true", plaintext_accepted=True)
    vpc = described(world, unknown(CacheName(CacheKind.CLUSTER, "cart"), tags))

    known = {"cache": "cart", "kind": "cluster", "plaintext_accepted": True}
    assert vpc["caches"] == [NOTHING_KNOWN | known]
    (forward,) = vpc["forwards"]
    assert forward["state"] == "forwarding"
    assert (forward["tls"], forward["endpoint"], forward["shard"]) == (None, None, None)


def test_a_cache_without_a_vpc_is_told_only_where_it_has_forwards(world: FakeWorld) -> None:
    world.add_vpc("vpc-2", "10.1.0.0/16")
    world.add_instance("i-second", "vpc-2")
    world.add_cluster("cart", "10.0.1.5")
    ask(world, "sync")
    lost = replace(world.inventory.caches["cart"], vpc_id=None, whole=False)

    there, here = described(world, lost), described(world, lost, vpc="vpc-2")

    assert [(each["cache"], each["tls"]) for each in there["caches"]] == [("cart", True)]
    assert here["caches"] == []


@pytest.mark.parametrize("passes", [1, 2])
def test_a_cache_whose_tag_is_gone_is_told_until_its_ports_rest(
    world: FakeWorld, passes: int
) -> None:
    world.add_cluster("cart", "10.0.1.5")
    ask(world, "sync")
    world.inventory.caches.clear()
    for _ in range(passes):
        world.now += world.settings.policy.agreement
        ask(world, "sync")

    vpc = described(world)

    unseen = {"cache": "cart", "kind": None, "plaintext_accepted": None}
    assert vpc["caches"] == ([NOTHING_KNOWN | unseen] if passes == 1 else [])


def test_a_cache_without_listen_ports_yet_is_told_too(world: FakeWorld) -> None:
    world.settings = replace(
        world.settings, policy=replace(world.settings.policy, first_port=6379, last_port=6379)
    )

    vpc = described(world, GROUP)

    assert vpc["forwards"] == []
    assert [each["cache"] for each in vpc["caches"]] == ["sessions"]


def test_a_withheld_forward_leads_nowhere_and_says_since_when_and_why(world: FakeWorld) -> None:
    nodes = tuple(replace(node, role=Role.PRIMARY) for node in GROUP.nodes)
    world.dns.addresses["one.aws"] = IPv4Address("10.0.1.5")
    plain = replace(GROUP, nodes=nodes, tls=False, auth=False)
    world.inventory.caches = {"sessions": plain}
    ask(world, "sync")
    wide = (IPv4Network("203.0.112.0/20"),)
    world.settings = replace(world.settings, policy=replace(world.settings.policy, sources=wide))
    world.now += 7
    ask(world, "sync")
    since, world.now = world.now, world.now + 100

    answer = ask(world, "describe")

    (vpc,) = answer["vpcs"]
    why = "203.0.112.0/20 is wider than /24"
    assert {f["key"]: f["role"] for f in vpc["forwards"]}["sessions/sessions-001/0001"] == "primary"
    for forward in vpc["forwards"]:
        assert (forward["state"], forward["targets"], forward["since"]) == ("withheld", [], since)
        assert why in forward["reason"]
    (problem,) = answer["not_forwarded"]
    assert (problem["code"], problem["forwarded"]) == ("plaintext_withheld", False)
    assert why in problem["message"]
    assert {each["kind"] for each in vpc["forwards"]} == {"node", "primary", "readers"}
    assert world.gateways.held[NAT]["forwards"][0]["targets"] == []
