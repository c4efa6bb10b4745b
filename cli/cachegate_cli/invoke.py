"""Find one of a stack's functions and invoke it once."""

from __future__ import annotations

import json
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

SYNC, GUARD = "SyncFunctionName", "GuardFunctionName"  # outputs of the stack
# Longer than either may run (120 and 300 s), and never twice: botocore would by itself invoke again
# after a time-out, while the first pass still runs.
_PATIENCE = Config(read_timeout=330, retries={"total_max_attempts": 1})


class InvokeError(Exception):
    """The function was not found or did not answer; the message says what to do."""


def invoke(stack: str, event: dict[str, Any], function_output: str = SYNC) -> dict[str, Any]:
    """Send one action to a function and return its answer. Raises InvokeError."""
    try:
        function = _output(stack, function_output)
        answer = boto3.client("lambda", config=_PATIENCE).invoke(
            FunctionName=function, Payload=json.dumps(event).encode()
        )
        text = answer["Payload"].read()
    except (BotoCoreError, ClientError) as error:
        raise InvokeError(
            f"cannot reach the stack {stack}: {error} (--stack or CACHEGATE_STACK names the "
            "stack, AWS_REGION its Region)"
        ) from error
    if "FunctionError" in answer:
        raise InvokeError(f"{function} failed, its log says more: {text.decode()[:500]}")
    result: dict[str, Any] = json.loads(text)
    return result


def _output(stack: str, name: str) -> str:
    described = boto3.client("cloudformation").describe_stacks(StackName=stack)["Stacks"][0]
    for output in described.get("Outputs", []):
        if output["OutputKey"] == name:
            return output["OutputValue"]
    raise InvokeError(f"the stack {stack} has no output {name}: is it a cachegate stack?")
