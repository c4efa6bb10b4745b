"""What of the queue asks for a pass: all but failed calls and the guard's own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cachegate.domain.guard_trigger import read_guard_cause
from cachegate.domain.trigger import CauseKind
from cachegate.guard.triggers import asked, heed
from cachegate.triggers import Trigger
from tests.unit.guard.entry.wiring import ALICE, ROLE, SCHEDULE, authorize, batch, call, session
from tests.unit.guard.fakes import World

EVENTS = Path(__file__).parents[4] / "events/guard"
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
        (call("RunInstances", {"sessionContext": {"sessionIssuer": {"arn": ROLE}}}), OWN),
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


@pytest.mark.parametrize(
    ("name", "rules"),
    [
        ("authorize-ingress", 2),
        ("authorize-ingress-flat", 1),
        ("modify-rules", 1),
        ("modify-prefix-list", 0),
        ("run-instances", 0),
        ("modify-cache-cluster", 0),
        ("delete-exemption", 0),
    ],
)
def test_each_body_that_others_send_asks_and_names_the_rules_that_it_made(
    name: str, rules: int
) -> None:
    heeded = heed(triggers((EVENTS / f"{name}.json").read_text()), ROLE)

    (trigger,) = heeded.asking
    learned = asked(heeded.asking)
    assert trigger.cause.kind is CauseKind.API_CALL
    assert len(learned.authors) == rules
    assert all(
        author.who.endswith("/someone") or author.who.endswith("/somebody")
        for author in learned.authors.values()
    )


@pytest.mark.parametrize("name", ["own-authorize", "failed-call"])
def test_each_body_of_the_guards_own_and_of_a_failed_call_is_ignored(name: str) -> None:
    role = "arn:aws:iam::123456789012:role/cachegate-GuardIngressRole-1A2B3C4D5E6F"

    heeded = heed(triggers((EVENTS / f"{name}.json").read_text()), role)

    assert heeded.asking == ()


def test_the_later_call_on_a_rule_is_its_author(world: World) -> None:
    rule = world.add_rule("tcp 6379", "0.0.0.0/0")
    first: dict[str, Any] = authorize(rule, ROOT, eventTime="2027-01-15T07:00:00Z")
    later = authorize(rule, ALICE, eventTime="2027-01-15T07:30:00Z")

    for order in ((first, later), (later, first)):
        learned = asked(triggers(*order, SCHEDULE, "look"))
        assert learned.authors[rule.rule_id].who == ALICE["arn"]
        assert learned.triggers[2:] == ("tick", "m3")
