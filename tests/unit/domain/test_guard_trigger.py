"""What a message of the guard's queue is taken for: calls with who made them, and anything else."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cachegate.domain.body import LONGEST_WORD
from cachegate.domain.call import Call
from cachegate.domain.guard_trigger import read_guard_cause
from cachegate.domain.revocation import Author
from cachegate.domain.trigger import Cause, CauseKind

NOON = 1795348800.0  # 2026-11-22T12:00:00Z
TRAIL = "AWS API Call via CloudTrail"
ROLE = "arn:aws:iam::123456789012:role/Operators"
SESSION = "arn:aws:sts::123456789012:assumed-role/Operators/someone"
ASSUMED = {
    "type": "AssumedRole",
    "arn": SESSION,
    "sessionContext": {"sessionIssuer": {"type": "Role", "arn": ROLE, "userName": "Operators"}},
}
USER = "arn:aws:iam::123456789012:user/alice"

# The answer of AuthorizeSecurityGroupIngress, and the request in its two forms.
ADDED = {
    "requestId": "r-1",
    "_return": True,
    "securityGroupRuleSet": {
        "items": [
            {
                "groupOwnerId": "123456789012",
                "groupId": "sg-1",
                "securityGroupRuleId": "sgr-0c60",
                "isEgress": False,
                "ipProtocol": "tcp",
                "fromPort": 0,
                "toPort": 65535,
                "cidrIpv4": "0.0.0.0/0",
            }
        ]
    },
}
ITEMS = {
    "groupId": "sg-1",
    "ipPermissions": {
        "items": [
            {
                "ipProtocol": "tcp",
                "fromPort": 0,
                "toPort": 65535,
                "groups": {},
                "ipRanges": {"items": [{"cidrIp": "0.0.0.0/0"}]},
                "ipv6Ranges": {},
                "prefixListIds": {},
            }
        ]
    },
}
FLAT = {
    "groupId": "sg-1",
    "ipProtocol": "tcp",
    "fromPort": 22,
    "toPort": 22,
    "cidrIp": "0.0.0.0/0",
    "ipPermissions": {},
}
CHANGED = {
    "SecurityGroupRuleId": "sgr-0d28",
    "tag": 1,
    "SecurityGroupRule": {
        "CidrIpv4": "0.0.0.0/0",
        "FromPort": 443,
        "ToPort": 443,
        "IpProtocol": "tcp",
    },
}


def call(name: str, source: str = "aws.ec2", **detail: Any) -> dict[str, Any]:
    """Return a call as EventBridge hands it over."""
    return {
        "id": "e-1",
        "source": source,
        "detail-type": TRAIL,
        "time": "2026-11-22T12:01:00Z",
        "detail": {
            "eventTime": "2026-11-22T12:00:00Z",
            "eventName": name,
            "eventID": "trail-1",
            "userIdentity": ASSUMED,
            **detail,
        },
    }


def authorize(**detail: Any) -> dict[str, Any]:
    shown = {"requestParameters": ITEMS, "responseElements": ADDED, **detail}
    return call("AuthorizeSecurityGroupIngress", **shown)


def modify(request: object, name: str = "ModifySecurityGroupRulesRequest") -> dict[str, Any]:
    return call("ModifySecurityGroupRules", requestParameters={name: request})


def read(body: object) -> Cause:
    return read_guard_cause(body if isinstance(body, str) else json.dumps(body))


def told(body: object) -> Call:
    found = read(body).call
    assert found is not None
    return found


def test_a_call_says_who_added_which_rule_when() -> None:
    author = Author(who=SESSION, event="AuthorizeSecurityGroupIngress", event_id="trail-1", at=NOON)

    assert read(authorize()) == Cause(
        kind=CauseKind.API_CALL,
        name="AuthorizeSecurityGroupIngress",
        subject="sgr-0c60",
        happened_at=NOON,
        correlation_id="e-1",
        call=Call(who=SESSION, role=ROLE, authors={"sgr-0c60": author}),
    )


def several(*ids: object) -> dict[str, Any]:
    return {"securityGroupRuleSet": {"items": [{"securityGroupRuleId": each} for each in ids]}}


@pytest.mark.parametrize(
    ("body", "rules"),
    [
        (authorize(), ["sgr-0c60"]),
        (authorize(requestParameters=FLAT), ["sgr-0c60"]),
        (authorize(requestParameters={"groupName": "default"}), ["sgr-0c60"]),
        (authorize(responseElements=several("sgr-2", "sgr-1", "sgr-2")), ["sgr-1", "sgr-2"]),
        (modify({"GroupId": "sg-1", "SecurityGroupRule": CHANGED}), ["sgr-0d28"]),
        (modify({"SecurityGroupRule": [CHANGED, {"SecurityGroupRuleId": "sgr-1"}]}),
         ["sgr-0d28", "sgr-1"]),
        (modify({"securityGroupRule": {"securityGroupRuleId": "sgr-1"}},
                "modifySecurityGroupRulesRequest"), ["sgr-1"]),
        # Other calls name rules too, which they neither add nor widen.
        (call("UpdateSecurityGroupRuleDescriptionsIngress", responseElements=ADDED), []),
        (call("AuthorizeSecurityGroupEgress", responseElements=ADDED), []),
        (call("RunInstances"), []),
        (call("ModifyReplicationGroup", "aws.elasticache"), []),
        # Hostile or damaged: nothing is learned, nothing breaks.
        (authorize(responseElements=None), []),
        (authorize(responseElements=[ADDED]), []),
        (authorize(responseElements={"securityGroupRuleSet": {"items": "sgr-1"}}), []),
        (authorize(responseElements={"securityGroupRuleSet": {"items": {"0": "sgr-1"}}}), []),
        (authorize(responseElements=several(7, None, "", {}, "sg-1", "sgr-" + "a" * 999,
                                            "sgr-1; drop", "SGR-1")), []),
        (authorize(userIdentity=None), []),
        (modify(None), []),
        (modify([CHANGED]), []),
        (modify({"SecurityGroupRule": [[CHANGED]]}), []),
        (call("ModifySecurityGroupRules", requestParameters=CHANGED), []),
        (call("ModifySecurityGroupRules", requestParameters="all"), []),
    ],
)  # fmt: skip
def test_rules_are_known_by_the_ids_that_a_call_added_or_changed(
    body: object, rules: list[str]
) -> None:
    assert list(told(body).authors) == rules


@pytest.mark.parametrize(
    ("identity", "who", "role"),
    [
        (ASSUMED, SESSION, ROLE),
        ({"type": "Root", "arn": "arn:aws:iam::123456789012:root"},
         "arn:aws:iam::123456789012:root", ""),
        ({"type": "IAMUser", "arn": USER, "userName": "alice"}, USER, ""),
        ({"type": "AWSService", "invokedBy": "autoscaling.amazonaws.com"},
         "autoscaling.amazonaws.com", ""),
        ({"arn": SESSION, "sessionContext": {}}, SESSION, ""),
        ({"arn": SESSION, "sessionContext": "none"}, SESSION, ""),
        ({"arn": SESSION, "sessionContext": {"sessionIssuer": [ROLE]}}, SESSION, ""),
        ({"arn": [SESSION]}, "", ""),
        ("root", "", ""),
        ({}, "", ""),
    ],
)  # fmt: skip
def test_who_made_a_call_is_read_of_every_identity(identity: object, who: str, role: str) -> None:
    found = told(authorize(userIdentity=identity))

    assert (found.who, found.role) == (who, role)


@pytest.mark.parametrize(
    ("more", "error"),
    [
        ({}, ""),
        ({"errorCode": None}, ""),
        ({"errorCode": "Client.UnauthorizedOperation"}, "Client.UnauthorizedOperation"),
        ({"errorCode": "Client.DryRunOperation", "errorMessage": "would have succeeded"},
         "Client.DryRunOperation"),
    ],
)  # fmt: skip
def test_a_call_that_failed_says_so(more: dict[str, Any], error: str) -> None:
    assert told(authorize(**more)).error == error


@pytest.mark.parametrize(
    ("body", "kind", "name"),
    [
        (call("CreateCacheCluster", "aws.elasticache"), CauseKind.API_CALL, "CreateCacheCluster"),
        (call("RunInstances") | {"detail-type": "Amazon API Call via CloudTrail"},
         CauseKind.API_CALL, "RunInstances"),
        (call("RunInstances") | {"detail": "none"}, CauseKind.API_CALL, ""),
        (call("PutObject", "aws.s3"), CauseKind.UNKNOWN, f"aws.s3: {TRAIL}"),
        ({"source": "aws.events", "detail-type": "Scheduled Event", "id": "e"},
         CauseKind.SCHEDULE, "Scheduled Event"),
        ({"source": "aws.ec2", "detail-type": "EC2 Something"},
         CauseKind.UNKNOWN, "aws.ec2: EC2 Something"),
        ({"hello": 1}, CauseKind.UNKNOWN, '{"hello": 1}'),
        ("", CauseKind.UNKNOWN, ""),
        ("look", CauseKind.UNKNOWN, "look"),
        ("[1]", CauseKind.UNKNOWN, "[1]"),
        ("null", CauseKind.UNKNOWN, "null"),
        ("{", CauseKind.UNKNOWN, "{"),
        ("[" * 100_000, CauseKind.UNKNOWN, "[" * LONGEST_WORD),
        ("9" * 5_000, CauseKind.UNKNOWN, "9" * LONGEST_WORD),
    ],
)  # fmt: skip
def test_every_body_is_a_cause(body: object, kind: CauseKind, name: str) -> None:
    cause = read(body)

    assert (cause.kind, cause.name) == (kind, name)
    assert (cause.call is None) == (kind is not CauseKind.API_CALL)


def test_long_words_are_cut_and_half_characters_replaced() -> None:
    long = "x" * 9_999
    identity = {"arn": long, "sessionContext": {"sessionIssuer": {"arn": "\ud800"}}}

    found = told(authorize(userIdentity=identity, errorCode=long, eventID=long))

    assert (len(found.who), found.role, len(found.error)) == (LONGEST_WORD, "?", LONGEST_WORD)
    assert len(found.authors["sgr-0c60"].event_id) == LONGEST_WORD


def test_a_call_of_thousands_of_rules_names_few_of_them_in_the_log() -> None:
    cause = read(authorize(responseElements=several(*(f"sgr-{n}" for n in range(5_000)))))

    assert cause.call is not None
    assert len(cause.call.authors) == 5_000
    assert cause.subject.count("sgr-") == 3


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
KEYS = st.sampled_from(
    ["eventName", "userIdentity", "responseElements", "requestParameters", "errorCode", "eventID",
     "eventTime"]
)  # fmt: skip


@given(st.text())
@example(
    '{"source": "aws.ec2", "detail-type": "AWS API Call via CloudTrail", "time": "0001-01-01"}'
)
def test_no_text_raises(body: str) -> None:
    json.dumps(read_guard_cause(body).name).encode()


@given(st.dictionaries(KEYS, JSON), st.sampled_from(["Authorize", "Modify", None]), JSON)
def test_no_record_of_a_call_raises(
    detail: dict[str, Any], made: str | None, inner: object
) -> None:
    if made == "Authorize":
        detail["eventName"] = "AuthorizeSecurityGroupIngress"
        detail["responseElements"] = {"securityGroupRuleSet": inner}
    if made == "Modify":
        detail["eventName"] = "ModifySecurityGroupRules"
        detail["requestParameters"] = {"ModifySecurityGroupRulesRequest": inner}
    body = {"source": "aws.ec2", "detail-type": TRAIL, "detail": detail}

    cause = read_guard_cause(json.dumps(body))

    assert cause.kind is CauseKind.API_CALL
    assert cause.call is not None
