"""Every source of change, through the template's own patterns, subscriptions and policies."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from local.world import World
from tests.system.heard import Heard, batches, heard
from tests.system.sending import EVENTS, Deployed, changed

if TYPE_CHECKING:
    from collections.abc import Iterator

NOT_OURS = "the instance is not ours"
IDLE = "it concerns neither nodes nor access"
NAT, OTHER = "the NAT instance", "i-0fedcba9876543210"

ARRIVES = {
    "sns-failover-complete.json": Heard("notification", "FailoverComplete", "sessions"),
    "sns-node-replaced.json": Heard("notification", "CacheNodeReplaceComplete", "sessions-001"),
    "sns-node-recovered-older-form.json":
        Heard("notification", "Finished recovery for cache nodes 0001", "sessions-001"),
    "sns-node-added-plain-text.json": Heard("notification", "AddCacheNodeComplete", "pages"),
    "sns-snapshot-complete.json": Heard("notification", "SnapshotComplete", "sessions-002", IDLE),
    "serverless-cache-updated.json": Heard("cache_event", "Cache Updated", "events"),
    "api-call-increase-replica-count.json": Heard("api_call", "IncreaseReplicaCount", "sessions"),
    "api-call-modify-cache-cluster.json": Heard("api_call", "ModifyCacheCluster", "pages"),
    "api-call-add-tags.json":
        Heard("api_call", "AddTagsToResource",
              "arn:aws:elasticache:us-east-1:123456789012:cluster:cart"),
    "instance-running.json": Heard("instance_state", "running", NAT),
    "instance-stopping.json": Heard("instance_state", "stopping", NAT),
    "instance-terminated.json": Heard("instance_state", "terminated", NAT),
    "instance-tagged.json": Heard("instance_tag", "cachegate", NAT),
    "instance-untagged.json": Heard("instance_tag", "", NAT),
    "schedule.json": Heard("schedule", "Scheduled Event", ""),
}  # fmt: skip


CALL, STATE, COMMAND, TAGGED, ALARM = (
    "api-call-modify-cache-cluster.json",
    "instance-running.json",
    "command-failed.json",
    "instance-tagged.json",
    "instance-alarm.json",
)
ARN_OF_OTHER = f"arn:aws:ec2:us-east-1:123456789012:instance/{OTHER}"
MISSES = {
    "a call that failed": changed(CALL, {"errorCode": "CacheClusterNotFound"}),
    "a call that only reads": changed(CALL, {"eventName": "DescribeCacheClusters"}),
    "a call that moves no node": changed(CALL, {"eventName": "CreateSnapshot"}),
    "a call of another service":
        changed(CALL, {"eventSource": "ec2.amazonaws.com", "eventName": "RunInstances"},
                source="aws.ec2"),
    "an event of another service": changed("serverless-cache-updated.json", source="aws.rds"),
    "an instance that is pending": changed(STATE, {"state": "pending"}),
    "another event of EC2": changed(STATE, detail_type="EC2 Spot Instance Interruption"),
    "another tag of an instance":
        changed(TAGGED, {"changed-tag-keys": ["Name", "cachegate:natural"]}),
    "the tag on something else": changed(TAGGED, {"resource-type": "network-interface"}),
    "an instance of another service": changed(TAGGED, {"service": "connect"}),
    "a tag policy": changed(TAGGED, detail_type="Invalid Effective Tag Policy"),
    "a command that succeeded": changed(COMMAND, {"status": "Success"}),
    "a command of another document": changed(COMMAND, {"document-name": "AWS-RunShellScript"}),
    "the command as a whole":
        changed(COMMAND, detail_type="EC2 Command Status-change Notification"),
    "an event of our own": changed("serverless-cache-updated.json", source="cachegate"),
    "an alarm of NAT instances, of which this stack made none": changed(ALARM),
}  # fmt: skip
IGNORED = {
    "an instance of others": (changed(STATE, {"instance-id": OTHER}),
                              Heard("instance_state", "running", OTHER, NOT_OURS)),
    "an ended instance of others":
        (changed("instance-terminated.json", {"instance-id": OTHER}),
         Heard("instance_state", "terminated", OTHER, NOT_OURS)),
    "another stack's NAT instance":
        (changed(TAGGED, {"tags": {"cachegate:nat": "another"}}, resources=[ARN_OF_OTHER]),
         Heard("instance_tag", "another", OTHER, NOT_OURS)),
    "a command on an instance of others":
        (changed(COMMAND, {"instance-id": OTHER}),
         Heard("command_failed", "Failed", OTHER, NOT_OURS)),
    "a snapshot of a serverless cache":
        (changed("serverless-cache-updated.json", detail_type="Snapshot Created"),
         Heard("cache_event", "Snapshot Created", "events", IDLE)),
}  # fmt: skip


@pytest.fixture(scope="module")
def deployed(_possible: None) -> Iterator[Deployed]:
    with World() as world:
        yield Deployed(world)


@pytest.fixture(scope="module")
def sent(deployed: Deployed) -> dict[str, str]:
    """Send everything at once and wait until the last of it has arrived: what -> its id."""
    ids = {what: deployed.emit(event) for what, event in MISSES.items()}
    topic = deployed.world.aws.client("sns").create_topic(Name="alerts")["TopicArn"]
    ids["a notification to another topic"] = deployed.publish("ElastiCache:X : y", topic)
    ids |= {what: deployed.emit(event) for what, (event, _) in IGNORED.items()}
    ids |= {name: deployed.send(name) for name in ARRIVES}
    last = deployed.emit(EVENTS[CALL])
    arrives = {ids[what] for what in (*ARRIVES, *IGNORED)} | {last}
    deployed.wait(lambda: arrives <= set(heard(deployed.world)), "all that should arrive is heard")
    return ids


def test_each_file_of_events_is_sent() -> None:
    assert {*ARRIVES, COMMAND, ALARM, "invoke-sync.json"} == set(EVENTS)


@pytest.mark.parametrize("name", ARRIVES)
def test_it_reaches_the_function_and_is_understood(
    deployed: Deployed, sent: dict[str, str], name: str
) -> None:
    expected = ARRIVES[name]
    subject = deployed.world.nat.instance_id if expected.subject == NAT else expected.subject

    found = heard(deployed.world)[sent[name]]

    assert found == Heard(expected.kind, expected.name, subject, expected.ignored)


@pytest.mark.parametrize("what", [*MISSES, "a notification to another topic"])
def test_it_does_not_reach_the_function(
    deployed: Deployed, sent: dict[str, str], what: str
) -> None:
    assert sent[what] not in heard(deployed.world)


@pytest.mark.parametrize("what", IGNORED)
def test_it_is_ignored_with_a_reason(deployed: Deployed, sent: dict[str, str], what: str) -> None:
    assert heard(deployed.world)[sent[what]] == IGNORED[what][1]


def test_nothing_of_it_is_given_up_or_undelivered(deployed: Deployed, sent: dict[str, str]) -> None:
    assert deployed.take("UndeliveredQueueUrl") == []
    assert deployed.take("DeadLetterQueueUrl") == []


def test_nobody_may_speak_for_aws(deployed: Deployed) -> None:
    entry = {"Source": "aws.elasticache", "DetailType": "Cache Updated", "Detail": "{}"}

    answer = deployed.world.aws.client("events").put_events(Entries=[entry])

    assert answer["FailedEntryCount"] == 1
    assert answer["Entries"][0]["ErrorCode"] == "NotAuthorizedForSourceException"


def test_a_direct_invocation_runs_a_pass(deployed: Deployed) -> None:
    result = deployed.world.invoke(EVENTS["invoke-sync.json"])

    assert result["ok"], result
    assert [vpc["verified"] for vpc in result["vpcs"]] == [True]


def test_a_failed_command_leads_to_one_recheck_and_to_no_pass_at_once(deployed: Deployed) -> None:
    deployed.wait_for_rest()
    before = set(heard(deployed.world))

    first, second = (deployed.emit(EVENTS[COMMAND]) for _ in range(2))
    deployed.wait(lambda: {first, second} <= set(heard(deployed.world)), "both are heard")
    deployed.wait_for_rest()

    found = heard(deployed.world)
    assert {found[first].ignored, found[second].ignored} == {
        "a re-check follows",
        "re-checks are under way",
    }
    later = [found[key] for key in set(found) - before - {first, second}]
    assert {each.kind for each in later} == {"recheck"}
    assert len(later) == 2  # two quiet passes end the chain


def test_a_burst_costs_few_passes(deployed: Deployed) -> None:
    before = batches(deployed.world)

    ids = {deployed.send("sns-node-replaced.json") for _ in range(10)}
    deployed.wait(lambda: ids <= set(heard(deployed.world)), "the burst is heard")

    assert batches(deployed.world) - before <= 3


def without(policy: str, sender: str) -> str:
    """Return a queue's policy that no longer names a sender."""
    content = json.loads(policy)
    for statement in content["Statement"]:
        condition = statement["Condition"]["ArnEquals"]
        named = condition["aws:SourceArn"]
        named = named if isinstance(named, list) else [named]
        condition["aws:SourceArn"] = [arn for arn in named if arn != sender]
    return json.dumps(content)


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("CacheEvents", "serverless-cache-updated.json"),
        ("ApiCalls", "api-call-add-tags.json"),
        ("InstanceStates", "instance-running.json"),
        ("InstanceTags", TAGGED),
        ("CommandFailures", COMMAND),
        ("NotificationTopic", "sns-node-replaced.json"),
    ],
)
def test_a_sender_that_the_queue_s_policy_does_not_name_is_undelivered(
    deployed: Deployed, source: str, name: str
) -> None:
    sqs, url = deployed.world.aws.client("sqs"), deployed.outputs["SyncQueueUrl"]
    policy = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"])["Attributes"]
    without_it = without(policy["Policy"], deployed.arn(source))
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": without_it})

    event_id = deployed.send(name)
    sqs.set_queue_attributes(QueueUrl=url, Attributes=policy)

    (letter,) = deployed.take("UndeliveredQueueUrl")
    assert event_id in letter["Body"]


