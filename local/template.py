"""Our template as CloudFormation receives it: includes expanded, translated, moto's gaps named."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import boto3
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator
from samtranslator.yaml_helper import yaml_parse

from local.caches import REGION

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Mapping
    from pathlib import Path

BUCKET, KEY = "cachegate-artefacts", "code.zip"  # what sam deploy would have uploaded
LARGEST_DOCUMENT = 64 * 1024  # MaxDocumentSizeExceeded of CreateDocument
# moto cannot create these, and would warn. What that hides stands in docs/fidelity.md.
LEFT_OUT = frozenset(
    {
        "AWS::CloudWatch::Alarm",
        "AWS::CloudWatch::Dashboard",  # it names the alarms
        "AWS::Lambda::LayerVersion",  # created, but a function that has one cannot be updated
    }
)


class TemplateError(RuntimeError):
    """The template asks for something that the embedded world cannot make."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """Where a function's or a layer's code lies, as the template says."""

    folder: str
    handler: str = ""
    layers: tuple[str, ...] = ()


@dataclass(slots=True, kw_only=True)
class Template:
    """A translated template, and what was taken out of it on the way."""

    body: dict[str, Any]
    functions: dict[str, Code] = field(default_factory=dict)  # by logical id
    layers: dict[str, Code] = field(default_factory=dict)
    custom: dict[str, dict[str, Any]] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)  # logical id -> type


def read(path: Path, stack: str) -> Template:
    """Read and translate a SAM template file for a stack of this name, without moto's gaps."""
    template = translate(path)
    body = template.body
    _take_out(template)
    for parameter in body.get("Parameters", {}).values():
        # Values of parameters are text, also where YAML reads a number.
        if "Default" in parameter:
            parameter["Default"] = str(parameter["Default"])
    for logical_id, resource in body["Resources"].items():
        if resource["Type"] == "AWS::SSM::Document":
            _complete_document(resource["Properties"], f"{stack}-{logical_id}")
    return template


def translate(path: Path) -> Template:
    """Expand and translate a SAM template file, as CloudFormation's transforms do."""
    source = _expand(_parse(path.read_text()), path.parent)
    functions, layers = _code(source["Resources"])
    # No managed policies by name: the roles are written out in the template.
    translator = Translator({}, Parser(), boto_session=boto3.Session(region_name=REGION))
    body = translator.translate(source, parameter_values={})
    # It keeps times for CloudWatch, and warns at some later moment where nobody has taken them.
    translator.metrics.publish()
    return Template(body=body, functions=functions, layers=layers)


@lru_cache(maxsize=8)
def _parse(text: str) -> Any:
    """Parse YAML once, for that takes most of a translation; `_expand` copies, nobody else may."""
    return yaml_parse(text)


def _expand(value: Any, folder: Path) -> Any:
    """Return a copy with the named file's content in place of every AWS::Include."""
    if isinstance(value, list):
        return [_expand(each, folder) for each in value]
    if not isinstance(value, dict):
        return value
    include = value.get("Fn::Transform")
    if include is not None and include["Name"] == "AWS::Include":
        included = _parse((folder / include["Parameters"]["Location"]).read_text())
        rest = {key: each for key, each in value.items() if key != "Fn::Transform"}
        return _expand(rest | included, folder)
    return {key: _expand(each, folder) for key, each in value.items()}


def _code(resources: dict[str, Any]) -> tuple[dict[str, Code], dict[str, Code]]:
    """Note where all code lies, and point the resources at one uploaded artefact."""
    functions, layers, uploaded = {}, {}, {"Bucket": BUCKET, "Key": KEY}
    for logical_id, resource in resources.items():
        properties = resource.get("Properties", {})
        if resource["Type"] == "AWS::Serverless::Function":
            used = tuple(layer["Ref"] for layer in properties.get("Layers", []))
            functions[logical_id] = Code(
                folder=properties["CodeUri"], handler=properties["Handler"], layers=used
            )
            properties["CodeUri"] = uploaded
        elif resource["Type"] == "AWS::Serverless::LayerVersion":
            layers[logical_id] = Code(folder=properties["ContentUri"])
            properties["ContentUri"] = uploaded
    return functions, layers


