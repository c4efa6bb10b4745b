"""The functions of a deployed stack, asked through boto3 with the user's own profile."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from cachegate_cli.aws_errors import after_sending, before_sending, of_function
from cachegate_cli.functions import PATIENCE_S, SYNC, InvokeError
from cachegate_cli.local import runs, socket_path

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient

RUNS = "an embedded world runs on this machine: --local asks that"
# An action may change something, and botocore would by itself invoke again after a time-out, while
# the first pass still runs. The connection is silent as long as the function runs: keep-alive
# packets hold it open in the firewalls on the way.
ONCE = Config(
    connect_timeout=10,
    read_timeout=PATIENCE_S,
    retries={"total_max_attempts": 1, "mode": "standard"},
    tcp_keepalive=True,
)
# Looking up the stack may be repeated, but nobody waits minutes to hear that there is no network.
SOON = Config(connect_timeout=5, read_timeout=20, retries={"total_max_attempts": 3})


@dataclass(frozen=True, slots=True)
class Deployed:
    """A stack in an account; without profile and Region, those of the environment count."""

    stack: str
    profile: str | None = None
    region: str | None = None

    def invoke(self, event: dict[str, Any], function_output: str = SYNC) -> dict[str, Any]:
        """Send one action, once, and return its answer. Raises InvokeError."""
        try:
            session = boto3.Session(profile_name=self.profile, region_name=self.region)
            function = self._output(session, function_output)
            client = session.client("lambda", config=ONCE)
        except (BotoCoreError, ClientError) as error:
            world = f"; {RUNS}" if runs(socket_path(os.environ)) else ""
            raise InvokeError(before_sending(error, self.stack) + world) from error
        return _answer(client, function, event)

    def _output(self, session: boto3.Session, name: str) -> str:
        found = session.client("cloudformation", config=SOON).describe_stacks(StackName=self.stack)
        for output in found["Stacks"][0].get("Outputs", []):
            if output["OutputKey"] == name:
                return output["OutputValue"]
        raise InvokeError(
            f"the stack {self.stack} has no output {name}: is it a cachegate stack, and deployed "
            "to the end?"
        )


def _answer(client: LambdaClient, function: str, event: dict[str, Any]) -> dict[str, Any]:
    try:
        answer = client.invoke(FunctionName=function, Payload=json.dumps(event).encode())
        text = answer["Payload"].read()
    except (BotoCoreError, ClientError) as error:
        raise InvokeError(after_sending(error, function)) from error
    if "FunctionError" in answer:
        raise InvokeError(of_function(text, function))
    try:
        result = json.loads(text)
    except ValueError:
        result = None
    if not isinstance(result, dict):
        raise InvokeError(f"{function} answered with what is no JSON object: is it cachegate's?")
    return result
