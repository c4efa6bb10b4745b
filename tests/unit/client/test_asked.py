"""How a stack is asked for its description through AWS."""

from __future__ import annotations

import builtins
import io
import json
from typing import Any

import boto3
import pytest
from botocore.response import StreamingBody
from botocore.stub import Stubber

from cachegate.client import Natmap
from cachegate.client.asked import AskedStack
from cachegate.client.errors import NotAskedError
from tests.unit.client.described import PUBLIC, description, forward


class Session:
    """boto3's clients with answers that are put in, and how they were configured."""

    def __init__(self) -> None:
        self.configs: list[Any] = []
        made = {
            name: boto3.Session("x", "x", region_name="us-east-1").client(name)
            for name in ("cloudformation", "lambda")
        }
        self._clients = made
        self.stubs = {name: Stubber(client) for name, client in made.items()}
        for stub in self.stubs.values():
            stub.activate()

    def client(self, name: str, config: Any) -> Any:
        self.configs.append(config)
        return self._clients[name]

    def has_stack(self, **outputs: str) -> None:
        shown = [{"OutputKey": key, "OutputValue": value} for key, value in outputs.items()]
        stack = {
            "StackName": "cachegate",
            "CreationTime": "2026-11-26T00:00:00Z",
            "StackStatus": "UPDATE_COMPLETE",
        }
        self.stubs["cloudformation"].add_response(
            "describe_stacks", {"Stacks": [stack | {"Outputs": shown}]}, {"StackName": "cachegate"}
        )

    def answers(self, answer: Any, function: str = "cachegate-sync-1A2B", **facts: Any) -> None:
        body = json.dumps(answer).encode()
        self.stubs["lambda"].add_response(
            "invoke",
            {"StatusCode": 200, "Payload": StreamingBody(io.BytesIO(body), len(body)), **facts},
            {"FunctionName": function, "Payload": '{"action": "describe"}'},
        )


@pytest.fixture
def session() -> Session:
    session = Session()
    session.has_stack(SyncFunctionName="cachegate-sync-1A2B", GuardFunctionName="other")
    return session


def test_a_live_natmap_is_what_the_stack_describes(session: Session) -> None:
    session.answers(description(forward(6380)))

    natmap = Natmap.live("sessions", session=session)

    assert natmap(("10.0.1.1", 6379)) == (PUBLIC, 6380)


def test_the_stack_is_looked_up_once(session: Session) -> None:
    session.answers(description(forward(6380)))
    session.answers(description(forward(6381)))

    natmap = Natmap.live("sessions", session=session)
    natmap.refresh()

    assert natmap.seeds == ((PUBLIC, 6381),)


def test_a_call_waits_longer_than_the_function_may_run_and_is_never_made_twice(
    session: Session,
) -> None:
    AskedStack("cachegate", session)

    assert all(config.read_timeout > 120 for config in session.configs)
    assert all(config.retries["total_max_attempts"] == 1 for config in session.configs)


def test_an_answer_that_lacks_one_vpc_still_tells_of_the_others(session: Session) -> None:
    session.answers(description(forward(6380)) | {"ok": False})

    assert Natmap.live("sessions", session=session).seeds == ((PUBLIC, 6380),)


def test_a_refusal_is_told(session: Session) -> None:
    session.answers({"ok": False, "error": {"code": "configuration", "message": "no tag"}})

    with pytest.raises(NotAskedError, match="cachegate-sync-1A2B refused: no tag"):
        AskedStack("cachegate", session)()


def test_a_function_that_fails_is_told(session: Session) -> None:
    session.answers({"errorMessage": "timed out after 120 s"}, FunctionError="Unhandled")

    with pytest.raises(NotAskedError, match="cachegate-sync-1A2B failed: timed out after 120 s"):
        AskedStack("cachegate", session)()


def test_what_aws_refuses_is_told_in_one_line(session: Session) -> None:
    session.stubs["lambda"].add_client_error("invoke", "AccessDeniedException", "not authorized")

    with pytest.raises(NotAskedError, match=r"^the stack cachegate cannot be asked: .*not auth"):
        AskedStack("cachegate", session)()


@pytest.mark.parametrize("answer", [None, [], "text"])
def test_an_answer_of_something_else_is_told(session: Session, answer: Any) -> None:
    session.answers(answer)

    with pytest.raises(NotAskedError, match="cachegate-sync-1A2B answered with what is no JSON ob"):
        AskedStack("cachegate", session)()


def test_the_function_of_a_stack_that_was_made_again_is_found(session: Session) -> None:
    asked = AskedStack("cachegate", session)
    session.stubs["lambda"].add_client_error("invoke", "ResourceNotFoundException")
    with pytest.raises(NotAskedError):
        asked()
    session.has_stack(SyncFunctionName="cachegate-sync-9Z8Y")
    session.answers({"vpcs": []}, function="cachegate-sync-9Z8Y")

    assert asked() == {"vpcs": []}


def test_another_stack_is_not_taken_for_ours() -> None:
    session = Session()
    session.has_stack(BucketName="x")

    with pytest.raises(NotAskedError, match="cachegate is no stack of cachegate"):
        AskedStack("cachegate", session)()


def test_no_region_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")

    with pytest.raises(NotAskedError, match="AWS cannot be asked: You must specify a region"):
        AskedStack("cachegate")


def test_the_region_is_found_as_the_aws_cli_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    for name, region in (("", "eu-west-1"), ("eu-north-1", "eu-north-1")):
        monkeypatch.setenv("AWS_REGION", name)

        assert AskedStack("cachegate")._lambda.meta.region_name == region


def test_a_profile_that_is_not_there_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "nobody")

    with pytest.raises(NotAskedError, match="AWS cannot be asked: The config profile"):
        AskedStack("cachegate")


def test_without_boto3_it_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def missing(name: str, *arguments: Any) -> Any:
        if name.startswith("boto"):
            raise ModuleNotFoundError(name)
        return real(name, *arguments)

    monkeypatch.setattr(builtins, "__import__", missing)

    with pytest.raises(NotAskedError, match="pip install boto3, or load a natmap from a file"):
        AskedStack("cachegate")
