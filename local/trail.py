"""What CloudTrail tells EventBridge: one event for each call of EC2 and ElastiCache.

It does so while a trail logs, and whoever calls: persons, and the roles of functions too. The
shapes are those of records that others have published; docs/fidelity.md says which are a guess.
"""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

from moto.backends import get_backend

from local import event_bus
from local.caches import ACCOUNT, REGION
from local.cloudtrail import logs_writes
from local.trail_shapes import request_parameters, response_elements

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local.api_call import Request
    from local.aws_server import AwsServer

_SOURCES = {"ec2", "elasticache"}
_READS = ("Describe", "Get", "List")
NAME = "all"


class Trail:
    """The recorder of calls."""

    def hears(self, service: str) -> bool:
        """Tell whether calls of a service are logged."""
        return service in _SOURCES and logs_writes()

    def record(self, request: Request, status: str, body: bytes) -> None:
        """Emit the event of a call that was answered."""
        answer = ET.fromstring(body)  # noqa: S314  moto's own answer
        happened = _call(request.caller, request.service, request.name)
        happened["requestParameters"] = request_parameters(request)
        if status.startswith("2"):
            reads = request.name.startswith(_READS)
            happened["responseElements"] = None if reads else response_elements(answer)
        else:
            code = next(each for each in answer.iter() if _plain(each) == "Code").text or ""
            # EC2's codes stand behind whose fault it was.
            happened["errorCode"] = f"Client.{code}" if request.service == "ec2" else code
            happened["errorMessage"] = "".join(
                each.text or "" for each in answer.iter() if _plain(each) == "Message"
            )
            happened["responseElements"] = None
        _emit(request.service, happened)

    def tell(self, service: str, name: str, asked: Mapping[str, Any], caller: str) -> None:
        """Emit the event of a call that the world plays without a request."""
        if self.hears(service):
            made = {"requestParameters": dict(asked), "responseElements": None}
            _emit(service, _call(caller, service, name) | made)


def start(aws: AwsServer) -> None:
    """Make a trail of all Regions that logs, where there is none; let it log again otherwise."""
    cloudtrail = aws.client("cloudtrail")
    if not cloudtrail.describe_trails()["trailList"]:
        aws.client("s3").create_bucket(Bucket="trails")
        cloudtrail.create_trail(Name=NAME, S3BucketName="trails", IsMultiRegionTrail=True)
    cloudtrail.start_logging(Name=NAME)


def stop(aws: AwsServer) -> None:
    """Stop logging; the trail stays."""
    aws.client("cloudtrail").stop_logging(Name=NAME)


def _plain(element: ET.Element) -> str:
    return element.tag.rsplit("}", 1)[-1]


def _call(caller: str, service: str, name: str) -> dict[str, Any]:
    return {
        "eventVersion": "1.10",
        "userIdentity": identity(caller),
        "eventTime": datetime.now(UTC).strftime(event_bus.TIME),
        "eventSource": f"{service}.amazonaws.com",
        "eventName": name,
        "awsRegion": REGION,
        "sourceIPAddress": "192.0.2.10",
        "userAgent": "Boto3",
        "requestID": str(uuid.uuid4()),
        "eventID": str(uuid.uuid4()),
        "readOnly": name.startswith(_READS),
        "eventType": "AwsApiCall",
        "managementEvent": True,
        "recipientAccountId": ACCOUNT,
        "eventCategory": "Management",
    }


def identity(caller: str) -> dict[str, Any]:
    """Return who called, by the access key that stands for a role, a person or `root`.

    https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-user-identity.html
    """
    if caller == "root":
        arn = f"arn:aws:iam::{ACCOUNT}:root"
        return {"type": "Root", "principalId": ACCOUNT, "arn": arn, "accountId": ACCOUNT}
    role, _, session = caller.partition(":")
    known = {each.name: each.arn for each in get_backend("iam")[ACCOUNT]["aws"].roles.values()}
    if role not in known and not session:
        arn = f"arn:aws:iam::{ACCOUNT}:user/{caller}"
        user = {"type": "IAMUser", "principalId": f"AIDA{caller.upper()}", "arn": arn}
        return user | {"accountId": ACCOUNT, "accessKeyId": "AKIAEXAMPLE", "userName": caller}
    session = session or role  # a function's session has the function's name, which nobody tells us
    principal = f"AROA{role.upper()}"
    issuer = {
        "type": "Role",
        "principalId": principal,
        "arn": known.get(role, f"arn:aws:iam::{ACCOUNT}:role/{role}"),
        "accountId": ACCOUNT,
        "userName": role,
    }
    return {
        "type": "AssumedRole",
        "principalId": f"{principal}:{session}",
        "arn": f"arn:aws:sts::{ACCOUNT}:assumed-role/{role}/{session}",
        "accountId": ACCOUNT,
        "accessKeyId": "ASIAEXAMPLE",
        "sessionContext": {
            "sessionIssuer": issuer,
            "attributes": {
                "creationDate": datetime.now(UTC).strftime(event_bus.TIME),
                "mfaAuthenticated": "false",
            },
        },
    }


def _emit(service: str, happened: dict[str, Any]) -> None:
    event_bus.emit(event_bus.event(f"aws.{service}", "AWS API Call via CloudTrail", happened, []))
