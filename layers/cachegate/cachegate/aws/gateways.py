"""The agents on the NAT instances, reached through Systems Manager and our own document."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import chain, repeat
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from cachegate.aws.batches import batches
from cachegate.aws.failures import CallError, code, in_words
from cachegate.aws.invocation import read
from cachegate.domain.agent import Reply, decode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from mypy_boto3_ssm import SSMClient

MOST_VALUES = 100  # of a filter of DescribeInstanceInformation
MOST_THREADS = 20
# The delivery timeout: a command that has not started by then never starts. AWS takes no less.
DELIVERY_TIMEOUT = 30
# An apply takes a few seconds; one that hangs must leave time for the other VPCs of the pass.
LONGEST_WAIT = 45
# Seconds before each look at a command. None has ended at once, and most have within two seconds:
# these looks come soon, and are hardly more than one at once and then each second would be.
FIRST_PAUSES, PAUSE = (0.4, 0.3, 0.3, 0.5, 0.5), 1.0
_GOES_ON = {"Pending", "InProgress", "Delayed"}
# Kept back for the ledger and the answer when Lambda's time runs out.
RESERVE = 5.0


class SsmGateways:
    """Runs one action of the agent on NAT instances, each by its own command."""

    def __init__(self, ssm: SSMClient, document: str, remaining: Callable[[], float]) -> None:
        self._ssm = ssm
        self._document = document
        self._remaining = remaining  # seconds that this invocation of the function has left

    def run(
        self,
        instance_ids: Iterable[str],
        action: str,
        payload: str | None = None,
        start: int | None = None,
    ) -> Mapping[str, Reply]:
        """Run one action on each instance in parallel; every instance has a reply, good or bad."""
        ids = sorted(set(instance_ids))
        parameters = {"Action": [action]}
        if payload is not None:
            parameters["Payload"] = [payload]
        if start is not None:
            parameters["From"] = [str(start)]
        send = partial(self._run_one, _comment(action, payload), parameters)
        try:
            replies = dict(self._unreachable(ids))
        except CallError as error:
            failure = f"SSM does not tell which instances it reaches: {in_words(error)}"
            return {each: Reply(instance_id=each, failure=failure) for each in ids}
        online = [each for each in ids if each not in replies]
        # One command each, since one bad id fails a whole call.
        with ThreadPoolExecutor(max_workers=MOST_THREADS) as threads:
            replies |= zip(online, threads.map(send, online), strict=True)
        return replies

    def _unreachable(self, ids: Sequence[str]) -> Iterator[tuple[str, Reply]]:
        """Yield a reply for each instance that SSM has not online."""
        pings: dict[str, str] = {}
        paginator = self._ssm.get_paginator("describe_instance_information")
        for batch in batches(ids, MOST_VALUES):
            for page in paginator.paginate(Filters=[{"Key": "InstanceIds", "Values": batch}]):
                for each in page["InstanceInformationList"]:
                    pings[each["InstanceId"]] = each["PingStatus"]
        for instance_id in ids:
            if instance_id not in pings:
                yield instance_id, _unreached(instance_id, "it is not registered with SSM")
            elif pings[instance_id] != "Online":
                reason = f"SSM does not reach it: {pings[instance_id]}"
                yield instance_id, _unreached(instance_id, reason)

    def _run_one(
        self, comment: str, parameters: Mapping[str, Sequence[str]], instance_id: str
    ) -> Reply:
        wait = int(min(LONGEST_WAIT, self._remaining() - RESERVE))
        if wait < 1:
            return Reply(instance_id=instance_id, failure="not asked: this pass has no time left")
        try:
            command = self._ssm.send_command(
                InstanceIds=[instance_id],
                DocumentName=self._document,
                DocumentVersion="$LATEST",
                Parameters=parameters,
                TimeoutSeconds=DELIVERY_TIMEOUT,
                Comment=comment,
            )["Command"]
            return self._wait(instance_id, command["CommandId"], wait)
        except CallError as error:
            if isinstance(error, ClientError) and code(error) == "InvalidInstanceId":
                return _unreached(instance_id, in_words(error))
            return Reply(instance_id=instance_id, failure=in_words(error))

    def _wait(self, instance_id: str, command_id: str, seconds: int) -> Reply:
        """Look again and again until the command has ended or the seconds are over."""
        ends, pauses = self._remaining() - seconds, chain(FIRST_PAUSES, repeat(PAUSE))
        while True:
            time.sleep(max(0.0, min(next(pauses), self._remaining() - ends)))
            over = self._remaining() <= ends
            try:
                seen = self._ssm.get_command_invocation(
                    CommandId=command_id, InstanceId=instance_id
                )
            except ClientError as error:
                if over or code(error) != "InvocationDoesNotExist":
                    raise
                continue
            if over or seen["Status"] not in _GOES_ON:
                return read(instance_id, seen)


def _unreached(instance_id: str, reason: str) -> Reply:
    return Reply(instance_id=instance_id, failure=reason, unreached=True)


def _comment(action: str, payload: str | None) -> str:
    """Return what a person reads in the list of commands; AWS takes 100 characters."""
    generation = decode(payload).get("generation") if payload else None
    suffix = "" if generation is None else f" generation {generation}"
    return f"cachegate {action}{suffix}"
