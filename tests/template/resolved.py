"""The template as CloudFormation creates it: every reference replaced by what it stands for.

Judges of policies see nothing in a reference: they need the ARN that it stands for. For them every
condition is true, because what is there under a condition must be judged, too.
"""

from __future__ import annotations

import re
from base64 import b64encode
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from local.template import holding, translate
from tests.template.parsed import ROOT, TEMPLATE, given

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterator, Mapping

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
NOTHING = object()  # AWS::NoValue: what has it is left out

BODY: dict[str, Any] = translate(ROOT / "template.yaml").body
EVERY_CONDITION: frozenset[str] = frozenset(BODY["Conditions"])


@dataclass(frozen=True, slots=True)
class Deployment:
    """A stack with these parameters, in which these conditions hold."""

    parameters: Mapping[str, str]
    held: Container[str]

    @classmethod
    def of(cls, **chosen: str) -> Deployment:
        """Return a stack with these parameters, and defaults for all others."""
        return cls(given(chosen), holding(BODY, chosen))

    def resources(self) -> dict[str, Any]:
        """Return every resource that the stack has, wholly resolved."""
        return self._resolved("Resources")

    def outputs(self) -> dict[str, Any]:
        """Return every output that the stack has."""
        return {name: each["Value"] for name, each in self._resolved("Outputs").items()}

    def resolve(self, value: Any) -> Any:
        """Replace every intrinsic function in a value.

        Raise KeyError for a function, and for a resource, that is not known or that the stack does
        not have.
        """
        if isinstance(value, list):
            found = [self.resolve(each) for each in value]
            return [each for each in found if each is not NOTHING]
        if not isinstance(value, dict):
            return value
        name = next(iter(value), "")
        if name == "Ref" or name.startswith("Fn::"):
            return self._functions()[name](value[name])
        pairs = ((key, self.resolve(each)) for key, each in value.items())
        return {key: each for key, each in pairs if each is not NOTHING}

    def _resolved(self, section: str) -> dict[str, Any]:
        return {
            name: self.resolve({key: part for key, part in each.items() if key != "Condition"})
            for name, each in BODY[section].items()
            if self._has(each)
        }

    def _has(self, entry: Mapping[str, Any]) -> bool:
        return "Condition" not in entry or entry["Condition"] in self.held

    def _functions(self) -> dict[str, Callable[[Any], Any]]:
        return {
            "Ref": self._reference,
            "Fn::GetAtt": lambda argument: self._attribute(*argument),
            "Fn::Sub": self._substitute,
            "Fn::If": lambda argument: self.resolve(argument[1 if argument[0] in self.held else 2]),
            "Fn::Join": lambda argument: argument[0].join(self.resolve(argument[1])),
            "Fn::Base64": lambda argument: b64encode(self.resolve(argument).encode()).decode(),
            "Fn::FindInMap": lambda argument: self._look_up(*argument),
        }

    def _reference(self, name: str) -> Any:
        """Return what Ref leads to: a parameter's value, or a resource's name, a topic's ARN."""
        if name == "AWS::NoValue":
            return NOTHING
        if name in PSEUDO:
            return PSEUDO[name]
        if name in self.parameters:
            return self.parameters[name]
        return self._arn(name) if self._kind(name) == "AWS::SNS::Topic" else name

    def _attribute(self, name: str, attribute: str) -> str:
        return self._arn(name) if attribute == "Arn" else f"{self._known(name)}.{attribute}"

    def _arn(self, name: str) -> str:
        kind = self._kind(name)
        return f"arn:aws:{ARNS[kind]}cachegate-{name}-1A2B" if kind in ARNS else f"{name}.Arn"

    def _kind(self, name: str) -> str:
        return str(BODY["Resources"][self._known(name)]["Type"])

    def _known(self, name: str) -> str:
        if not self._has(BODY["Resources"][name]):
            raise KeyError(f"{name} is not there with these parameters")
        return name

    def _substitute(self, argument: str | list[Any]) -> str:
        text, variables = (argument, {}) if isinstance(argument, str) else argument
        known = {name: self.resolve(value) for name, value in variables.items()}

        def value(match: re.Match[str]) -> str:
            name, _, attribute = match[1].partition(".")
            if name in known:
                return str(known[name])
            return str(self._attribute(name, attribute) if attribute else self._reference(name))

        return re.sub(r"\$\{([^!}]+)\}", value, text)

    def _look_up(self, mapping: str, key: Any, field: str) -> Any:
        return TEMPLATE["Mappings"][mapping][self.resolve(key)][field]


RESOLVED: dict[str, Any] = Deployment(given(GIVEN), EVERY_CONDITION).resources()


def role_statements() -> Iterator[dict[str, Any]]:
    """Yield every statement that says what a role may do, conditional ones too."""
    for resource in RESOLVED.values():
        properties = resource.get("Properties", {})
        if resource["Type"] == "AWS::IAM::Role":
            for policy in properties["Policies"]:
                yield from policy["PolicyDocument"]["Statement"]
        elif resource["Type"] == "AWS::IAM::Policy":
            yield from properties["PolicyDocument"]["Statement"]
