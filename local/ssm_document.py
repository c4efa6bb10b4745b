"""An SSM Command document as the service and the agent on the instance read it.

Two checks of a parameter, as on AWS: the service's when the command is sent, and the agent's, whose
regular expressions (Go's RE2) refuse a counted repeat above 1,000. Substitution is plain text,
without any quoting (amazon-ssm-agent, agent/framework/docparser).
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_RE2_REPEAT = 1000
_PLACE = re.compile(r"\{\{\s*([A-Za-z0-9_]+)\s*\}\}")


class InvalidParametersError(ValueError):
    """The parameters do not fit the document."""


class AgentRefusalError(ValueError):
    """The service took the command, and the agent on the instance cannot run it."""


@dataclass(frozen=True, slots=True)
class Step:
    """One aws:runShellScript step, ready to run."""

    name: str
    script: str
    timeout_s: float


def check(content: Mapping[str, Any], given: Mapping[str, Sequence[str]]) -> None:
    """Check parameters as SendCommand does; raise InvalidParametersError."""
    declared: Mapping[str, Mapping[str, Any]] = content.get("parameters") or {}
    for name in given:
        if name not in declared:
            raise InvalidParametersError(f"Parameter {name} is not in the document")
    for name, rules in declared.items():
        if name in given:
            for value in given[name]:
                _check_value(name, value, rules)
        elif "default" not in rules:
            raise InvalidParametersError(f"Parameter {name} is required")


def _check_value(name: str, value: str, rules: Mapping[str, Any]) -> None:
    pattern, most = rules.get("allowedPattern"), rules.get("maxChars")
    if pattern is not None and re.search(pattern, value) is None:
        raise InvalidParametersError(f"Parameter {name} does not match the pattern {pattern}")
    if most is not None and len(value) > int(most):
        raise InvalidParametersError(f"Parameter {name} is longer than {most} characters")
    if len(value) < int(rules.get("minChars", 0)):
        raise InvalidParametersError(f"Parameter {name} is shorter than {rules['minChars']}")
    allowed = rules.get("allowedValues")
    if allowed is not None and value not in allowed:
        raise InvalidParametersError(f"Parameter {name} is none of {', '.join(allowed)}")


def steps(content: Mapping[str, Any], given: Mapping[str, Sequence[str]]) -> list[Step]:
    """Return what the agent runs; raise AgentRefusalError for what it cannot."""
    declared = content.get("parameters") or {}
    for name, rules in declared.items():
        _check_repeats(name, rules.get("allowedPattern", ""))
    values = {name: _text(given.get(name), rules) for name, rules in declared.items()}
    found = []
    for step in content.get("mainSteps", []):
        if step["action"] != "aws:runShellScript":
            raise AgentRefusalError(f"the stand-in runs no {step['action']}")
        if not _fits(step.get("precondition")):
            continue
        inputs = step["inputs"]
        lines = inputs["runCommand"]
        script = "\n".join([lines] if isinstance(lines, str) else lines)
        timeout = _substitute(str(inputs.get("timeoutSeconds", 3600)), values)
        found.append(Step(step["name"], _substitute(script, values), float(timeout)))
    return found


def _check_repeats(name: str, pattern: str) -> None:
    for counts in re.findall(r"\{(\d+(?:,\d*)?)\}", pattern):
        if any(int(count) > _RE2_REPEAT for count in counts.split(",") if count):
            raise AgentRefusalError(f"allowedPattern of {name}: invalid repeat count {counts}")


def _text(given: Sequence[str] | None, rules: Mapping[str, Any]) -> str:
    """Return a parameter's text: a list of strings stands in the script as JSON."""
    value = rules.get("default", "") if given is None else given
    if rules.get("type") == "StringList":
        return json.dumps(value)
    return value if isinstance(value, str) else str(value[0])


def _substitute(text: str, values: Mapping[str, str]) -> str:
    """Put values in place of {{ name }}; what is not declared stays as it is."""
    return _PLACE.sub(lambda place: values.get(place[1], place[0]), text)


def _fits(precondition: Mapping[str, Any] | None) -> bool:
    """Tell whether a step is for Linux."""
    if precondition is None:
        return True
    return all("Linux" in operands for operands in precondition.values())
