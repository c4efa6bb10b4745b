"""What a message of the guard's queue says has happened. Pure, and never trusted: only a hint.

CloudTrail's record of a call stands under `detail`, with who made it
(https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-user-identity.html).
How EC2's calls on rules look in it is not documented; the forms below are those that others have
published.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from cachegate.domain.body import bus_event, fields, opened, word
from cachegate.domain.call import Call
from cachegate.domain.revocation import Author
from cachegate.domain.trigger import Cause, CauseKind

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from cachegate.domain.body import BusEvent

_SOURCES = frozenset({"aws.ec2", "aws.elasticache"})
_NAMED = 3  # rules of a call that a log names
_RULE = re.compile(r"sgr-[0-9a-z]{1,32}")


def read_guard_cause(body: str) -> Cause:
    """Read the body of a message; there is none that cannot be read."""
    event = bus_event(fields(opened(body)))
    if event is None:
        return Cause(name=word(body))
    kind, name, call = CauseKind.UNKNOWN, f"{event.source}: {event.detail_type}", None
    if event.is_schedule:
        kind, name = CauseKind.SCHEDULE, event.detail_type
    elif event.is_call and event.source in _SOURCES:
        kind, name, call = CauseKind.API_CALL, word(event.detail.get("eventName")), _call(event)
    return Cause(
        kind=kind,
        name=name,
        subject=", ".join(list(call.authors)[:_NAMED]) if call else "",
        happened_at=event.happened_at,
        correlation_id=event.event_id,
        call=call,
    )


def _call(event: BusEvent) -> Call:
    detail = event.detail
    identity = fields(detail.get("userIdentity"))
    issuer = fields(fields(identity.get("sessionContext")).get("sessionIssuer"))
    who = word(identity.get("arn")) or word(identity.get("invokedBy"))
    author = Author(
        who=who,
        event=word(detail.get("eventName")),
        event_id=word(detail.get("eventID")) or event.event_id,
        at=event.happened_at,
    )
    rules = sorted(set(_rules(detail))) if who else ()
    return Call(
        who=who,
        role=word(issuer.get("arn")),
        error=word(detail.get("errorCode")),
        authors=dict.fromkeys(rules, author),
    )


def _rules(detail: Mapping[str, Any]) -> Iterator[str]:
    """Yield the ids of rules that a call says it has added or changed."""
    if detail.get("eventName") == "AuthorizeSecurityGroupIngress":
        # The request has two forms, and names no rule; the answer has one.
        added = fields(fields(detail.get("responseElements")).get("securityGroupRuleSet"))
        told = added.get("items")
    elif detail.get("eventName") == "ModifySecurityGroupRules":
        # Its answer names nothing. One rule is an object; several are presumably a list.
        request = _any_case(
            fields(detail.get("requestParameters")), "ModifySecurityGroupRulesRequest"
        )
        told = _any_case(fields(request), "SecurityGroupRule")
    else:
        return
    for rule in told if isinstance(told, list) else [told]:
        rule_id = word(_any_case(fields(rule), "SecurityGroupRuleId"))
        if _RULE.fullmatch(rule_id):
            yield rule_id


def _any_case(values: Mapping[str, Any], name: str) -> object:
    """Return a field whose name begins with a capital in some records and not in others."""
    return values.get(name, values.get(name[0].lower() + name[1:]))