def test_a_replaced_node_is_reached_without_schedule_or_person(deployed: Deployed) -> None:
    before = set(heard(deployed.world))

    new = deployed.world.replace_node("sessions-002")
    deployed.wait_for_answer("sessions/sessions-002/0001", new)

    found = heard(deployed.world)
    causes = {found[key].name for key in set(found) - before if found[key].kind != "recheck"}
    assert causes == {"CacheNodeReplaceStarted", "CacheNodeReplaceComplete"}


def test_a_failover_is_followed_through_both_of_its_changes(deployed: Deployed) -> None:
    world = deployed.world
    world.kill_node("sessions-001")

    promoted = world.node(world.fail_over("sessions")).address
    deployed.wait_for_answer("sessions/primary", promoted)
    recovered = world.replace_node("sessions-001")
    deployed.wait_for_answer("sessions/sessions-001/0001", recovered)

    deployed.wait_for_answer("sessions/primary", promoted)


def test_an_address_that_dns_shows_late_is_noticed_by_a_recheck(deployed: Deployed) -> None:
    before = set(heard(deployed.world))
    deployed.world.resolver.lag_s = 4.0  # beyond the batching window and the pass after it

    new = deployed.world.replace_node("pages")
    deployed.wait_for_answer("pages/pages/0001", new)
    deployed.world.resolver.lag_s = 0.0

    found = heard(deployed.world)
    assert {found[key].kind for key in set(found) - before} == {"notification", "recheck"}


