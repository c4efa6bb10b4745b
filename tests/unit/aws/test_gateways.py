"""Commands to NAT instances, against a Systems Manager that holds state."""

from __future__ import annotations

import json
import threading
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

from cachegate.aws.gateways import SsmGateways
from cachegate.domain.agent import encode
from tests.unit.aws.fake_client import client_error, failing, fake_client

GOOD = json.dumps({"generation": 7})


class SystemsManager:
    """Instances and commands; the invocation of each command shows up at the second look."""

    def __init__(self, **pings: str) -> None:
        self.pings = {name.replace("_", "-"): ping for name, ping in pings.items()}
        self.outputs: dict[str, str] = {}
        self.refusals: dict[str, Exception] = {}
        self.never: set[str] = set()
        self.sent: dict[str, dict[str, Any]] = {}
        self.looks: dict[str, int] = {}
        self.together: threading.Barrier | None = None
        self.now = 0.0  # seconds; a look takes a moment, and the pause after it one second
        self.latency = 0.0
        self.ended_at: float | None = None  # when commands have ended; None: at the second look
        self.answers: dict[str, Any] = {
            "DescribeInstanceInformation": self.describe,
            "SendCommand": self.send,
            "GetCommandInvocation": self.get,
        }

    def describe(self, *, Filters: list[Any], **_: Any) -> dict[str, Any]:  # noqa: N803
        wanted = Filters[0]["Values"]
        return {
            "InstanceInformationList": [
                {"InstanceId": name, "PingStatus": ping}
                for name, ping in self.pings.items()
                if name in wanted
            ]
        }

    def send(self, **command: Any) -> dict[str, Any]:
        (instance_id,) = command["InstanceIds"]
        if instance_id in self.refusals:
            raise self.refusals[instance_id]
        if self.together is not None:
            self.together.wait(10)
        self.sent[instance_id] = command
        return {"Command": {"CommandId": f"00000000-0000-0000-0000-{len(self.sent):012}"}}

    def get(self, *, CommandId: str, InstanceId: str) -> dict[str, Any]:  # noqa: N803
        self.looks[InstanceId] = self.looks.get(InstanceId, 0) + 1
        self.now += 1 + self.latency
        if self.ended_at is None and self.looks[InstanceId] == 1 and InstanceId not in self.never:
            raise client_error("InvocationDoesNotExist", operation="GetCommandInvocation")
        shape = {"CommandId": CommandId, "InstanceId": InstanceId}
        if InstanceId in self.never or self.now < (self.ended_at or 0):
            return shape | {"Status": "InProgress", "StatusDetails": "InProgress"}
        return shape | {
            "Status": "Success",
            "StatusDetails": "Success",
            "ResponseCode": 0,
            "StandardOutputContent": self.outputs.get(InstanceId, GOOD),
        }

    def gateways(self, remaining: float = 60.0) -> SsmGateways:
        client = fake_client("ssm", self.answers)
        return SsmGateways(client, "our-document", lambda: remaining - self.now)


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cachegate.aws.gateways.time.sleep", lambda _: None)


def test_a_command_is_our_document_with_the_action_and_a_short_delivery_timeout() -> None:
    ssm = SystemsManager(i_1="Online")
    payload = encode({"generation": 7})

    replies = ssm.gateways().run(["i-1"], "apply", payload)

    assert (replies["i-1"].report, replies["i-1"].failure) == ({"generation": 7}, None)
    assert ssm.sent["i-1"] == {
        "InstanceIds": ["i-1"],
        "DocumentName": "our-document",
        "DocumentVersion": "$LATEST",
        "Parameters": {"Action": ["apply"], "Payload": [payload]},
        "TimeoutSeconds": 30,
        "Comment": "cachegate apply generation 7",
    }


def test_a_page_of_inspect_begins_where_asked() -> None:
    ssm = SystemsManager(i_1="Online")

    ssm.gateways().run(["i-1"], "inspect", start=6400)

    assert ssm.sent["i-1"]["Parameters"] == {"Action": ["inspect"], "From": ["6400"]}
    assert ssm.sent["i-1"]["Comment"] == "cachegate inspect"


def test_instances_are_asked_at_the_same_time_by_a_command_each() -> None:
    ssm = SystemsManager(i_1="Online", i_2="Online", i_3="Online")
    ssm.together = threading.Barrier(3)

    replies = ssm.gateways().run(["i-3", "i-1", "i-2"], "remove")

    assert {reply.failure for reply in replies.values()} == {None}
    assert set(ssm.sent) == {"i-1", "i-2", "i-3"}


@pytest.mark.parametrize(
    ("ping", "reason"),
    [(None, "not registered"), ("ConnectionLost", "ConnectionLost"), ("Inactive", "Inactive")],
)
def test_an_instance_that_ssm_has_not_online_is_unreached_and_gets_no_command(
    ping: str | None, reason: str
) -> None:
    ssm = SystemsManager(i_2="Online", **({"i_1": ping} if ping else {}))

    replies = ssm.gateways().run(["i-1", "i-2"], "remove")

    assert replies["i-1"].unreached
    assert reason in str(replies["i-1"].failure)
    assert replies["i-2"].failure is None
    assert set(ssm.sent) == {"i-2"}


