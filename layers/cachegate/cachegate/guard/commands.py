"""The commands by which a person answers the guard, ready to paste into a shell. Pure."""

from __future__ import annotations

import json
import shlex
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cachegate.domain.ingress import IngressRule
    from cachegate.guard.settings import GuardSettings

_EXAMPLE = timedelta(days=30)  # of an exemption: long enough to mend what is wrong


def restore_command(settings: GuardSettings, rule_id: str, at: float) -> str:
    """Return the command that gives a rule back, with an exemption: the next pass leaves it."""
    payload = {"action": "restore", "rule": rule_id, "exempt": _excuse(at)}
    return _invoke(settings, payload)


def exempt_command(settings: GuardSettings, rule_id: str, at: float) -> str:
    """Return the command that exempts a rule from now on."""
    return _invoke(settings, {"action": "exempt", "rule": rule_id, **_excuse(at)})


def revoke_command(settings: GuardSettings, rule: IngressRule) -> str:
    """Return the command by which a person revokes a rule, where the guard may not."""
    words = ["aws", "ec2", "revoke-security-group-ingress", "--region", settings.region]
    words += ["--group-id", rule.group_id or "", "--security-group-rule-ids", rule.rule_id]
    return shlex.join(words)


def _excuse(at: float) -> dict[str, str]:
    until = datetime.fromtimestamp(at, UTC) + _EXAMPLE
    return {"owner": "YOU", "expires": until.date().isoformat(), "reason": "WHY"}


def _invoke(settings: GuardSettings, payload: dict[str, Any]) -> str:
    words = ["aws", "lambda", "invoke"]
    words += ["--region", settings.region, "--function-name", settings.function]
    words += ["--cli-binary-format", "raw-in-base64-out", "--cli-read-timeout", "330"]
    words += ["--payload", json.dumps(payload, separators=(",", ":")), "/dev/stdout"]
    return shlex.join(words)
