"""Answer CloudFormation about our custom resources."""

from __future__ import annotations

import json
import urllib.request
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from cachegate.errors import InvocationError

if TYPE_CHECKING:
    from collections.abc import Mapping

TIMEOUT = 10  # seconds, for each step of the exchange
# One id for life: another one would make CloudFormation delete the former resource, and so detach.
PHYSICAL_ID = "cachegate-pass"
LONGEST_REASON = 1000  # the whole answer may have 4,096 bytes


def respond(
    event: Mapping[str, Any], *, failure: str | None = None, physical_id: str = PHYSICAL_ID
) -> None:
    """Say that the request of the event is done, or why it failed.

    `physical_id` names the resource where it is new.

    The fields are those of
    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref-responses.html.
    Raises OSError where CloudFormation cannot be told: the next try of the function will.
    """
    url = event["ResponseURL"]
    if urlsplit(url).scheme not in {"https", "http"}:
        raise InvocationError(f"no place to answer to: {url[:40]!r}")
    body = {
        "Status": "SUCCESS" if failure is None else "FAILED",
        "Reason": (failure or "done")[:LONGEST_REASON],
        "PhysicalResourceId": event.get("PhysicalResourceId", physical_id),
        "StackId": event["StackId"],
        "RequestId": event["RequestId"],
        "LogicalResourceId": event["LogicalResourceId"],
    }
    request = urllib.request.Request(  # noqa: S310 - the scheme was checked
        url,
        data=json.dumps(body).encode(),
        method="PUT",
        headers={"Content-Type": ""},  # the signature of the URL covers an empty one
    )
    with urllib.request.urlopen(request, timeout=TIMEOUT):  # noqa: S310 - the scheme was checked
        pass
