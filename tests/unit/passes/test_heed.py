"""Which triggers are ignored, why, and at what cost; what is in doubt is looked at."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from cachegate.batch import answer
from cachegate.domain.agent import Reply
from cachegate.domain.ledger import Ledger
from cachegate.heed import heed
from cachegate.protocols import Heartbeat
from cachegate.sync import sync
from cachegate.triggers import Trigger
from tests.unit.passes.fakes import NAT, VPC

if TYPE_CHECKING:
    from cachegate.heed import Heeded
    from tests.unit.passes.fakes import FakeWorld

NOT_OURS = "the instance is not ours"
UNDER_WAY = "re-checks are under way"
STATE = "EC2 Instance State-change Notification"
COMMAND = "EC2 Command Invocation Status-change Notification"
TAGS = "Tag Change on Resource"


def state(instance_id: str, name: str = "running") -> dict[str, Any]:
    detail = {"instance-id": instance_id, "state": name}
    return {"source": "aws.ec2", "detail-type": STATE, "detail": detail}


def tagged(instance_id: str, **tags: str) -> dict[str, Any]:
    """Return that an instance has these tags now; `nat` stands for cachegate:nat."""
    now = {"cachegate:nat" if key == "nat" else key: value for key, value in tags.items()}
    resources = [f"arn:aws:ec2:us-east-1:123456789012:instance/{instance_id}"]
    detail = {"changed-tag-keys": ["cachegate:nat"], "tags": now}
    return {"source": "aws.tag", "detail-type": TAGS, "resources": resources, "detail": detail}


def failure(instance_id: str = NAT) -> dict[str, Any]:
    detail = {"instance-id": instance_id, "status": "Failed"}
    return {"source": "aws.ssm", "detail-type": COMMAND, "detail": detail}


def notice(name: str) -> dict[str, Any]:
    return {"Type": "Notification", "Message": json.dumps({f"ElastiCache:{name}": "sessions"})}


def triggers(world: FakeWorld, *bodies: object) -> list[Trigger]:
    attributes = {"SentTimestamp": str(int(world.now * 1000)), "ApproximateReceiveCount": "1"}
    return [
        Trigger.from_record(
            {
                "messageId": f"m-{number}",
                "receiptHandle": f"r-{number}",
                "body": body if isinstance(body, str) else json.dumps(body),
                "attributes": attributes,
            }
        )
        for number, body in enumerate(bodies)
    ]


def judge(world: FakeWorld, *bodies: object) -> Heeded:
    return heed(triggers(world, *bodies), world.adapters, world.settings)


def reasons(world: FakeWorld, *bodies: object) -> list[str]:
    return [ignored.reason for ignored in judge(world, *bodies).ignored]


@pytest.mark.parametrize(
    "body",
    [
        notice("FailoverComplete"),
        notice("AnEventOfTheFuture"),
        state(NAT, "running"),
        state(NAT, "terminated"),
        tagged("i-new", nat="gate"),  # EC2 lists it a moment later
        tagged(NAT, nat="another"),  # an older change, or a forged one
        tagged(NAT),
        {"source": "aws.events", "detail-type": "Scheduled Event"},
        {"recheck": VPC, "token": "any"},
        {"ask": "stack event Create"},
        {"source": "my.app", "detail-type": "Snapshot Created"},
        "not even JSON",
    ],
)
def test_what_may_concern_us_is_looked_at(world: FakeWorld, body: object) -> None:
    assert len(judge(world, body).asking) == 1


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (notice("SnapshotComplete"), "it concerns neither nodes nor access"),
        (state("i-other"), NOT_OURS),
        (state("i-other", "terminated"), NOT_OURS),
        (state("i-theirs"), NOT_OURS),
        (tagged("i-other", nat="another"), NOT_OURS),
        (tagged("i-other", Name="gate"), NOT_OURS),
        (tagged("i-theirs", nat="another"), NOT_OURS),
        (failure("i-other"), NOT_OURS),
        (failure("i-theirs"), NOT_OURS),
    ],
)
def test_what_is_known_to_be_needless_is_ignored(
    world: FakeWorld, body: object, reason: str
) -> None:
    world.add_instance("i-theirs", VPC, stack="another")

    assert reasons(world, body) == [reason]


@pytest.mark.parametrize("name", ["shutting-down", "terminated"])
def test_an_instance_that_has_ended_is_ours_where_a_ledger_knows_it(
    world: FakeWorld, name: str
) -> None:
    world.ledgers.save(Ledger(vpc_id=VPC, nat_instances=("i-gone",)), None)

    assert len(judge(world, state("i-gone", name)).asking) == 1


@pytest.mark.parametrize("tags", [{}, {"nat": "another"}])
def test_an_instance_that_lost_our_tag_is_looked_at_where_a_ledger_knows_it(
    world: FakeWorld, tags: dict[str, str]
) -> None:
    world.ledgers.save(Ledger(vpc_id=VPC, nat_instances=("i-untagged",)), None)

    assert len(judge(world, tagged("i-untagged", **tags)).asking) == 1


def test_an_instance_that_starts_without_our_tag_is_not_ours_though_a_ledger_knows_it(
    world: FakeWorld,
) -> None:
    world.ledgers.save(Ledger(vpc_id=VPC, nat_instances=("i-untagged",)), None)

    assert reasons(world, state("i-untagged", "running")) == [NOT_OURS]


def test_triggers_keep_their_order_and_none_is_lost(world: FakeWorld) -> None:
    heeded = judge(world, "a", notice("SnapshotComplete"), "b", state("i-other"))

    assert [trigger.message_id for trigger in heeded.asking] == ["m-0", "m-2"]
    assert [ignored.trigger.message_id for ignored in heeded.ignored] == ["m-1", "m-3"]


class Counted:
    """Counts the calls of the methods of something."""

    def __init__(self, real: Any) -> None:
        self._real = real
        self.calls: list[str] = []

    def __getattr__(self, name: str) -> Any:
        self.calls.append(name)
        return getattr(self._real, name)


def test_a_batch_costs_one_listing_and_one_look_at_the_ledgers_at_most(world: FakeWorld) -> None:
    world.ledgers.save(Ledger(vpc_id=VPC), None)
    network, ledgers = Counted(world.network), Counted(world.ledgers)
    world.adapters = replace(world.adapters, network=network, ledgers=ledgers)

    ended = [state(f"i-{number}", "terminated") for number in range(5)]
    judge(world, *ended, *(tagged(f"i-{number}", nat="another") for number in range(5)))

    assert network.calls == ["nat_instances"]
    assert sorted(ledgers.calls) == ["load", "vpc_ids"]


def test_a_batch_without_instances_costs_no_look_at_all(world: FakeWorld) -> None:
    network = Counted(world.network)
    world.adapters = replace(world.adapters, network=network)

    judge(world, notice("FailoverComplete"), notice("SnapshotComplete"), "anything")

    assert network.calls == []


# -- commands that failed --------------------------------------------------------------------------


def test_a_failed_command_begins_a_chain_and_no_pass(world: FakeWorld) -> None:
    heeded = judge(world, failure())

    assert heeded.asking == ()
    assert [ignored.reason for ignored in heeded.ignored] == ["a re-check follows"]
    token = world.ledgers.heartbeat(VPC).token
    assert world.rechecks.sent == [(VPC, token, world.settings.policy.recheck)]


def test_the_recheck_that_follows_a_failed_command_is_taken(world: FakeWorld) -> None:
    judge(world, failure())
    _, token, _ = world.rechecks.sent[0]

    result = answer(
        triggers(world, {"recheck": VPC, "token": token}), world.adapters, world.settings
    )

    assert result is not None


def test_further_failures_join_the_chain_that_is_live(world: FakeWorld) -> None:
    assert reasons(world, failure(), failure()) == ["a re-check follows", UNDER_WAY]
    assert reasons(world, failure()) == [UNDER_WAY]
    assert len(world.rechecks.sent) == 1


def test_a_failure_keeps_what_the_last_pass_proved(world: FakeWorld) -> None:
    sync(world.adapters, world.settings)
    before = replace(world.ledgers.heartbeat(VPC), token="", rechecks=0, quiet=1)
    world.ledgers.heartbeats[VPC] = before

    judge(world, failure())

    after = world.ledgers.heartbeat(VPC)
    assert after == replace(before, token=after.token, rechecks=1, quiet=0)


def test_a_failure_meets_a_pass_that_begins_a_chain_at_the_same_time(world: FakeWorld) -> None:
    real = world.ledgers.heartbeat
    of_the_pass = Heartbeat(token="live")  # noqa: S106

    def a_moment_ago(vpc_id: str) -> Heartbeat:
        seen = real(vpc_id)
        world.ledgers.heartbeats[vpc_id] = of_the_pass
        return seen

    world.ledgers.heartbeat = a_moment_ago  # type: ignore[method-assign]

    assert reasons(world, failure()) == [UNDER_WAY]
    assert real(VPC) == of_the_pass
    assert world.rechecks.sent == []


def test_where_re_checks_have_ended_a_failure_begins_none(world: FakeWorld) -> None:
    most = world.settings.most_rechecks
    world.ledgers.beat(VPC, Heartbeat(rechecks=most))

    assert reasons(world, failure()) == ["re-checks have ended, and the schedule goes on"]
    assert world.rechecks.sent == []


def test_commands_that_go_on_failing_never_feed_themselves(world: FakeWorld) -> None:
    """Play every message until none is left: each pass fails, and each failure is an event."""
    world.add_cluster("cart", "10.0.1.5")
    world.gateways.failing[NAT] = Reply(instance_id=NAT, failure="exit code 1")
    passes, waiting = 0, [failure()]
    while waiting:
        body = waiting.pop(0)
        sent_before, calls_before = len(world.rechecks.sent), len(world.gateways.calls)
        heeded = judge(world, body)
        if answer(heeded.asking, world.adapters, world.settings) is not None:
            passes += 1
        waiting += [
            {"recheck": vpc_id, "token": token}
            for vpc_id, token, _ in world.rechecks.sent[sent_before:]
        ]
        applied = world.gateways.calls[calls_before:]
        waiting += [failure() for _, action in applied if action == "apply"]
        assert passes <= world.settings.most_rechecks

    assert passes == 1  # after which its message is the queue's to bring back, or to give up
