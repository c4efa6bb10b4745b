"""What a message of the queue says has happened. Pure, and never trusted beyond ignoring it.

The forms are those that AWS documents or that subscribers have seen:
https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/ElastiCacheSNS.html (notifications),
https://docs.aws.amazon.com/eventbridge/latest/ref/events-ref-elasticache.html (EventBridge),
https://docs.aws.amazon.com/tag-editor/latest/userguide/tag-monitor.html (tags),
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch-and-eventbridge.html
(alarms).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from cachegate.domain.body import bus_event, fields, opened, seconds, word
from cachegate.domain.cache import NAT_TAG

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cachegate.domain.body import BusEvent
    from cachegate.domain.call import Call

_COMMAND = "EC2 Command Invocation Status-change Notification"
_STATE = "EC2 Instance State-change Notification"
_TAGS = "Tag Change on Resource"
_ALARM = "CloudWatch Alarm State Change"
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
    INSTANCE_ALARM = "instance_alarm"  # EC2's status checks of a NAT instance; the rule hears ours
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
    subject: str = ""  # id of a cache, a node's cluster, an instance or a VPC; an alarm's name
    happened_at: float | None = None  # seconds since the epoch
    correlation_id: str = ""  # the sender's own id of the event
    token: str = ""  # of a re-check's chain
    call: Call | None = None  # of an API call, where the guard reads it

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
        CauseKind.INSTANCE_ALARM,
    }
)


def read(body: str) -> Cause:
    """Read the body of a message; there is none that cannot be read."""
    content = opened(body)
    if isinstance(content, dict):
        found = _own(content) or _event(content) or _notification(content)
    else:
        found = _text_notice(body) if content is None and _PREFIX in body.lower() else None
    return found or Cause(name=word(body))


def _own(body: Mapping[str, Any]) -> Cause | None:
    """Read what the stack sends itself."""
    vpc_id, token = word(body.get("recheck")), word(body.get("token"))
    if token and _VPC.fullmatch(vpc_id):
        return Cause(kind=CauseKind.RECHECK, subject=vpc_id, token=token, correlation_id=token)
    if isinstance(body.get("ask"), str):
        return Cause(kind=CauseKind.ASK, name=word(body["ask"]))
    return None


def _event(body: Mapping[str, Any]) -> Cause | None:
    """Read an event of EventBridge."""
    event = bus_event(body)
    if event is None:
        return None
    kind, name, subject = (
        _of_instance(event) or _of_tag(event, body.get("resources")) or _what(event)
    )
    return Cause(
        kind=kind,
        name=name,
        subject=subject,
        happened_at=event.happened_at,
        correlation_id=event.event_id,
    )


def _what(event: BusEvent) -> tuple[CauseKind, str, str]:
    """Return kind, name and subject of an event that names no instance."""
    detail = event.detail
    if event.source == "aws.elasticache" and event.is_call:
        return CauseKind.API_CALL, word(detail.get("eventName")), _called_on(detail)
    if event.source == "aws.elasticache":
        return CauseKind.CACHE_EVENT, event.detail_type, word(detail.get("SourceIdentifier"))
    if (event.source, event.detail_type) == ("aws.cloudwatch", _ALARM):
        state = word(fields(detail.get("state")).get("value"))
        return CauseKind.INSTANCE_ALARM, state, word(detail.get("alarmName"))
    if event.is_schedule:
        return CauseKind.SCHEDULE, event.detail_type, ""
    return CauseKind.UNKNOWN, f"{event.source}: {event.detail_type}", ""


def _of_instance(event: BusEvent) -> tuple[CauseKind, str, str] | None:
    """Return kind, name and subject of what an instance did."""
    detail, whence = event.detail, (event.source, event.detail_type)
    instance = word(detail.get("instance-id"))
    if whence == ("aws.ec2", _STATE) and instance:
        return CauseKind.INSTANCE_STATE, word(detail.get("state")), instance
    if whence == ("aws.ssm", _COMMAND) and instance:
        return CauseKind.COMMAND_FAILED, word(detail.get("status")), instance
    return None


def _of_tag(event: BusEvent, resources: object) -> tuple[CauseKind, str, str] | None:
    """Return kind, name and subject of a change of an instance's tags; it names one resource."""
    named = resources if isinstance(resources, list) else []
    found = _INSTANCE.fullmatch(word(named[0])) if len(named) == 1 else None
    if (event.source, event.detail_type) != ("aws.tag", _TAGS) or found is None:
        return None
    return CauseKind.INSTANCE_TAG, word(fields(event.detail.get("tags")).get(NAT_TAG)), found[1]


def _called_on(detail: Mapping[str, Any]) -> str:
    parameters = fields(detail.get("requestParameters"))
    return next(filter(None, (word(parameters.get(key)) for key in _SUBJECTS)), "")


def _notification(body: Mapping[str, Any]) -> Cause | None:
    """Read a notification, in SNS's envelope or as it is."""
    message = body.get("Message")
    if body.get("Type") != "Notification" or not isinstance(message, str):
        return _json_notice(body)
    content = opened(message)
    inner = _json_notice(content) if isinstance(content, dict) else None
    inner = inner or _text_notice(message)
    return Cause(
        kind=CauseKind.NOTIFICATION,
        name=inner.name,
        subject=inner.subject,
        happened_at=inner.happened_at or seconds(body.get("Timestamp")),
        correlation_id=word(body.get("MessageId")),
    )


def _json_notice(content: Mapping[str, Any]) -> Cause | None:
    """Read {"ElastiCache:Name": "subject"}, or the form of before 2020."""
    named = {
        key[len(_PREFIX) :]: word(value)
        for key, value in content.items()
        if key.lower().startswith(_PREFIX)
    }
    for name in sorted(named, key=lambda each: each.lower() in _IDLE):
        return Cause(kind=CauseKind.NOTIFICATION, name=word(name), subject=named[name])
    told = {key.lower(): value for key, value in content.items()}
    subject, message = word(told.get("sourceidentifier")), word(told.get("message"))
    if not subject or not message:
        return None
    at = seconds(told.get("date"))
    return Cause(kind=CauseKind.NOTIFICATION, name=message, subject=subject, happened_at=at)


def _text_notice(text: str) -> Cause:
    """Read "ElastiCache:Name : subject"; prose becomes the name as it is."""
    found = _NOTICE.fullmatch(text.rstrip())
    name, subject = (found[1], found[2]) if found else (text, "")
    return Cause(kind=CauseKind.NOTIFICATION, name=word(name), subject=word(subject))
