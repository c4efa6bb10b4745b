"""What a message of the queue says has happened. Pure, and never trusted beyond ignoring it.

The forms are those that AWS documents or that subscribers have seen:
https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/ElastiCacheSNS.html (notifications),
https://docs.aws.amazon.com/eventbridge/latest/ref/events-ref-elasticache.html (EventBridge),
https://docs.aws.amazon.com/tag-editor/latest/userguide/tag-monitor.html (tags).
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from cachegate.domain.cache import NAT_TAG

if TYPE_CHECKING:
    from collections.abc import Mapping

LONGEST_WORD = 200  # characters of a body that go into a log
_API_CALL = " API Call via CloudTrail"  # "AWS ..." everywhere, "Amazon ..." in China's manual
_COMMAND = "EC2 Command Invocation Status-change Notification"
_STATE = "EC2 Instance State-change Notification"
_TAGS = "Tag Change on Resource"
_PREFIX = "elasticache:"
# "ElastiCache:FailoverComplete : sessions"; some events come without the prefix or the second colon
_NOTICE = re.compile(r"\s*(?:elasticache:\s*)?(\w+)(?:\s*:\s*|\s+|$)(\S*)", re.IGNORECASE)
# What a change of tags names: "arn:aws:ec2:us-east-1:123456789012:instance/i-0123456789abcdef0"
_INSTANCE = re.compile(r"arn:[^:]+:ec2:[^:]*:[^:]*:instance/(i-[0-9a-z]{1,32})")
_VPC = re.compile(r"vpc-[0-9a-z]{1,32}")
_SUBJECTS = (
    "cacheClusterId", "replicationGroupId", "serverlessCacheName", "globalReplicationGroupId",
    "resourceName",
)  # fmt: skip
# They move no node and change nobody's access. Whatever is not listed here is looked at.
_IDLE = frozenset(
    {
        "cacheclusterparameterschanged",
        "certificaterenewalcomplete",
        "serviceupdateavailablefornode",
        "snapshotcomplete",
        "snapshotfailed",
        "cache limit approaching",
        "snapshot copy failed",
        "snapshot created",
        "snapshot creation failed",
        "snapshot export failed",
    }
)


class CauseKind(StrEnum):
    """Where a trigger comes from."""

    NOTIFICATION = "notification"  # of a node-based cache, by SNS
    CACHE_EVENT = "cache_event"  # of a serverless cache, by EventBridge
    API_CALL = "api_call"  # recorded by CloudTrail
    INSTANCE_STATE = "instance_state"
    INSTANCE_TAG = "instance_tag"  # the one that makes an instance a NAT instance
    COMMAND_FAILED = "command_failed"
    SCHEDULE = "schedule"
    RECHECK = "recheck"
    ASK = "ask"  # by the stack itself
    UNKNOWN = "unknown"  # looked at all the same: a look is harmless


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """What a body says; empty where it says nothing."""

    kind: CauseKind = CauseKind.UNKNOWN
    name: str = ""  # of the event, the call or the state; the tag's value, empty where it is gone
    subject: str = ""  # id of a cache, a node's cluster, an instance or a VPC
    happened_at: float | None = None  # seconds since the epoch
    correlation_id: str = ""  # the sender's own id of the event
    token: str = ""  # of a re-check's chain

    @property
    def announces(self) -> bool:
        """Tell whether it says that something has changed, which AWS may show only later."""
        return self.kind in _ANNOUNCING

    @property
    def idle(self) -> bool:
        """Tell whether it is known to concern neither nodes nor access, as a snapshot."""
        kinds = (CauseKind.NOTIFICATION, CauseKind.CACHE_EVENT)
        return self.kind in kinds and self.name.lower() in _IDLE


_ANNOUNCING = frozenset(
    {
        CauseKind.NOTIFICATION,
        CauseKind.CACHE_EVENT,
        CauseKind.API_CALL,
        CauseKind.INSTANCE_STATE,
        CauseKind.INSTANCE_TAG,
    }
)


def read(body: str) -> Cause:
    """Read the body of a message; there is none that cannot be read."""
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        return _text_notice(body) if _PREFIX in body.lower() else Cause(name=_word(body))
    if not isinstance(content, dict):
        return Cause(name=_word(body))
    return _own(content) or _event(content) or _notification(content) or Cause(name=_word(body))


def _own(body: Mapping[str, Any]) -> Cause | None:
    """Read what the stack sends itself."""
    vpc_id, token = _word(body.get("recheck")), _word(body.get("token"))
    if token and _VPC.fullmatch(vpc_id):
        return Cause(kind=CauseKind.RECHECK, subject=vpc_id, token=token, correlation_id=token)
    if isinstance(body.get("ask"), str):
        return Cause(kind=CauseKind.ASK, name=_word(body["ask"]))
    return None


def _event(body: Mapping[str, Any]) -> Cause | None:
    """Read an event of EventBridge."""
    source, detail_type = _word(body.get("source")), _word(body.get("detail-type"))
    if not source or not detail_type:
        return None
    detail = body["detail"] if isinstance(body.get("detail"), dict) else {}
    kind, name, subject = (
        _of_instance(source, detail_type, detail)
        or _of_tag(source, detail_type, detail, body.get("resources"))
        or _what(source, detail_type, detail)
    )
    happened = _seconds(detail.get("eventTime")) if kind is CauseKind.API_CALL else None
    return Cause(
        kind=kind,
        name=name,
        subject=subject,
        happened_at=_seconds(body.get("time")) if happened is None else happened,
        correlation_id=_word(body.get("id")),
    )


def _what(source: str, detail_type: str, detail: Mapping[str, Any]) -> tuple[CauseKind, str, str]:
    """Return kind, name and subject of an event that names no instance."""
    if source == "aws.elasticache" and detail_type.endswith(_API_CALL):
        return CauseKind.API_CALL, _word(detail.get("eventName")), _called_on(detail)
    if source == "aws.elasticache":
        return CauseKind.CACHE_EVENT, detail_type, _word(detail.get("SourceIdentifier"))
    if (source, detail_type) == ("aws.events", "Scheduled Event"):
        return CauseKind.SCHEDULE, detail_type, ""
    return CauseKind.UNKNOWN, f"{source}: {detail_type}", ""


def _of_instance(
    source: str, detail_type: str, detail: Mapping[str, Any]
) -> tuple[CauseKind, str, str] | None:
    """Return kind, name and subject of what an instance did."""
    instance = _word(detail.get("instance-id"))
    if (source, detail_type) == ("aws.ec2", _STATE) and instance:
        return CauseKind.INSTANCE_STATE, _word(detail.get("state")), instance
    if (source, detail_type) == ("aws.ssm", _COMMAND) and instance:
        return CauseKind.COMMAND_FAILED, _word(detail.get("status")), instance
    return None


def _of_tag(
    source: str, detail_type: str, detail: Mapping[str, Any], resources: object
) -> tuple[CauseKind, str, str] | None:
    """Return kind, name and subject of a change of an instance's tags; it names one resource."""
    named = resources if isinstance(resources, list) else []
    found = _INSTANCE.fullmatch(_word(named[0])) if len(named) == 1 else None
    if (source, detail_type) != ("aws.tag", _TAGS) or found is None:
        return None
    tags = detail["tags"] if isinstance(detail.get("tags"), dict) else {}
    return CauseKind.INSTANCE_TAG, _word(tags.get(NAT_TAG)), found[1]


