"""Failure handling on the real parts: retries in seconds, given up loudly, nobody held up.

The world's pauses are a twentieth of the template's, in SQS's whole seconds.
"""

from __future__ import annotations

import json
from datetime import datetime
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest

from local.world import World
from tests.system.test_story import ASK_REDIS, ask, listens

if TYPE_CHECKING:
    from collections.abc import Iterator

PAUSES = (1, 2, 5)
ROUNDED_S = 0.5  # the stand-in's clocks, one of them in whole seconds
# From the answer of the function to the next receive: the poller looks 10 times a second, and
# waits for the window of 2 s; the machine may be busy.
LATE_S = 6
MALFORMED = (
    "",
    "look",
    "{",
    "[]",
    "7",
    '{"recheck": ""}',
    '{"recheck": 7}',
    '{"source": "\\ud800"}',
)


def metrics(world: World, metric: str) -> float:
    """Return the sum of all that was counted under a name."""
    assert world.stack is not None
    name = world.stack.functions["SyncForwards"].name
    texts = [path.read_text() for path in world.folder.glob(f"{name}-*.log")]
    counted = (json.loads(x) for text in texts for x in text.splitlines() if '"_aws"' in x)
    return float(sum(sum(line.get(metric, ())) for line in counted))


def counted(world: World, metric: str, total: float) -> bool:
    """Tell whether so much was counted."""
    return metrics(world, metric) == total


def waiting(world: World, queue: str) -> int:
    """Return how many messages a queue holds, also those in a pass and those delayed."""
    assert world.stack is not None
    kinds = ("", "NotVisible", "Delayed")
    names = [f"ApproximateNumberOfMessages{kind}" for kind in kinds]
    answer = world.aws.client("sqs").get_queue_attributes(
        QueueUrl=world.stack.physical_ids[queue], AttributeNames=names
    )
    return sum(int(value) for value in answer["Attributes"].values())


@pytest.fixture(scope="module")
def world(_possible: None) -> Iterator[World]:
    """Return a world with one cache and no re-checks: what is received is what a test sent."""
    with World() as made:
        made.settings = {**made.settings, "CACHEGATE_MOST_RECHECKS": "0"}
        made.create_cluster("cart")
        made.deploy()
        assert made.invoke({"action": "sync"})["ok"]
        yield made


@pytest.fixture(autouse=True)
def _quiet(world: World) -> None:
    """Begin when the passes of the test before have ended."""
    world.wait_until(lambda: waiting(world, "SyncQueue") == 0, what="the queue is empty")


def moment(line: dict[str, Any]) -> float:
    return datetime.strptime(line["timestamp"], "%Y-%m-%d %H:%M:%S,%f%z").timestamp()


def test_what_is_malformed_is_answered_or_counted_and_never_comes_back(world: World) -> None:
    for payload in (
        {},
        {"action": "destroy"},
        {"action": "sync", "forse": True},
        ["sync"],
        7,
        None,
    ):
        answer = world.invoke(payload)  # type: ignore[arg-type]
        assert not answer["ok"]
        assert answer["error"]["code"] == "bad_request"
    for body in MALFORMED:
        world.trigger(body)

    world.wait_until(partial(counted, world, "TriggersUnknown", len(MALFORMED)))
    world.wait_until(lambda: waiting(world, "SyncQueue") == 0)
    assert waiting(world, "DeadLetterQueue") == 0
    assert world.logged("the pass broke off") == []


@pytest.mark.parametrize("called", ["ConnectionLost", "Online"])
def test_an_instance_that_stays_out_of_reach_fails_no_pass_and_fills_no_queue(
    world: World, called: str
) -> None:
    if called == "Online":  # for a while after its public address has changed, or it hangs
        world.commands.seconds = 0.02  # a lost command is known to be lost after 0.6 s, not 3
        world.nat.managed.delivery.lost = 1000
    else:
        world.nat.managed.online = False
    before = metrics(world, "NatInstancesOffline")

    for passes in (1, 2, 3):
        world.tick()
        offline = partial(counted, world, "NatInstancesOffline", before + passes)
        world.wait_until(offline, what="a pass has seen it offline")

    world.wait_until(lambda: waiting(world, "SyncQueue") == 0)
    assert [line for line in world.logged("pass") if line["level"] == "ERROR"] == []
    assert waiting(world, "DeadLetterQueue") == 0
    world.nat.managed.online = True
    world.nat.managed.delivery.lost = 0


def test_a_trigger_whose_passes_fail_is_given_up_after_its_pauses_and_holds_up_nobody(
    world: World,
) -> None:
    port = listens(world)["cart/cart/0001"]
    agent = world.nat.managed
    sound = agent.environment
    agent.environment = {**sound, "CACHEGATE_BACKEND": "none"}  # which the agent refuses
    after = world.replace_node("cart")

    world.trigger('{"ask": "the one that fails"}')
    world.wait_until(
        lambda: waiting(world, "DeadLetterQueue") == 1, within_s=60, what="it is given up"
    )

    asked = sorted(
        (line for line in world.logged("triggers") if "the one that fails" in str(line)),
        key=moment,
    )
    receives = [t["receives"] for line in asked for t in line["asking"] if t["kind"] == "ask"]
    assert receives == [1, 2, 3, 4]
    failed = [line for line in world.logged("pass") if line["decision"] == "failed"]
    assert all("backend_unavailable" in line["reasons"][0] for line in failed)
    ends = {line["function_request_id"]: moment(line) for line in failed}
    for (before, again), pause in zip(pairwise(asked), PAUSES, strict=True):
        waited = moment(again) - ends[before["function_request_id"]]
        assert pause - ROUNDED_S <= waited <= pause + LATE_S

    agent.environment = sound
    world.trigger()
    world.wait_until(lambda: ask(world, ASK_REDIS, port) == str(after), what="the next one is done")
