"""The commands by which a person answers the guard, ready to paste into a shell. Pure."""

from __future__ import annotations

import json
import shlex
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cachegate.guard.settings import GuardSettings

_EXAMPLE = timedelta(days=30)  # of an exemption: long enough to mend what is wrong


def restore_command(settings: GuardSettings, rule_id: str) -> str:
    """Return the command that gives a rule back."""
    return _invoke(settings, {"action": "restore", "rule": rule_id})


def restore_exempt_command(settings: GuardSettings, rule_id: str, at: float) -> str:
    """Return the command that gives a rule back with an exemption from now on."""
    payload = {"action": "restore", "rule": rule_id, "exempt": _excuse(at)}
    return _invoke(settings, payload)


def exempt_command(settings: GuardSettings, rule_id: str, at: float) -> str:
    """Return the command that exempts a rule from now on."""
    return _invoke(settings, {"action": "exempt", "rule": rule_id, **_excuse(at)})


def _excuse(at: float) -> dict[str, str]:
    until = datetime.fromtimestamp(at, UTC) + _EXAMPLE
    return {"owner": "YOU", "expires": until.date().isoformat(), "reason": "WHY"}


def _invoke(settings: GuardSettings, payload: dict[str, Any]) -> str:
    words = ["aws", "lambda", "invoke"]
    words += ["--region", settings.region, "--function-name", settings.function]
    words += ["--cli-binary-format", "raw-in-base64-out"]
    words += ["--payload", json.dumps(payload, separators=(",", ":")), "/dev/stdout"]
    return shlex.join(words)
