"""The steps of an event, from calls and moments."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest

from benchmarks.end_to_end import timeline
from benchmarks.end_to_end.timeline import STEPS, Lived, TimelineError
from benchmarks.end_to_end.watch import Calls, Seen

CALLS = (
    Seen("dynamodb", "GetItem", 12.5, 12.6),
    Seen("ec2", "", 12.7, 12.9),
    Seen("elasticache", "", 13.0, 13.2),
    Seen("dynamodb", "Scan", 13.2, 13.3),
    Seen("ec2", "", 13.4, 13.5),
    Seen("dynamodb", "PutItem", 13.8, 13.9),
    Seen("ssm", "DescribeInstanceInformation", 14.0, 14.1),
    Seen("ssm", "SendCommand", 14.1, 14.3),
    Seen("ssm", "GetCommandInvocation", 14.8, 14.9),
    Seen("ssm", "GetCommandInvocation", 15.4, 15.5),
    Seen("ec2", "", 15.5, 15.6),
    Seen("dynamodb", "PutItem", 15.7, 15.8),
    Seen("sqs", "SendMessage", 15.8, 15.9),
    Seen("events", "PutEvents", 16.0, 16.2),
)
LIVED = Lived(
    put=10.0, in_kernel=15.0, began=12.0, ended=17.0, calls=CALLS,
    started=14.4, finished=15.1, agent=0.3,
)  # fmt: skip


def test_each_moment_belongs_to_the_step_that_was_under_way() -> None:
    assert LIVED.steps() == pytest.approx(
        {
            timeline.QUEUE: 2.0,
            timeline.START: 0.5,
            timeline.OBSERVING: 0.8,  # from 12.5 to 13.5 without two calls to DynamoDB
            timeline.PLANNING: 0.4,
            timeline.LEDGER: 0.4,
            timeline.SENDING: 0.3,
            timeline.DELIVERY: 0.1,
            timeline.PROCESS: 0.4,
            timeline.AGENT: 0.3,
            timeline.RESULT: 0.4,
            timeline.TELLING: 0.3,
            timeline.CLOSING: 1.1,
        }
    )


@pytest.mark.parametrize("started", [14.2, 14.3, 14.7])
def test_the_steps_are_the_whole_time_whenever_the_command_began(started: float) -> None:
    lived = replace(LIVED, started=started)

    assert sum(lived.steps().values()) == pytest.approx(lived.ended - lived.put)
    assert min(lived.steps().values()) >= 0
    assert tuple(lived.steps()) == STEPS


def test_the_proof_is_the_last_look_at_the_command() -> None:
    assert (LIVED.read_back, LIVED.observed) == (15.5, 13.5)


def test_calls_that_end_in_another_order_are_read_as_they_began() -> None:
    world = SimpleNamespace(aws=SimpleNamespace(server=SimpleNamespace(app=None)))
    calls = Calls(cast("Any", world), "SyncForwards")
    calls.seen = sorted(CALLS, key=lambda call: call.ended - 5 * (call.service == "ssm"))

    assert calls.begun() == CALLS


@pytest.mark.parametrize("sent", [0, 2])
def test_what_is_not_one_push_has_no_steps(sent: int) -> None:
    others = tuple(call for call in CALLS if call.name != "SendCommand")
    calls = (*others, *[Seen("ssm", "SendCommand", 14.1, 14.3)] * sent)

    with pytest.raises(TimelineError, match=f"{sent} commands"):
        replace(LIVED, calls=calls).steps()
