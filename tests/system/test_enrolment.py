"""Enrolment end to end: our template with its policy, the built function, the stand-in's caches."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from local.world import World

GONE = "arn:aws:sns:us-east-1:123456789012:deleted"


def notifications(world: World) -> dict[str, dict[str, Any]]:
    """Return what `describe` says of each cache's notifications."""
    described = world.invoke({"action": "describe"})
    assert described["ok"], described
    return {each["cache"]: each for vpc in described["vpcs"] for each in vpc["notifications"]}


def topics(world: World) -> dict[str, set[str | None]]:
    """Return the topics that AWS shows for the clusters, by cache."""
    found: dict[str, set[str | None]] = {}
    for shown in world.aws.client("elasticache").describe_cache_clusters()["CacheClusters"]:
        topic = shown.get("NotificationConfiguration", {}).get("TopicArn")
        cache = shown.get("ReplicationGroupId") or shown["CacheClusterId"]
        found.setdefault(cache, set()).add(topic)
    return found


def test_caches_without_a_living_topic_get_ours_and_a_living_one_is_left(world: World) -> None:
    other = world.aws.client("sns").create_topic(Name="other")["TopicArn"]
    world.create_replication_group("sessions", replicas=1)
    world.create_cluster("cart", topic=other)
    world.create_cluster("pages", "memcached", topic=GONE)
    world.create_cluster("hidden", tags={})
    stack = world.deploy(parameters={"EnrolNotifications": "true"})
    ours = stack.outputs["NotificationTopicArn"]

    # No pass is asked for by hand: the chain of re-checks has to read back what was asked.
    world.wait_until(
        lambda: [topics(world)[name] for name in ("sessions", "pages")] == [{ours}, {ours}],
        what="both caches have our topic",
    )

    assert topics(world)["cart"] == {other}
    assert topics(world)["hidden"] == {None}
    assert world.aws.gate.denied == []
    time.sleep(0.6)  # AWS is done with `modifying`
    synced = world.invoke({"action": "sync"})
    assert [(p["cache"], p["code"]) for p in synced["problems"] if p["code"] != "plaintext"] == [
        ("cart", "other_topic")
    ]
    told = notifications(world)
    assert {name: (each["notifications"], each["noticed"]) for name, each in told.items()} == {
        "cart": ("other_topic", "by_schedule"),
        "pages": ("enrolled", "within_seconds"),
        "sessions": ("enrolled", "within_seconds"),
    }
    assert told["cart"]["step"] == "report"
    assert other in told["cart"]["reason"]

    function = world.aws.client("elasticache", stack.physical_ids["SyncForwardsRole"])
    with pytest.raises(ClientError, match="AccessDenied"):  # it has no tag
        function.modify_cache_cluster(
            CacheClusterId="hidden", NotificationTopicArn=ours, NotificationTopicStatus="active"
        )
    assert [call.action for call in world.aws.gate.denied] == ["elasticache:ModifyCacheCluster"]
    world.aws.gate.denied.clear()
