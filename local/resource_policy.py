"""Policies of queues and topics: who may send or publish, as the resource itself says."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from local.iam import UnknownConditionError

if TYPE_CHECKING:
    from collections.abc import Mapping


def allows(
    policy: Mapping[str, Any], principal: str, action: str, resource: str,
    context: Mapping[str, str],
) -> bool:  # fmt: skip
    """Tell whether a policy lets a service do this. `context` has the condition keys' values.

    A service may do only what a statement allows and none denies
    (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html).
    """
    effects = {
        statement["Effect"]
        for statement in policy.get("Statement", [])
        if _is_for(statement["Principal"], principal)
        and any(action.lower() == each.lower() for each in _many(statement["Action"]))
        and any(fnmatchcase(resource, each) for each in _many(statement["Resource"]))
        and all(
            _holds(operator, key, _many(wanted), context)
            for operator, pairs in statement.get("Condition", {}).items()
            for key, wanted in pairs.items()
        )
    }
    return effects == {"Allow"}


def _is_for(wanted: str | Mapping[str, Any], principal: str) -> bool:
    if wanted in ("*", {"AWS": "*"}):
        return True
    return isinstance(wanted, dict) and principal in _many(wanted.get("Service", []))


def _holds(operator: str, key: str, wanted: list[str], context: Mapping[str, str]) -> bool:
    """Judge one condition; names of keys have no case, and a key that is not there holds nothing.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
    """
    value = next((each for name, each in context.items() if name.lower() == key.lower()), None)
    if operator == "StringEquals":
        return value in wanted
    if operator in ("ArnEquals", "ArnLike"):
        return value is not None and any(fnmatchcase(value, each) for each in wanted)
    raise UnknownConditionError(f"{operator} {key}")


def _many(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
