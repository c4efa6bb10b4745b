"""The policies of our roles, enforced: a function may call only what its role allows.

moto takes any credentials for an administrator's. Here a function signs with its role's name as the
access key, and each of its calls is checked against the role's policies as CloudFormation resolved
them: action, resource where the service knows one, and the tag condition of SendCommand. Everybody
else (the world itself, a person) may do anything.
"""

from __future__ import annotations

import io
import json
import re
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from moto.backends import get_backend

from local.caches import ACCOUNT, REGION

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

_SCOPE = re.compile(r"Credential=([^/]+)/\d+/[^/]+/([^/]+)/")
_PREFIXES = {"tagging": "tag"}  # where the name in a policy is not the name in a signature
_INSTANCE = f"arn:aws:ec2:{REGION}:{ACCOUNT}:instance/"


class UnknownConditionError(RuntimeError):
    """A policy has a condition that cannot be judged here: it must not pass unseen."""


@dataclass(frozen=True, slots=True)
class Call:
    """One API call: who makes it, what it does, and to what."""

    role: str
    service: str
    action: str  # as policies name it, for example ssm:SendCommand
    resources: tuple[str, ...]  # all of them must be allowed
    context: Mapping[str, frozenset[str]] = field(default_factory=dict)  # condition keys' values


@dataclass(slots=True)
class Gate:
    """WSGI around moto's server: refuses what a role's policies do not allow."""

    application: Callable[..., Iterable[bytes]]
    denied: list[Call] = field(default_factory=list)

    def __call__(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        """Answer one request, or pass it on."""
        signature = _SCOPE.search(environ.get("HTTP_AUTHORIZATION", ""))
        statements = policy_statements(signature[1]) if signature else None
        if signature is None or statements is None:
            return self.application(environ, start)
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = io.BytesIO(body)
        target = environ.get("HTTP_X_AMZ_TARGET")
        call = _call(signature[1], signature[2], target, body)
        if all(allowed(statements, call, each) for each in call.resources):
            return self.application(environ, start)
        self.denied.append(call)
        return _refuse(call, start, in_json=target is not None)


def policy_statements(role_name: str) -> list[dict[str, Any]] | None:
    """Return all statements of a role's own policies, None where there is no such role."""
    for role in list(get_backend("iam")[ACCOUNT]["aws"].roles.values()):
        if role.name == role_name:
            # From CloudFormation they come parsed, from the API as text.
            documents = (json.loads(p) if isinstance(p, str) else p for p in role.policies.values())
            statements = (each for document in documents for each in _many(document["Statement"]))
            return [each for each in statements if each is not None]  # AWS::NoValue
    return None


def allowed(statements: list[dict[str, Any]], call: Call, resource: str) -> bool:
    """Tell whether some statement allows the call on the resource; ours deny nothing."""
    return any(
        statement["Effect"] == "Allow"
        and any(fnmatchcase(call.action, each) for each in _many(statement["Action"]))
        and any(fnmatchcase(resource, each) for each in _many(statement["Resource"]))
        and _conditions_hold(statement.get("Condition", {}), call, resource)
        for statement in statements
    )


def _many(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _conditions_hold(
    conditions: Mapping[str, Mapping[str, str]], call: Call, resource: str
) -> bool:
    return all(
        _condition_holds(operator, key, value, call, resource)
        for operator, pairs in conditions.items()
        for key, value in pairs.items()
    )


def _condition_holds(operator: str, key: str, value: str, call: Call, resource: str) -> bool:
    name, _, tag = key.partition("/")
    if operator == "StringEquals" and key in call.context:
        return call.context[key] == {value}
    if operator != "StringEquals" or name != "ssm:resourceTag":
        raise UnknownConditionError(f"{operator} {key}")
    if not resource.startswith(_INSTANCE):
        return False
    tags = get_backend("ec2")[ACCOUNT][REGION].tags[resource.removeprefix(_INSTANCE)]
    return bool(tags.get(tag) == value)


def _call(role: str, service: str, target: str | None, body: bytes) -> Call:
    """Read what a request asks: JSON with its target in a header, or a form with its action."""
    if target is not None:
        name, parameters = target.rsplit(".", 1)[1], json.loads(body or b"{}")
    else:
        parameters = {key: values[0] for key, values in parse_qs(body.decode()).items()}
        name = parameters["Action"]
    action = f"{_PREFIXES.get(service, service)}:{name}"
    entries = parameters.get("Entries", ()) if action == "events:PutEvents" else ()
    context = {"events:source": frozenset(entry["Source"] for entry in entries)} if entries else {}
    return Call(role, service, action, _resources(action, parameters), context)


def _resources(action: str, parameters: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the ARNs that the service checks, "*" where it knows none."""
    base = f"{REGION}:{ACCOUNT}"
    if "TableName" in parameters:
        return (f"arn:aws:dynamodb:{base}:table/{parameters['TableName']}",)
    if "QueueUrl" in parameters:
        return (f"arn:aws:sqs:{base}:{parameters['QueueUrl'].rsplit('/', 1)[1]}",)
    if action == "events:PutEvents":
        buses = {entry.get("EventBusName", "default") for entry in parameters["Entries"]}
        return tuple(f"arn:aws:events:{base}:event-bus/{bus}" for bus in sorted(buses))
    if action == "ssm:SendCommand":
        document = f"arn:aws:ssm:{base}:document/{parameters['DocumentName']}"
        return (document, *(_INSTANCE + each for each in parameters["InstanceIds"]))
    return ("*",)


def _refuse(call: Call, start: Callable[..., Any], *, in_json: bool) -> Iterable[bytes]:
    """Answer as the service does: EC2 has an error code and a form of its own."""
    arn = f"arn:aws:sts::{ACCOUNT}:assumed-role/{call.role}"
    text = f"User: {arn} is not authorized to perform: {call.action} on {' '.join(call.resources)}"
    if in_json:
        start("400 Bad Request", [("Content-Type", "application/x-amz-json-1.1")])
        return [json.dumps({"__type": "AccessDeniedException", "message": text}).encode()]
    start("403 Forbidden", [("Content-Type", "text/xml")])
    if call.service == "ec2":
        error = f"<Code>UnauthorizedOperation</Code><Message>{text}</Message>"
        return [f"<Response><Errors><Error>{error}</Error></Errors></Response>".encode()]
    error = f"<Code>AccessDenied</Code><Message>{text}</Message>"
    return [f"<ErrorResponse><Error>{error}</Error></ErrorResponse>".encode()]
