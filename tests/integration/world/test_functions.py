"""Deployed functions run, fail, time out and take their messages as on Lambda."""

from __future__ import annotations

import base64
import json
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from local.custom_resource import CustomResourceError
from local.event_source import failed_ids
from local.lambda_runtime import Outcome
from local.nat_world import WorldError

if TYPE_CHECKING:
    from local.deploy import Stack
    from local.world import World


def received(world: World, stack: Stack) -> dict[str, int]:
    """Return what the function has noted: "body#receive count" -> size of its batch."""
    table = stack.physical_ids["Table"]
    items = world.aws.client("dynamodb").scan(TableName=table)["Items"]
    return {item["vpc"]["S"]: int(item["batch"]["N"]) for item in items}


def test_the_environment_is_the_template_s_own(world: World, stack: Stack) -> None:
    result = world.invoke({}, "Echo")
    environment = result["environment"]

    assert environment["WORD"] == "hello"
    assert environment["QUARANTINE"] == "604800"
    assert environment["DOCUMENT"].startswith("tiny-Document-")
    assert environment["AWS_LAMBDA_FUNCTION_NAME"] == result["name"]
    assert result["layer"] == "layer"
    assert environment["TABLE"] in result["tables"]
    assert set(stack.template.left_out.values()) == {"AWS::Lambda::LayerVersion"}


def test_an_environment_stays_warm_and_a_second_invocation_gets_its_own(
    world: World, stack: Stack
) -> None:
    first = world.invoke({}, "Echo")
    second = world.invoke({}, "Echo")
    with ThreadPoolExecutor(2) as threads:
        together = list(threads.map(lambda _: world.invoke({"do": "wait"}, "Echo"), range(2)))

    assert second["process"] == first["process"]
    assert not second["cold"]
    assert len({each["process"] for each in together}) == 2


@pytest.mark.parametrize(
    ("do", "kind"),
    [("raise", "ValueError"), ("exit", "Runtime.ExitError"), ("sleep", "Sandbox.Timedout")],
)
def test_a_failure_is_reported_as_one_and_the_next_invocation_works(
    world: World, stack: Stack, do: str, kind: str
) -> None:
    with pytest.raises(WorldError, match=kind):
        world.invoke({"do": do}, "Echo")

    assert world.invoke({}, "Echo")["left_ms"] <= 2000


def test_the_tail_of_the_log_comes_with_the_answer(world: World, stack: Stack) -> None:
    answer = world.aws.client("lambda").invoke(
        FunctionName=stack.functions["Echo"].arn, LogType="Tail", Payload=b"{}"
    )

    assert "a line of log" in base64.b64decode(answer["LogResult"]).decode()
    assert json.loads(answer["Payload"].read())["name"] == stack.functions["Echo"].name


def test_an_unknown_function_is_not_found(world: World, stack: Stack) -> None:
    client = world.aws.client("lambda")

    with pytest.raises(client.exceptions.ResourceNotFoundException):
        client.invoke(FunctionName="nobody", Payload=b"{}")


def test_only_the_failed_message_of_a_batch_comes_back_and_ends_in_the_dead_letter_queue(
    world: World, stack: Stack
) -> None:
    for body in ("one", "fail-two", "three"):
        world.trigger(body)
    sqs, url = world.aws.client("sqs"), stack.outputs["DeadUrl"]

    def dead() -> list[str]:
        answer = sqs.receive_message(QueueUrl=url, VisibilityTimeout=0)
        return [message["Body"] for message in answer.get("Messages", [])]

    world.wait_until(dead)
    noted = received(world, stack)

    assert dead() == ["fail-two"]
    assert {"one#1", "fail-two#1", "fail-two#2", "three#1"} <= noted.keys()
    assert not {"one#2", "three#2", "fail-two#3"} & noted.keys()
    assert noted["one#1"] > 1, "a burst within the window is one batch"


@pytest.mark.parametrize(
    ("payload", "failed", "partial", "back"),
    [
        (b'{"batchItemFailures": [{"itemIdentifier": "a"}]}', False, True, {"a"}),
        (b'{"batchItemFailures": []}', False, True, set()),
        (b'{"batchItemFailures": null}', False, True, set()),
        (b"null", False, True, set()),
        (b'{"batchItemFailures": [{"itemIdentifier": "x"}]}', False, True, {"a", "b"}),
        (b'{"batchItemFailures": [{"itemIdentifier": ""}]}', False, True, {"a", "b"}),
        (b'{"batchItemFailures": [{}]}', False, True, {"a", "b"}),
        (b'"text"', False, True, {"a", "b"}),
        (b"{}", True, True, {"a", "b"}),
        (b'{"batchItemFailures": [{"itemIdentifier": "a"}]}', False, False, set()),
        (b"null", True, False, {"a", "b"}),
    ],
)
def test_which_messages_of_a_batch_come_back(
    payload: bytes, *, failed: bool, partial: bool, back: set[str]
) -> None:
    assert failed_ids(Outcome(payload, failed=failed), {"a", "b"}, partial=partial) == back


def test_a_raise_brings_the_whole_batch_back(world: World, stack: Stack) -> None:
    world.trigger("raise-four")

    world.wait_until(lambda: "raise-four#2" in received(world, stack))


def test_a_delayed_message_comes_when_its_delay_has_passed(world: World, stack: Stack) -> None:
    url = stack.outputs["SyncQueueUrl"]
    world.aws.client("sqs").send_message(QueueUrl=url, MessageBody="delayed", DelaySeconds=2)
    world.trigger("prompt")

    world.wait_until(lambda: "prompt#1" in received(world, stack))

    assert "delayed#1" not in received(world, stack)
    world.wait_until(lambda: "delayed#1" in received(world, stack))


def test_a_tick_fires_the_schedule(world: World, stack: Stack) -> None:
    before = len(received(world, stack))

    assert world.tick() == 1

    def scheduled() -> Any:
        noted = received(world, stack)
        return len(noted) > before and any("aws.events" in key for key in noted)

    world.wait_until(scheduled)


def test_a_custom_resource_s_refusal_fails_the_deployment(world: World, stack: Stack) -> None:
    with pytest.raises(CustomResourceError, match="Update refuse"):
        stack.update({"Word": "refuse"})


def test_an_update_changes_the_settings_and_a_deletion_keeps_what_is_retained(
    world: World, stack: Stack
) -> None:
    table = stack.physical_ids["Table"]

    stack.update({"Word": "again"})
    word = world.invoke({}, "Echo")["environment"]["WORD"]
    stack.delete()

    assert word == "again"
    assert world.aws.client("dynamodb").list_tables()["TableNames"] == [table]
    assert world.aws.client("sqs").list_queues().get("QueueUrls", []) == []
