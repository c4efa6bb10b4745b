"""A function that does what its event says."""

from __future__ import annotations

import json
import os
import time
import urllib.request
from typing import Any

import boto3
import from_layer  # type: ignore[import-not-found]

cold = [True]


def handler(event: dict[str, Any], context: Any) -> dict[str, Any] | None:
    if "ResponseURL" in event:
        answer(event)
        return None
    if "Records" in event:
        return work(event["Records"])
    match event.get("do"):
        case "sleep":
            time.sleep(30)
        case "raise":
            raise ValueError("as asked")
        case "exit":
            os._exit(1)
        case "wait":
            time.sleep(0.5)
    was_cold, cold[0] = cold[0], False
    print("a line of log")
    return {
        "environment": dict(os.environ),
        "cold": was_cold,
        "process": os.getpid(),
        "layer": from_layer.WHERE,
        "left_ms": context.get_remaining_time_in_millis(),
        "name": context.function_name,
        "tables": boto3.client("dynamodb").list_tables()["TableNames"],
    }


def work(records: list[dict[str, Any]]) -> dict[str, Any]:
    """Write down what was received, and fail each message that says so."""
    table = boto3.client("dynamodb")
    failures = []
    for record in records:
        key = f"{record['body']}#{record['attributes']['ApproximateReceiveCount']}"
        item = {"vpc": {"S": key}, "batch": {"N": str(len(records))}}
        table.put_item(TableName=os.environ["TABLE"], Item=item)
        if record["body"].startswith("raise"):
            raise ValueError("the whole batch")
        if record["body"].startswith("fail"):
            failures.append({"itemIdentifier": record["messageId"]})
    return {"batchItemFailures": failures}


def answer(event: dict[str, Any]) -> None:
    """Answer CloudFormation."""
    word = event["ResourceProperties"]["Word"]
    body = {
        "Status": "FAILED" if word == "refuse" else "SUCCESS",
        "Reason": f"{event['RequestType']} {word}",
        "PhysicalResourceId": event.get("PhysicalResourceId", "hook-1"),
    }
    request = urllib.request.Request(  # noqa: S310
        event["ResponseURL"], json.dumps(body).encode(), method="PUT"
    )
    urllib.request.urlopen(request, timeout=5).close()  # noqa: S310