@pytest.mark.parametrize(
    ("refusal", "unreached"),
    [
        (client_error("InvalidInstanceId", operation="SendCommand"), True),
        (client_error("AccessDeniedException", operation="SendCommand"), False),
        (client_error("ThrottlingException", operation="SendCommand"), False),
        (client_error("InvalidParameters", operation="SendCommand"), False),
        (EndpointConnectionError(endpoint_url="https://ssm"), False),
    ],
)
def test_one_that_fails_stops_no_other(refusal: Exception, unreached: bool) -> None:  # noqa: FBT001
    ssm = SystemsManager(i_1="Online", i_2="Online")
    ssm.refusals["i-1"] = refusal

    replies = ssm.gateways().run(["i-1", "i-2"], "remove")

    assert replies["i-1"].failure
    assert replies["i-1"].unreached is unreached
    assert replies["i-2"].failure is None


def test_a_command_that_does_not_end_is_left_when_its_share_of_time_is_over() -> None:
    ssm = SystemsManager(i_1="Online")
    ssm.never.add("i-1")

    reply = ssm.gateways(remaining=13.0).run(["i-1"], "remove")["i-1"]

    assert "still running" in str(reply.failure)
    assert ssm.looks["i-1"] == 8 + 1  # one a second in 13 s less the reserve, one to read it


def test_slow_looks_do_not_outlast_the_function() -> None:
    ssm = SystemsManager(i_1="Online")
    ssm.never.add("i-1")
    ssm.latency = 1.0

    ssm.gateways(remaining=60.0).run(["i-1"], "remove")

    assert ssm.now < 60 - 3  # what the ledger and the answer still need


def test_a_hung_instance_leaves_time_for_other_vpcs() -> None:
    ssm = SystemsManager(i_1="Online")
    ssm.never.add("i-1")

    ssm.gateways(remaining=900.0).run(["i-1"], "remove")

    assert ssm.looks["i-1"] == 45 + 1


def test_between_two_looks_there_is_always_a_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    ssm = SystemsManager(i_1="Online")
    ssm.never.add("i-1")
    ssm.latency = -0.9  # a look takes a tenth of a second, and all other time is pauses

    def pause(seconds: float) -> None:
        ssm.now += seconds

    monkeypatch.setattr("cachegate.aws.gateways.time.sleep", pause)
    ssm.gateways(remaining=900.0).run(["i-1"], "remove")

    # 45 s at 1.1 s a look; the first four come in half the time.
    assert ssm.looks["i-1"] <= 45 + 2


@pytest.mark.parametrize(
    ("ended", "noticed", "looks"),
    [(0.0, 0.4, 1), (0.6, 0.7, 2), (0.9, 1.0, 3), (1.4, 1.5, 4), (2.3, 3.0, 6), (9.1, 10.0, 13)],
)
def test_an_ended_command_is_noticed_soon_by_hardly_more_looks_than_one_a_second(
    monkeypatch: pytest.MonkeyPatch, ended: float, noticed: float, looks: int
) -> None:
    ssm = SystemsManager(i_1="Online")
    ssm.latency, ssm.ended_at = -1.0, ended  # a look takes no time

    def pause(seconds: float) -> None:
        ssm.now += seconds

    monkeypatch.setattr("cachegate.aws.gateways.time.sleep", pause)
    reply = ssm.gateways().run(["i-1"], "remove")["i-1"]

    assert (reply.failure, round(ssm.now, 6), ssm.looks["i-1"]) == (None, noticed, looks)
    # One at once, then one a second, and one to read it: never but one more than that.
    assert looks <= int(ended) + 3 + 1


def test_without_time_nothing_is_sent() -> None:
    ssm = SystemsManager(i_1="Online")

    reply = ssm.gateways(remaining=5.5).run(["i-1"], "remove")["i-1"]

    assert "no time left" in str(reply.failure)
    assert ssm.sent == {}


@pytest.mark.parametrize("code", ["InvocationDoesNotExist", "ThrottlingException"])
def test_a_command_of_which_nothing_can_be_learned_is_a_failure(code: str) -> None:
    ssm = SystemsManager(i_1="Online")

    def refuse(**_: Any) -> None:
        ssm.now += 1
        raise client_error(code)

    ssm.answers["GetCommandInvocation"] = refuse

    reply = ssm.gateways().run(["i-1"], "remove")["i-1"]

    assert code in str(reply.failure)
    assert reply.report is None


def test_where_ssm_itself_fails_every_instance_has_that_as_its_reply() -> None:
    ssm = SystemsManager(i_1="Online")
    ssm.answers["DescribeInstanceInformation"] = failing(client_error("ThrottlingException"))

    replies = ssm.gateways().run(["i-1", "i-2"], "remove")

    assert set(replies) == {"i-1", "i-2"}
    assert all("ThrottlingException" in str(reply.failure) for reply in replies.values())


def test_no_instances_need_no_call() -> None:
    ssm = SystemsManager()
    ssm.answers.clear()

    assert ssm.gateways().run([], "remove") == {}