def _called_on(detail: Mapping[str, Any]) -> str:
    parameters = detail.get("requestParameters")
    if not isinstance(parameters, dict):
        return ""
    return next(filter(None, (_word(parameters.get(key)) for key in _SUBJECTS)), "")


def _notification(body: Mapping[str, Any]) -> Cause | None:
    """Read a notification, in SNS's envelope or as it is."""
    message = body.get("Message")
    if body.get("Type") != "Notification" or not isinstance(message, str):
        return _json_notice(body)
    try:
        content = json.loads(message)
    except (ValueError, RecursionError):
        content = None
    inner = _json_notice(content) if isinstance(content, dict) else None
    inner = inner or _text_notice(message)
    return Cause(
        kind=CauseKind.NOTIFICATION,
        name=inner.name,
        subject=inner.subject,
        happened_at=inner.happened_at or _seconds(body.get("Timestamp")),
        correlation_id=_word(body.get("MessageId")),
    )


def _json_notice(content: Mapping[str, Any]) -> Cause | None:
    """Read {"ElastiCache:Name": "subject"}, or the form of before 2020."""
    named = {
        key[len(_PREFIX) :]: _word(value)
        for key, value in content.items()
        if key.lower().startswith(_PREFIX)
    }
    for name in sorted(named, key=lambda each: each.lower() in _IDLE):
        return Cause(kind=CauseKind.NOTIFICATION, name=_word(name), subject=named[name])
    told = {key.lower(): value for key, value in content.items()}
    subject, message = _word(told.get("sourceidentifier")), _word(told.get("message"))
    if not subject or not message:
        return None
    at = _seconds(told.get("date"))
    return Cause(kind=CauseKind.NOTIFICATION, name=message, subject=subject, happened_at=at)


def _text_notice(text: str) -> Cause:
    """Read "ElastiCache:Name : subject"; prose becomes the name as it is."""
    found = _NOTICE.fullmatch(text.rstrip())
    name, subject = (found[1], found[2]) if found else (text, "")
    return Cause(kind=CauseKind.NOTIFICATION, name=_word(name), subject=_word(subject))


def _word(value: object) -> str:
    """Return a text as a log takes it; JSON can spell half a character, which no encoding can."""
    word = value[:LONGEST_WORD].strip() if isinstance(value, str) else ""
    return word.encode(errors="replace").decode()


def _seconds(value: object) -> float | None:
    """Return the time that a text tells; None where it tells none."""
    try:
        moment = datetime.fromisoformat(_word(value))
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except ValueError:
        return None
