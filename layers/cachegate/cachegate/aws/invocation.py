"""Read how one command on one NAT instance ended. Pure; only exit code 0 and a report are good."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Any

from cachegate.domain.agent import Reply, decode

if TYPE_CHECKING:
    from mypy_boto3_ssm.type_defs import GetCommandInvocationResultTypeDef

# GetCommandInvocation returns no more of a command's output
# (https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetCommandInvocation.html).
LONGEST_OUTPUT = 24_000

REFUSED = 2  # the agent's exit code where it changed nothing

# By StatusDetails, which says more than Status; AWS's texts write some of them with spaces
# (https://docs.aws.amazon.com/systems-manager/latest/userguide/monitor-commands.html).
_ENDINGS = {
    "Pending": "not started within the time of this pass",
    "InProgress": "still running at the end of this pass's time",
    "Delayed": "not delivered within the time of this pass",
    "DeliveryTimedOut": "undelivered: the instance did not fetch it in time",
    "Undeliverable": "undelivered: the instance does not answer",
    "ExecutionTimedOut": "timed out on the instance",
    "TimedOut": "timed out",
    "Cancelling": "being cancelled",
    "Cancelled": "cancelled",
    "Canceled": "cancelled",
    "Terminated": "terminated by Systems Manager",
    "InvalidPlatform": "refused: the document does not run on this platform",
    "AccessDenied": "refused: access denied (does the instance carry the tag cachegate:nat?)",
    "RateExceeded": "refused: too many commands at once",
}
# Nothing was begun: for minutes after an instance's public address has changed, or after it began
# to hang, SSM still calls it Online.
_UNDELIVERED = {"Pending", "Delayed", "DeliveryTimedOut", "Undeliverable"}


def read(instance_id: str, invocation: GetCommandInvocationResultTypeDef) -> Reply:
    """Return the reply; a report that is missing, cut off or unreadable is a failure."""
    status = invocation["Status"]
    details = invocation.get("StatusDetails", status).replace(" ", "")
    if status not in {"Success", "Failed"} or details in _ENDINGS:
        ending = _ENDINGS.get(details, f"ended as {details}")
        return Reply(
            instance_id=instance_id,
            failure=f"the command was {ending}",
            unreached=details in _UNDELIVERED,
        )
    report, unreadable = _report(invocation.get("StandardOutputContent", ""))
    exit_code = invocation.get("ResponseCode", -1)
    if report is None:
        failure = f"exit code {exit_code}, and {unreadable}{_last_words(invocation)}"
    elif status == "Success" and exit_code == 0 and "error" not in report:
        failure = None
    else:
        failure = _refusal(report, exit_code)
    return Reply(instance_id=instance_id, report=report, failure=failure)


def _report(output: str) -> tuple[dict[str, Any] | None, str]:
    """Return the agent's last line, else why there is none."""
    if len(output) >= LONGEST_OUTPUT:
        return None, f"the output was cut off at {len(output)} characters"
    line = (output.strip().splitlines() or [""])[-1].strip()
    if not line:
        return None, "the agent reported nothing"
    try:
        return decode(line), ""
    except (ValueError, OSError, EOFError, zlib.error):
        return None, f"its last line is no report: {line[:80]!r}"


def _refusal(report: dict[str, Any], exit_code: int) -> str:
    error = report.get("error")
    if not isinstance(error, dict):
        return f"the agent ended with exit code {exit_code} and a report without an error"
    verb = "refused" if exit_code == REFUSED else "failed"
    return f"the agent {verb}: {error.get('code')}: {error.get('message')}"


def _last_words(invocation: GetCommandInvocationResultTypeDef) -> str:
    words = invocation.get("StandardErrorContent", "").strip()
    return f"; stderr ends with {words[-200:]!r}" if words else ""
