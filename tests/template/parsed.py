"""The template as data, with CloudFormation's short forms spelled out."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Iterator

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


def properties(logical_id: str) -> dict[str, Any]:
    found: dict[str, Any] = RESOURCES[logical_id]["Properties"]
    return found


def environment() -> dict[str, Any]:
    found: dict[str, Any] = properties("SyncForwards")["Environment"]["Variables"]
    return found


def statements() -> Iterator[Statement]:
    """Yield every statement of the function's role, conditional ones too."""
    for policy in (*properties("SyncForwardsRole")["Policies"], properties("EnrolPolicy")):
        for each in policy["PolicyDocument"]["Statement"]:
            yield each["Fn::If"][1] if "Fn::If" in each else each


def actions(statement: Statement) -> list[str]:
    found = statement["Action"]
    return [found] if isinstance(found, str) else found


def allows(parameter: str, value: str) -> bool:
    """Say whether CloudFormation takes this value; its patterns cover the whole of it."""
    return re.fullmatch(PARAMETERS[parameter]["AllowedPattern"].strip(), value) is not None
