"""Run Command does what SSM and its agent do, late, doubled and lost delivery included."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from local import ssm_document

if TYPE_CHECKING:
    from collections.abc import Iterator

    from local.deploy import Stack
    from local.world import World

OPEN = ("Pending", "InProgress", "Delayed")


class Commands:
    """Sends the small stack's document to its NAT instance."""

    def __init__(self, world: World, stack: Stack) -> None:
        self.world = world
        self.ssm = world.aws.client("ssm")
        self.document = stack.physical_ids["Document"]
        self.instance = world.nat.instance_id

    def send(self, instance: str | None = None, **parameters: str) -> str:
        answer = self.ssm.send_command(
            InstanceIds=[instance or self.instance],
            DocumentName=self.document,
            TimeoutSeconds=30,
            Parameters={name: [value] for name, value in parameters.items()},
        )
        return str(answer["Command"]["CommandId"])

    def result(self, command: str) -> dict[str, Any] | None:
        """Return the result where there is one to see, None before that."""
        try:
            result: dict[str, Any] = self.ssm.get_command_invocation(
                CommandId=command, InstanceId=self.instance
            )
        except self.ssm.exceptions.InvocationDoesNotExist:
            return None
        return result

    def run(self, **parameters: str) -> dict[str, Any]:
        command = self.send(**parameters)

        def ended() -> dict[str, Any] | None:
            result = self.result(command)
            return None if result is None or result["Status"] in OPEN else result

        found: dict[str, Any] = self.world.wait_until(ended)
        return found


@pytest.fixture
def commands(world: World, stack: Stack) -> Iterator[Commands]:
    yield Commands(world, stack)
    managed = world.nat.managed
    managed.online = True


def test_a_script_runs_on_the_instance_with_parameters_as_plain_text(
    world: World, commands: Commands
) -> None:
    result = commands.run(word="$(echo run by the shell)")

    assert result["Status"] == "Success"
    said = result["StandardOutputContent"].splitlines()
    assert said[0] == "said run by the shell"
    assert said[1].endswith(world.nat.instance_id)
    assert said[2].split() == [str(world.nat.private_address)]
    assert result["StandardErrorContent"] == "complaint\n"


def test_a_command_cannot_be_seen_just_after_it_was_sent(commands: Commands) -> None:
    assert commands.result(commands.send()) is None


@pytest.mark.parametrize(
    ("mode", "status", "details", "code"),
    [
        ("fail", "Failed", "Failed", 3),
        ("late", "Success", "Success", 0),  # the exit code is the last command's
        ("sleep", "TimedOut", "ExecutionTimedOut", 137),
    ],
)
def test_status_and_code_are_those_of_the_last_command(
    commands: Commands, mode: str, status: str, details: str, code: int
) -> None:
    result = commands.run(mode=mode)

    assert (result["Status"], result["StatusDetails"]) == (status, details)
    assert result["ResponseCode"] == code


def test_output_is_cut(commands: Commands) -> None:
    result = commands.run(mode="flood")

    assert len(result["StandardOutputContent"]) == 24_000
    assert len(result["StandardErrorContent"]) == 8_000


@pytest.mark.parametrize(
    "parameters", [{"word": "UPPER"}, {"mode": "other"}, {"other": "x"}, {"word": "a" * 20_001}]
)
def test_parameters_that_the_document_does_not_allow_are_refused(
    commands: Commands, parameters: dict[str, str]
) -> None:
    with pytest.raises(ClientError, match="InvalidParameters"):
        commands.send(**parameters)


def test_one_unknown_instance_fails_the_whole_call(commands: Commands) -> None:
    with pytest.raises(ClientError, match="InvalidInstanceId"):
        commands.send("i-0123456789abcdef0")


def test_a_pattern_that_only_the_agent_refuses_fails_on_the_instance() -> None:
    content = {"parameters": {"word": {"type": "String", "allowedPattern": "^a{1,2000}$"}}}

    ssm_document.check(content, {"word": ["a"]})

    with pytest.raises(ssm_document.AgentRefusalError, match="2000"):
        ssm_document.steps(content, {"word": ["a"]})


def test_a_lost_command_ends_as_undelivered(world: World, commands: Commands) -> None:
    world.nat.managed.delivery.lost = 1

    result = commands.run()

    assert (result["Status"], result["StatusDetails"]) == ("TimedOut", "DeliveryTimedOut")


def test_the_bus_hears_once_how_a_command_ended(
    world: World, commands: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[dict[str, Any]] = []
    monkeypatch.setattr("local.ssm.emit", told.append)
    world.nat.managed.delivery.doubled = 1

    command = commands.run(mode="fail")["CommandId"]

    world.wait_until(lambda: told)
    details = [event["detail"] for event in told]
    assert [(each["command-id"], each["status"]) for each in details] == [(command, "Failed")]
    assert details[0]["document-name"] == commands.document
    assert details[0]["instance-id"] == commands.instance


def test_a_doubled_command_runs_twice_and_shows_one_result(
    world: World, commands: Commands
) -> None:
    world.nat.managed.delivery.doubled = 1
    command = commands.send()
    invocation = world.commands.invocations[command, world.nat.instance_id]

    world.wait_until(lambda: invocation.runs == 2)

    world.wait_until(lambda: (commands.result(command) or {}).get("Status") == "Success")


def test_a_late_command_runs_after_a_newer_one(world: World, commands: Commands) -> None:
    world.nat.managed.delivery.late = 1
    late = commands.send(word="old")

    newer = commands.run(word="new")

    assert newer["Status"] == "Success"
    assert (commands.result(late) or {}).get("Status") == "Pending"
    assert world.nat.managed.release_late() == 1
    assert (commands.result(late) or {})["StandardOutputContent"].startswith("said old")


def test_an_instance_that_is_offline_gets_its_command_when_it_is_back(
    world: World, commands: Commands
) -> None:
    world.nat.managed.online = False
    command = commands.send()
    time.sleep(0.3)
    listed = commands.ssm.describe_instance_information()["InstanceInformationList"]
    waiting = commands.result(command)

    world.nat.managed.online = True

    assert listed[0]["PingStatus"] == "ConnectionLost"
    assert waiting is not None
    assert waiting["Status"] == "Pending"
    world.wait_until(lambda: (commands.result(command) or {}).get("Status") == "Success")


def test_five_commands_run_at_a_time(world: World, commands: Commands) -> None:
    sent = [commands.send(mode="sleep") for _ in range(7)]
    time.sleep(0.6)
    states = [(commands.result(command) or {}).get("Status") for command in sent]

    # All have begun for SSM; the agent has five workers, so the last two end a second later.
    world.wait_until(
        lambda: (
            [(commands.result(each) or {}).get("Status") for each in sent].count("TimedOut") == 5
        )
    )
    assert set(states) == {"InProgress"}
    world.wait_until(
        lambda: all((commands.result(each) or {}).get("Status") == "TimedOut" for each in sent)
    )
