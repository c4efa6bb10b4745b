"""What of the queue asks for a pass: all but failed calls and the guard's own."""

from __future__ import annotations

from typing import Any

import pytest

from cachegate.domain.guard_trigger import read_guard_cause
from cachegate.guard.triggers import asked, heed
from cachegate.triggers import Trigger
from tests.unit.guard.entry.wiring import ALICE, ROLE, SCHEDULE, authorize, batch, call, session
from tests.unit.guard.fakes import World

ROOT = {"type": "Root", "arn": "arn:aws:iam::123456789012:root"}
OWN = "the guard itself made the call"
WITHOUT_PATH = "arn:aws:iam::123456789012:role/guard-role"
SESSION = {"arn": "arn:aws:sts::123456789012:assumed-role/guard-role/guard"}


def triggers(*bodies: object) -> list[Trigger]:
    records = batch(World(), *bodies)["Records"]
    return [Trigger.from_record(record, read_guard_cause) for record in records]


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (call("RunInstances", session(ROLE)), OWN),
        (call("RunInstances", session(ROLE, "another-session")), OWN),
        (call("RunInstances", SESSION), OWN),  # with nothing but the session's own name
        (call("RunInstances", {"arn": ROLE}), OWN),
        (call("RunInstances", session(ROLE), errorCode="Client.DryRunOperation"),
         "the call failed: Client.DryRunOperation"),
        (call("RunInstances", errorCode="Client.UnauthorizedOperation"),
         "the call failed: Client.UnauthorizedOperation"),
        # Whoever else it is, however alike.
        (call("RunInstances"), None),
        (call("RunInstances", ROOT), None),
        (call("RunInstances", session(WITHOUT_PATH.replace("guard-role", "guard"))), None),
        (call("RunInstances", session(ROLE.replace("123456789012", "210987654321"))), None),
        (call("RunInstances", session(ROLE.replace("aws:iam", "aws-cn:iam"))), None),
        (call("RunInstances", session(ROLE + "-2")), None),
        (call("RunInstances", {"arn": "arn:aws:iam::123456789012:user/guard-role"}), None),
        (call("RunInstances", {"arn": "", "sessionContext": {"sessionIssuer": {"arn": ""}}}), None),
        (call("RunInstances", "guard-role"), None),
        (call("RunInstances", {}), None),
        (SCHEDULE, None),
        ({"source": "aws.s3", "detail-type": "AWS API Call via CloudTrail",
          "detail": {"errorCode": "AccessDenied", "userIdentity": session(ROLE)}}, None),
        ("look", None),
        ("", None),
        ("[]", None),
    ],
)  # fmt: skip
def test_only_failed_calls_and_its_own_are_ignored(body: object, why: str | None) -> None:
    heeded = heed(triggers(body), ROLE)

    assert [each.reason for each in heeded.ignored] == ([] if why is None else [why])
    assert len(heeded.asking) == (why is None)


def test_the_later_call_on_a_rule_is_its_author(world: World) -> None:
    rule = world.add_rule("tcp 6379", "0.0.0.0/0")
    first: dict[str, Any] = authorize(rule, ROOT, eventTime="2027-01-15T07:00:00Z")
    later = authorize(rule, ALICE, eventTime="2027-01-15T07:30:00Z")

    for order in ((first, later), (later, first)):
        learned = asked(triggers(*order, SCHEDULE, "look"))
        assert learned.authors[rule.rule_id].who == ALICE["arn"]
        assert learned.triggers[2:] == ("tick", "m3")
