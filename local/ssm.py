"""SSM Run Command: what moto only pretends, done on the instances of the embedded world."""

from __future__ import annotations

import threading
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from moto.core.responses import ActionResult
from moto.ssm.exceptions import SSMException
from moto.ssm.responses import SimpleSystemManagerResponse

from local import ssm_document
from local.caches import ACCOUNT, REGION
from local.elasticache import page_of
from local.event_bus import emit, event
from local.ssm_agent import ManagedInstance, Result, deliver

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

CLOSED = frozenset({"Success", "Failed", "TimedOut", "Cancelled"})


@dataclass(slots=True, kw_only=True)
class Invocation:
    """One command on one instance."""

    command_id: str
    instance_id: str
    document: str
    comment: str
    parameters: Mapping[str, Sequence[str]]
    content: Mapping[str, Any]
    visible_from: datetime
    sent: datetime = field(default_factory=lambda: datetime.now(UTC))
    started: datetime | None = None
    ended: datetime | None = None
    runs: int = 0
    result: Result = field(default_factory=lambda: Result("Pending", "Pending"))


@dataclass(slots=True)
class RunCommand:
    """The instances that SSM knows, and every command sent to them."""

    instances: dict[str, ManagedInstance] = field(default_factory=dict)
    invocations: dict[tuple[str, str], Invocation] = field(default_factory=dict)
    seconds: float = 1.0  # how long one second of a delivery timeout lasts here
    appears_after_s: float = 0.1  # GetCommandInvocation is eventually consistent
    lock: threading.RLock = field(default_factory=threading.RLock)

    def send(self, instance_ids: Sequence[str], timeout_s: int, order: dict[str, Any]) -> str:
        """Send a command to instances and return its id; the runs go on in the background."""
        command_id = str(uuid.uuid4())
        visible = datetime.now(UTC) + timedelta(seconds=self.appears_after_s)
        for instance_id in instance_ids:
            invocation = Invocation(
                command_id=command_id, instance_id=instance_id, visible_from=visible, **order
            )
            with self.lock:
                self.invocations[command_id, instance_id] = invocation
            self._start(invocation, timeout_s)
        return command_id

    def _start(self, invocation: Invocation, timeout_s: int) -> None:
        instance = self.instances[invocation.instance_id]

        def run() -> None:
            with self.lock:
                invocation.runs += 1
                invocation.started = invocation.started or datetime.now(UTC)
                if invocation.result.status not in CLOSED:
                    invocation.result = Result("InProgress", "InProgress")
            parameters = invocation.parameters
            result = instance.run(lambda: ssm_document.steps(invocation.content, parameters))
            self._close(invocation, result)

        def give_up() -> None:
            self._close(invocation, Result("TimedOut", "DeliveryTimedOut"))

        deliver(instance, timeout_s * self.seconds, run, give_up)

    def _close(self, invocation: Invocation, result: Result) -> None:
        """Keep the first result, and tell the bus: that of a doubled or late run is never seen."""
        with self.lock:
            if invocation.result.status in CLOSED:
                return
            invocation.result, invocation.ended = result, datetime.now(UTC)
        emit(_status_change(invocation))


