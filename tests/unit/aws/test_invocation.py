"""How the end of a command is read: only exit code 0 with a whole report is good."""

from __future__ import annotations

import base64
import gzip
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cachegate.aws.invocation import read

REPORT = {"generation": 42, "changed": True}


def compact(report: Any) -> str:
    return base64.b64encode(gzip.compress(json.dumps(report).encode())).decode()


def ended(status: str, details: str | None = None, **more: Any) -> Any:
    return {"Status": status, "StatusDetails": details or status} | more


def output(text: str, exit_code: int = 0, **more: Any) -> Any:
    status = "Success" if exit_code == 0 else "Failed"
    return ended(status, StandardOutputContent=text, ResponseCode=exit_code, **more)


@pytest.mark.parametrize(
    "text",
    [
        compact(REPORT),
        json.dumps(REPORT),
        f"warning: something\n{compact(REPORT)}\n\n",
    ],
    ids=["compact", "plain", "after other lines"],
)
def test_exit_0_with_a_report_is_good(text: str) -> None:
    reply = read("i-1", output(text))

    assert (reply.instance_id, reply.report, reply.failure) == ("i-1", REPORT, None)


@pytest.mark.parametrize(
    ("invocation", "failure"),
    [
        (ended("Pending"), "not started"),
        (ended("InProgress", "In Progress"), "still running"),
        (ended("Delayed"), "not delivered"),
        (ended("TimedOut", "Delivery Timed Out"), "undelivered"),
        (ended("TimedOut", "DeliveryTimedOut"), "undelivered"),
        (ended("TimedOut", "ExecutionTimedOut"), "timed out on the instance"),
        (ended("TimedOut"), "timed out"),
        (ended("Cancelled"), "cancelled"),
        (ended("Cancelling"), "being cancelled"),
        (ended("Failed", "Undeliverable"), "undelivered"),
        (ended("Failed", "Terminated"), "terminated"),
        (ended("Failed", "InvalidPlatform"), "platform"),
        (ended("Failed", "AccessDenied"), "access denied"),
        (ended("Failed", "RateExceeded"), "too many commands"),
        (ended("Undreamt"), "ended as Undreamt"),
        (output(""), "reported nothing"),
        (output("\n \n"), "reported nothing"),
        (output("bash: oops"), "no report: 'bash: oops'"),
        (output("[1, 2]"), "no report"),
        (output("{}{"), "no report"),
        (output(compact(REPORT)[:-8]), "no report"),
        (output(compact([1])), "no report"),
        (output(base64.b64encode(b"no gzip").decode()), "no report"),
        (output("x" * 24_000 + compact(REPORT)), "cut off"),
        (output("", 127, StandardErrorContent="python3: not found\n"), "python3: not found"),
        (
            output(json.dumps({"error": {"code": "malformed", "message": "field x"}}), 2),
            "the agent refused: malformed: field x",
        ),
        (
            output(compact({"error": {"code": "kernel_refused", "message": "no nat"}}), 1),
            "the agent failed: kernel_refused: no nat",
        ),
        (output(compact(REPORT), 1), "exit code 1 and a report without an error"),
        (output(compact({"error": {"code": "a", "message": "b"}}), 0), "the agent failed: a: b"),
        (ended("Success", StandardOutputContent=compact(REPORT)), "exit code -1"),
        (ended("Success", StandardOutputContent=compact(REPORT), ResponseCode=3), "exit code 3"),
    ],
)
def test_anything_else_is_a_failure_in_words(invocation: Any, failure: str) -> None:
    reply = read("i-1", invocation)

    assert reply.failure is not None
    assert failure in reply.failure


@pytest.mark.parametrize(
    ("details", "unreached"),
    [
        ("Pending", True),
        ("Delayed", True),
        ("Delivery Timed Out", True),
        ("Undeliverable", True),
        ("InProgress", False),
        ("Execution Timed Out", False),
        ("Terminated", False),
    ],
)
def test_only_a_command_that_was_not_delivered_says_that_the_instance_is_out_of_reach(
    details: str,
    unreached: bool,  # noqa: FBT001
) -> None:
    assert read("i-1", ended("TimedOut", details)).unreached is unreached


@given(st.text(max_size=200))
def test_no_output_breaks_the_reading(text: str) -> None:
    reply = read("i-1", output(text))

    assert (reply.failure is None) <= (reply.report is not None)
