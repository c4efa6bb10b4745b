"""The template as data, with CloudFormation's short forms spelled out."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from local.template import holding as held

if TYPE_CHECKING:
    from collections.abc import Container, Iterator, Mapping

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "template.yaml").read_text()

Statement = dict[str, Any]


class Loader(yaml.SafeLoader):
    """Reads !Ref x as {"Ref": x}, and !Name x as {"Fn::Name": x}."""


def _short_form(loader: Loader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    name = suffix if suffix in {"Ref", "Condition"} else f"Fn::{suffix}"
    if isinstance(node, yaml.ScalarNode):
        return {name: loader.construct_scalar(node)}
    if isinstance(node, yaml.SequenceNode):
        return {name: loader.construct_sequence(node, deep=True)}
    assert isinstance(node, yaml.MappingNode)
    return {name: loader.construct_mapping(node, deep=True)}


Loader.add_multi_constructor("!", _short_form)
TEMPLATE: dict[str, Any] = yaml.load(TEXT, Loader)  # noqa: S506 - our loader is a safe one
RESOURCES: dict[str, Any] = TEMPLATE["Resources"]
PARAMETERS: dict[str, Any] = TEMPLATE["Parameters"]
ROLES = sorted(name for name, each in RESOURCES.items() if each["Type"] == "AWS::IAM::Role")
FUNCTIONS = sorted(
    name for name, each in RESOURCES.items() if each["Type"] == "AWS::Serverless::Function"
)


def properties(logical_id: str) -> dict[str, Any]:
    found: dict[str, Any] = RESOURCES[logical_id]["Properties"]
    return found


def environment(function: str = "SyncForwards") -> dict[str, Any]:
    found: dict[str, Any] = properties(function)["Environment"]["Variables"]
    return found


def policies(role: str, conditions: Container[str] | None = None) -> Iterator[dict[str, Any]]:
    """Yield the policies of a role; of those under a condition all, or those under one of these."""
    yield from properties(role)["Policies"]
    apart = (each for each in RESOURCES.values() if each["Type"] == "AWS::IAM::Policy")
    for each in apart:
        applies = conditions is None or each["Condition"] in conditions
        if applies and {"Ref": role} in each["Properties"]["Roles"]:
            yield each["Properties"]


def statements(*roles: str, conditions: Container[str] | None = None) -> Iterator[Statement]:
    """Yield every statement of these roles, or of all; conditional ones as for `policies`."""
    for role in roles or ROLES:
        for policy in policies(role, conditions):
            for each in policy["PolicyDocument"]["Statement"]:
                condition, statement, _ = each.get("Fn::If", (None, each, None))
                if condition is None or conditions is None or condition in conditions:
                    yield statement


def actions(statement: Statement) -> list[str]:
    found = statement["Action"]
    return [found] if isinstance(found, str) else found


def allows(parameter: str, value: str) -> bool:
    """Say whether CloudFormation takes this value; its patterns cover the whole of it."""
    known = PARAMETERS[parameter]
    if "MinValue" in known:
        return float(known["MinValue"]) <= float(value) <= float(known["MaxValue"])
    return re.fullmatch(known["AllowedPattern"].strip(), value) is not None


def given(chosen: Mapping[str, str]) -> dict[str, str]:
    """Return the value of each parameter in a deployment that chooses these."""
    return {name: str(each["Default"]) for name, each in PARAMETERS.items()} | dict(chosen)


def holding(**chosen: str) -> set[str]:
    """Return the template's conditions that hold in a deployment with these parameters."""
    return set(held(TEMPLATE, chosen))