class Responses(SimpleSystemManagerResponse):
    """Run Command's answers; documents, parameters and the rest stay moto's."""

    run_command: ClassVar[RunCommand]

    def send_command(self) -> ActionResult:
        """Answer SendCommand; one unknown instance fails the whole call."""
        ids = self._get_param("InstanceIds", [])
        unknown = [each for each in ids if each not in self.run_command.instances]
        if unknown or not ids:
            raise SSMException(
                "InvalidInstanceId",
                f"Instances [{', '.join(unknown)}] not in a valid state for account",
            )
        timeout = self._get_int_param("TimeoutSeconds", 3600)
        if timeout < 30:
            raise SSMException(
                "ValidationException",
                f"Value '{timeout}' at 'timeoutSeconds' failed to satisfy constraint: "
                "Member must have value greater than or equal to 30",
            )
        name, parameters = self._get_param("DocumentName"), self._get_param("Parameters", {})
        content = self._content(name)
        try:
            ssm_document.check(content, parameters)
        except ssm_document.InvalidParametersError as error:
            raise SSMException("InvalidParameters", str(error)) from error
        order = {
            "document": name,
            "comment": self._get_param("Comment", ""),
            "parameters": parameters,
            "content": content,
        }
        command_id = self.run_command.send(ids, timeout, order)
        now = datetime.now(UTC)
        command = {
            "CommandId": command_id,
            "DocumentName": name,
            "Comment": order["comment"],
            "Parameters": parameters,
            "InstanceIds": ids,
            "RequestedDateTime": now,
            "ExpiresAfter": now + timedelta(seconds=timeout),
            "Status": "Pending",
            "StatusDetails": "Pending",
            "TargetCount": len(ids),
            "TimeoutSeconds": timeout,
        }
        return ActionResult({"Command": command})

    def _content(self, name: str) -> Mapping[str, Any]:
        """Return a document's content, of the newest version."""
        documents = self.ssm_backend._documents.get(name)  # noqa: SLF001  moto has no other way
        if documents is None:
            raise SSMException("InvalidDocument", f"Document with name {name} does not exist.")
        content: Mapping[str, Any] = documents.get_latest_version().content_json
        return content

    def get_command_invocation(self) -> ActionResult:
        """Answer GetCommandInvocation; just after the sending there is nothing to see yet."""
        key = (self._get_param("CommandId"), self._get_param("InstanceId"))
        invocation = self.run_command.invocations.get(key)
        if invocation is None or datetime.now(UTC) < invocation.visible_from:
            raise SSMException("InvocationDoesNotExist", "")
        with self.run_command.lock:
            result = invocation.result
            shape = _head(invocation) | {
                "PluginName": "aws:runShellScript",
                "ResponseCode": result.code,
                "ExecutionStartDateTime": _text(invocation.started),
                "ExecutionEndDateTime": _text(invocation.ended),
                "StandardOutputContent": result.stdout,
                "StandardErrorContent": result.stderr,
            }
        return ActionResult(shape)

    def list_command_invocations(self) -> ActionResult:
        """Answer ListCommandInvocations; output is cut at 2,500 characters there."""
        command_id, instance_id = self._get_param("CommandId"), self._get_param("InstanceId")
        found = [
            each
            for each in list(self.run_command.invocations.values())
            if command_id in (None, each.command_id) and instance_id in (None, each.instance_id)
        ]
        start, size = int(self._get_param("NextToken") or 0), self._get_int_param("MaxResults", 50)
        page, token = page_of(found, start, size)
        shown = [_head(each) | {"RequestedDateTime": each.sent} for each in page]
        if self._get_param("Details"):
            for shape, each in zip(shown, page, strict=True):
                output = {"Name": "aws:runShellScript", "Output": each.result.stdout[:2500]}
                shape["CommandPlugins"] = [output | {"ResponseCode": each.result.code}]
        return ActionResult({"CommandInvocations": shown, "NextToken": token})

    def describe_instance_information(self) -> ActionResult:
        """Answer DescribeInstanceInformation for the instances that have registered."""
        instances = list(self.run_command.instances.values())
        for each in self._get_param("Filters", []):
            if each["Key"] not in ("InstanceIds", "PingStatus"):
                raise SSMException("InvalidInstanceInformationFilterValue", each["Key"])
            by_id = each["Key"] == "InstanceIds"
            instances = [
                i for i in instances if (i.instance_id if by_id else _ping(i)) in each["Values"]
            ]
        start, size = int(self._get_param("NextToken") or 0), self._get_int_param("MaxResults", 50)
        page, token = page_of(instances, start, size)
        shown = [
            {
                "InstanceId": each.instance_id,
                "PingStatus": _ping(each),
                "LastPingDateTime": datetime.now(UTC),
                "AgentVersion": "3.3.3572.0",
                "PlatformType": "Linux",
                "ResourceType": "EC2Instance",
            }
            for each in page
        ]
        return ActionResult({"InstanceInformationList": shown, "NextToken": token})


def _ping(instance: ManagedInstance) -> str:
    return "Online" if instance.online else "ConnectionLost"


def _head(invocation: Invocation) -> dict[str, Any]:
    return {
        "CommandId": invocation.command_id,
        "InstanceId": invocation.instance_id,
        "Comment": invocation.comment,
        "DocumentName": invocation.document,
        "DocumentVersion": "1",
        "Status": invocation.result.status,
        "StatusDetails": invocation.result.details,
    }


def _status_change(invocation: Invocation) -> dict[str, Any]:
    """Return the event that tells how an invocation ended.

    https://docs.aws.amazon.com/systems-manager/latest/userguide/monitoring-systems-manager-event-examples.html
    """
    detail = {
        "command-id": invocation.command_id,
        "document-name": invocation.document,
        "instance-id": invocation.instance_id,
        "requested-date-time": _text(invocation.sent),
        "status": invocation.result.status,
    }
    arn = f"arn:aws:ec2:{REGION}:{ACCOUNT}:instance/{invocation.instance_id}"
    return event("aws.ssm", "EC2 Command Invocation Status-change Notification", detail, [arn])


def _text(moment: datetime | None) -> str:
    return moment.isoformat().replace("+00:00", "Z") if moment else ""