def _take_out(template: Template) -> None:
    """Take out what moto cannot create, and custom resources, which `Stack` runs itself."""
    resources = template.body["Resources"]
    for logical_id, resource in list(resources.items()):
        kind = resource["Type"]
        if kind.startswith("Custom::") or kind == "AWS::CloudFormation::CustomResource":
            template.custom[logical_id] = resources.pop(logical_id)
        elif kind in LEFT_OUT:
            template.left_out[logical_id] = kind
            del resources[logical_id]
    for resource in resources.values():
        needs = resource.get("DependsOn", [])
        needs = [needs] if isinstance(needs, str) else needs
        resource["DependsOn"] = [each for each in needs if each in resources]
        if resource["Type"] == "AWS::Lambda::Function":
            resource["Properties"].pop("Layers", None)


def _complete_document(properties: dict[str, Any], prefix: str) -> None:
    """Add what CloudFormation fills in and moto does not: the format, and a name of its own."""
    properties.setdefault("DocumentFormat", "JSON")
    properties.setdefault("Name", f"{prefix}-{uuid.uuid4().hex[:12].upper()}")
    if not isinstance(properties["Content"], str):
        properties["Content"] = json.dumps(properties["Content"])
    size = len(properties["Content"])
    if size > LARGEST_DOCUMENT:
        raise TemplateError(f"{prefix}: {size} characters, SSM takes {LARGEST_DOCUMENT}")


def holding(body: Mapping[str, Any], parameters: Mapping[str, str]) -> frozenset[str]:
    """Return the conditions of a template that hold with these parameters."""
    values = {
        name: str(each.get("Default", "")) for name, each in body.get("Parameters", {}).items()
    }
    conditions = body.get("Conditions", {})
    return frozenset(
        name
        for name, each in conditions.items()
        if _holds(each, conditions, values | dict(parameters))
    )


_OF_CONDITIONS: dict[str, Callable[[Iterable[bool]], bool]] = {
    "Fn::And": all,
    "Fn::Not": lambda one: not any(one),
    "Fn::Or": any,
}


def _holds(
    condition: Mapping[str, Any], conditions: Mapping[str, Any], values: Mapping[str, str]
) -> bool:
    ((function, operands),) = condition.items()
    if function == "Condition":
        return _holds(conditions[operands], conditions, values)
    if function == "Fn::Equals":
        one, other = (values[e["Ref"]] if isinstance(e, dict) else str(e) for e in operands)
        return one == other
    if function not in _OF_CONDITIONS:
        raise TemplateError(f"cannot judge the condition {function}")
    return _OF_CONDITIONS[function](_holds(each, conditions, values) for each in operands)


def resolve(value: Any, known: Mapping[str, str], held: Container[str] = ()) -> Any:
    """Resolve a custom resource's properties: Ref and GetAtt by what the stack knows.

    Of an If the side is taken that belongs to the conditions that hold.
    """
    if isinstance(value, list):
        return [resolve(each, known, held) for each in value]
    if not isinstance(value, dict):
        return value
    if set(value) == {"Ref"}:
        return known[value["Ref"]]
    if set(value) == {"Fn::GetAtt"}:
        return known[".".join(value["Fn::GetAtt"])]
    if set(value) == {"Fn::If"}:
        condition, one, other = value["Fn::If"]
        return resolve(one if condition in held else other, known, held)
    if any(key.startswith("Fn::") for key in value):
        raise TemplateError(f"cannot resolve {json.dumps(value)} in a custom resource")
    return {key: resolve(each, known, held) for key, each in value.items()}