def test_an_encrypted_topic_is_let_go_of(deployed: Deployed) -> None:
    world, group = deployed.world, deployed.world.aws.fleet.groups["sessions"]
    sealed = world.aws.client("sns").create_topic(
        Name="sealed", Attributes={"KmsMasterKeyId": "alias/aws/sns"}
    )
    group.options.topic = sealed["TopicArn"]

    world.replace_node("sessions-003")

    clusters = world.aws.client("elasticache").describe_cache_clusters()["CacheClusters"]
    statuses = {
        cluster["CacheClusterId"]: cluster["NotificationConfiguration"]["TopicStatus"]
        for cluster in clusters
    }
    assert statuses["sessions-001"] == "inactive"
    assert statuses["pages"] == "active"


def test_an_instance_that_is_tagged_by_hand_gets_its_rules_without_schedule_or_person(
    deployed: Deployed,
) -> None:
    world = deployed.world
    second = world.add_nat_instance({"Name": "second"})
    deployed.wait_for_rest()
    before = set(heard(world))

    tags = [{"Key": "cachegate:nat", "Value": "cachegate"}]
    world.aws.client("ec2").create_tags(Resources=[second.instance_id], Tags=tags)
    deployed.emit(changed(TAGGED, resources=[ARN_OF_OTHER.replace(OTHER, second.instance_id)]))
    page = world.node("pages").address
    deployed.wait_for_answer("pages/pages/0001", page, through=second.public_address)

    found = heard(world)
    kinds = {found[key].kind for key in set(found) - before}
    assert kinds - {"recheck"} == {"instance_tag"}
