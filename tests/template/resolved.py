"""The template as CloudFormation creates it from its defaults, with every condition true.

Judges of policies see nothing in a reference: they need the ARN that it stands for. Conditions are
true because what is there under a condition must be judged, too.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from local.template import translate
from tests.template.parsed import PARAMETERS, ROOT, TEMPLATE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PSEUDO = {
    "AWS::AccountId": "123456789012",
    "AWS::Partition": "aws",
    "AWS::Region": "eu-central-1",
    "AWS::StackId": "arn:aws:cloudformation:eu-central-1:123456789012:stack/cachegate/1a-2b",
    "AWS::StackName": "cachegate",
}
ARNS = {  # what stands before a resource's name in its ARN
    "AWS::DynamoDB::Table": "dynamodb:eu-central-1:123456789012:table/",
    "AWS::Events::Rule": "events:eu-central-1:123456789012:rule/",
    "AWS::IAM::Role": "iam::123456789012:role/",
    "AWS::Lambda::Function": "lambda:eu-central-1:123456789012:function:",
    "AWS::SNS::Topic": "sns:eu-central-1:123456789012:",
    "AWS::SQS::Queue": "sqs:eu-central-1:123456789012:",
}
GIVEN = {"AdoptTable": "former-LedgerTable-1A2B"}  # where a default makes no valid ARN

BODY: dict[str, Any] = translate(ROOT / "template.yaml").body


def _reference(name: str) -> str:
    """Return what Ref leads to: a parameter's value, or a resource's name, a topic's ARN."""
    if name in PSEUDO:
        return PSEUDO[name]
    if name in PARAMETERS:
        return GIVEN.get(name, str(PARAMETERS[name]["Default"]))
    return _arn(name) if BODY["Resources"][name]["Type"] == "AWS::SNS::Topic" else name


def _attribute(name: str, attribute: str) -> str:
    return _arn(name) if attribute == "Arn" else f"{name}.{attribute}"


def _arn(name: str) -> str:
    kind = BODY["Resources"][name]["Type"]
    return f"arn:aws:{ARNS[kind]}cachegate-{name}-1A2B" if kind in ARNS else f"{name}.Arn"


def _substitute(text: str) -> str:
    def value(match: re.Match[str]) -> str:
        name, _, attribute = match[1].partition(".")
        return _attribute(name, attribute) if attribute else _reference(name)

    return re.sub(r"\$\{([^!}]+)\}", value, text)


def _look_up(mapping: str, key: Any, field: str) -> Any:
    return TEMPLATE["Mappings"][mapping][resolve(key)][field]


FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "Ref": _reference,
    "Fn::GetAtt": lambda argument: _attribute(*argument),
    "Fn::Sub": _substitute,
    "Fn::If": lambda argument: resolve(argument[1]),
    "Fn::FindInMap": lambda argument: _look_up(*argument),
}


def resolve(value: Any) -> Any:
    """Replace every intrinsic function in a value; raise KeyError for one that is not known."""
    if isinstance(value, list):
        return [resolve(each) for each in value]
    if not isinstance(value, dict):
        return value
    name = next(iter(value), "")
    if name == "Ref" or name.startswith("Fn::"):
        return FUNCTIONS[name](value[name])
    return {key: resolve(each) for key, each in value.items()}


RESOLVED: dict[str, Any] = {
    logical_id: {key: each for key, each in resource.items() if key != "Condition"}
    for logical_id, resource in resolve(BODY["Resources"]).items()
}


def role_statements() -> Iterator[dict[str, Any]]:
    """Yield every statement that says what a role may do, conditional ones too."""
    for resource in RESOLVED.values():
        properties = resource.get("Properties", {})
        if resource["Type"] == "AWS::IAM::Role":
            for policy in properties["Policies"]:
                yield from policy["PolicyDocument"]["Statement"]
        elif resource["Type"] == "AWS::IAM::Policy":
            yield from properties["PolicyDocument"]["Statement"]
