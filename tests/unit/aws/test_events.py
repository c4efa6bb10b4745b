"""The event bus: what it does not take is sent once more, then told."""

from __future__ import annotations

import json
from typing import Any

import boto3
import pytest
from botocore.stub import ANY, Stubber

from cachegate.aws.events import EventBus
from cachegate.happenings import Happening, HappeningKind

TAKEN = {"EventId": "1"}
REFUSED = {"ErrorCode": "InternalFailure", "ErrorMessage": "try again"}


def happening(n: int = 1) -> Happening:
    return Happening(HappeningKind.NODE_REPLACED, {"version": 1, "listen": n})


def bus(*answers: list[dict[str, str]]) -> tuple[EventBus, Stubber]:
    client = boto3.client("events", region_name="eu-west-1", aws_access_key_id="none",
                          aws_secret_access_key="none")  # noqa: S106  # fmt: skip
    stubber = Stubber(client)
    for entries in answers:
        failed = sum("ErrorCode" in entry for entry in entries)
        answer: dict[str, Any] = {"FailedEntryCount": failed, "Entries": entries}
        stubber.add_response("put_events", answer, {"Entries": ANY})
    stubber.activate()
    return EventBus(client), stubber


def test_nothing_happened_means_no_call() -> None:
    made, _ = bus()

    assert made.publish([]) == ()


def test_an_event_has_our_source_its_type_and_its_detail() -> None:
    client = boto3.client("events", region_name="eu-west-1", aws_access_key_id="none",
                          aws_secret_access_key="none")  # noqa: S106  # fmt: skip
    entry = {
        "Source": "cachegate",
        "DetailType": "Cache Node Replaced",
        "Detail": json.dumps({"version": 1, "listen": 1}),
    }
    with Stubber(client) as stubber:
        answer = {"FailedEntryCount": 0, "Entries": [TAKEN]}
        stubber.add_response("put_events", answer, {"Entries": [entry]})

        assert EventBus(client).publish([happening()]) == ()


def test_eleven_events_are_two_calls() -> None:
    made, stubber = bus([TAKEN] * 10, [TAKEN])

    assert made.publish([happening(n) for n in range(11)]) == ()
    stubber.assert_no_pending_responses()


def test_large_events_are_calls_of_less_than_a_quarter_of_a_megabyte() -> None:
    made, stubber = bus([TAKEN] * 2, [TAKEN] * 2, [TAKEN])
    large = Happening(HappeningKind.INGRESS_REVOKED, {"tags": "x" * 100_000})

    assert made.publish([large] * 5) == ()
    stubber.assert_no_pending_responses()


def test_what_was_not_taken_is_sent_once_more() -> None:
    made, stubber = bus([TAKEN, REFUSED, TAKEN], [TAKEN])

    assert made.publish([happening(n) for n in range(3)]) == ()
    stubber.assert_no_pending_responses()


def test_what_is_not_taken_twice_is_told() -> None:
    made, _ = bus([REFUSED, TAKEN], [REFUSED])

    assert made.publish([happening(n) for n in range(2)]) == ("InternalFailure: try again",)


@pytest.mark.parametrize("error", ["AccessDeniedException", "ThrottlingException"])
def test_a_call_that_fails_is_told_and_not_raised(error: str) -> None:
    made, stubber = bus()
    stubber.add_client_error("put_events", error, "no")

    # One call fails for all: a pass has no time to wait for each batch of ten.
    assert made.publish([happening(n) for n in range(12)]) == (f"PutEvents: {error}: no",) * 12
