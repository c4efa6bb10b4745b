"""A stack's own description of its forwards, asked through AWS."""

from __future__ import annotations

import json
import os
from typing import Any

from cachegate.client.errors import NotAskedError

FUNCTION_OUTPUT = "SyncFunctionName"
CONNECT_S, ANSWER_S = 5, 130  # the function itself may take 120 s


class AskedStack:
    """Invokes `describe`; needs cloudformation:DescribeStacks and lambda:InvokeFunction."""

    def __init__(self, stack: str, session: Any = None) -> None:
        """Take the stack's name, and a boto3 session where the default one is not meant.

        Raises NotAskedError where boto3 is not installed.
        """
        try:
            import boto3  # noqa: PLC0415 - a program with a natmap file does without
            from botocore.config import Config  # noqa: PLC0415
            from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415
        except ImportError as error:
            raise NotAskedError(
                "a live natmap needs boto3: pip install boto3, or load a natmap from a file"
            ) from error
        self._stack = stack
        self._function: str | None = None
        self._failures = (BotoCoreError, ClientError)
        patience = Config(  # what does not answer is not asked a second time at once
            connect_timeout=CONNECT_S, read_timeout=ANSWER_S, tcp_keepalive=True,
            retries={"total_max_attempts": 1},
        )  # fmt: skip
        try:
            if (
                session is None
            ):  # boto3 by itself reads AWS_DEFAULT_REGION, the AWS CLI this one first
                session = boto3.Session(region_name=os.environ.get("AWS_REGION") or None)
            self._cloudformation = session.client("cloudformation", config=patience)
            self._lambda = session.client("lambda", config=patience)
        except self._failures as error:  # no region, no such profile
            raise NotAskedError(f"AWS cannot be asked: {error}") from error

    def __call__(self) -> dict[str, Any]:
        """Return the answer to `describe`. Raises NotAskedError where there is none."""
        try:
            function = self._function = self._function or self._found()
            response = self._lambda.invoke(
                FunctionName=function, Payload=json.dumps({"action": "describe"})
            )
            text = response["Payload"].read()
        except self._failures as error:
            self._function = None  # a stack that was made again has another one
            raise NotAskedError(f"the stack {self._stack} cannot be asked: {error}") from error
        try:
            answer = json.loads(text)
        except ValueError:
            answer = None
        if not isinstance(answer, dict):
            raise NotAskedError(f"{function} answered with what is no JSON object")
        if "FunctionError" in response:
            raise NotAskedError(f"{function} failed: {answer.get('errorMessage')}")
        if "vpcs" not in answer:
            told = answer.get("error") or {}
            raise NotAskedError(f"{function} refused: {told.get('message')}")
        return answer

    def _found(self) -> str:
        shown = self._cloudformation.describe_stacks(StackName=self._stack)["Stacks"][0]
        outputs = {each["OutputKey"]: each["OutputValue"] for each in shown.get("Outputs", [])}
        if FUNCTION_OUTPUT not in outputs:
            raise NotAskedError(f"{self._stack} is no stack of cachegate")
        return str(outputs[FUNCTION_OUTPUT])
