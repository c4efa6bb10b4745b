"""The policies of our roles, enforced: a function may call only what its role allows.

moto takes any credentials for an administrator's. Here a function signs with its role's name as the
access key, and each of its calls is checked against the role's policies as CloudFormation resolved
them: action, resource where the service knows one, and the conditions that our policies have.
Everybody else (the world itself, a person) may do anything. What was granted, and which of it was
used, is noted, so that a permission that nothing needs can be told from one that is needed.
"""

from __future__ import annotations

import io
import json
import re
from collections import Counter
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from itertools import product
from typing import TYPE_CHECKING, Any, Protocol

from moto.backends import get_backend

from local.api_call import Call, Request, calls, read, signer
from local.caches import ACCOUNT, REGION
from local.elasticache import Responses

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

_CONTEXT_KEYS = {"aws:RequestedRegion", "aws:TagKeys", "ec2:CreateAction", "events:source"}
_OF_RESOURCES = {"ssm:resourceTag", "aws:ResourceTag", "ec2:ResourceTag"}  # their tags
_OF_TAGGED = {"aws:RequestTag", "aws:TagKeys"}  # known only where the call gives the tags
_EC2 = f"arn:aws:ec2:{REGION}:{ACCOUNT}:"


class UnknownConditionError(RuntimeError):
    """A policy has a condition that cannot be judged here: it must not pass unseen."""


@dataclass(frozen=True, slots=True, order=True)
class Grant:
    """One action on one type of resource, as one statement of a role allows it.

    Names that differ from one deployment to the next are left out, so that grants of several
    deployments of a template can be held against each other.
    """

    role: str  # its logical id
    sid: str
    action: str  # as the statement names it
    resource_type: str  # for example ssm:document, "*" where the statement has no other


class Recorder(Protocol):
    """Who is told of calls once they are answered."""

    def hears(self, service: str) -> bool:
        """Tell whether calls of this service are of interest."""
        ...

    def record(self, request: Request, status: str, body: bytes) -> None:
        """Take a request with its answer."""
        ...


@dataclass(slots=True)
class Gate:
    """WSGI around moto's server: refuses what a role's policies do not allow."""

    application: Callable[..., Iterable[bytes]]
    granted: set[Grant] = field(default_factory=set)  # of the roles that have called
    used: set[Grant] = field(default_factory=set)
    denied: list[Call] = field(default_factory=list)
    calls: Counter[str] = field(default_factory=Counter)  # those allowed, by action

    recorder: Recorder | None = None

    def __call__(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        """Answer one request, or pass it on."""
        signed = signer(environ)
        if signed is None:
            return self.application(environ, start)
        statements = policy_statements(signed.caller)
        recorder = self.recorder if self.recorder and self.recorder.hears(signed.service) else None
        if statements is None and recorder is None:
            return self.application(environ, start)
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = io.BytesIO(body)
        request = read(signed, environ, body)
        denied = None if statements is None else self._denied(request, statements)

        def answer(start: Callable[..., Any]) -> Iterable[bytes]:
            if denied is not None:
                return _refuse(denied, start, in_json=request.in_json)
            return self.application(environ, start)

        return answer(start) if recorder is None else _recorded(recorder, request, answer, start)

    def _denied(self, request: Request, statements: list[dict[str, Any]]) -> Call | None:
        """Return the first call of a request that the role's statements do not allow."""
        asked = calls(request)
        self.granted |= grants(request.caller, statements)
        allowing = []
        for call in asked:
            grants_of_it = [set(allowing_grants(statements, call, each)) for each in call.resources]
            if not all(grants_of_it):
                self.denied.append(call)
                return call
            allowing += grants_of_it
        self.used.update(*allowing)
        self.calls[request.action] += 1
        return None


def _recorded(
    recorder: Recorder, request: Request,
    answer: Callable[[Callable[..., Any]], Iterable[bytes]], start: Callable[..., Any],
) -> Iterable[bytes]:  # fmt: skip
    """Answer a request, and let the recorder know how it ended."""
    statuses: list[str] = []

    def noted(status: str, *more: Any) -> Any:
        statuses.append(status)
        return start(status, *more)

    body = b"".join(answer(noted))
    recorder.record(request, statuses[-1], body)
    return [body]


def policy_statements(role_name: str) -> list[dict[str, Any]] | None:
    """Return all statements of a role's own policies, None where there is no such role."""
    for role in list(get_backend("iam")[ACCOUNT]["aws"].roles.values()):
        if role.name == role_name:
            # From CloudFormation they come parsed, from the API as text.
            documents = (json.loads(p) if isinstance(p, str) else p for p in role.policies.values())
            statements = (each for document in documents for each in _many(document["Statement"]))
            return [each for each in statements if each is not None]  # AWS::NoValue
    return None


def grants(role: str, statements: Iterable[dict[str, Any]]) -> set[Grant]:
    """Return all that these statements of a role allow."""
    return {
        _grant(role, statement, action, pattern)
        for statement in statements
        for action, pattern in product(_many(statement["Action"]), _many(statement["Resource"]))
    }


def grants_of_all_roles() -> set[Grant]:
    """Return all that the roles which exist now are allowed, whether they have called or not."""
    names = [role.name for role in list(get_backend("iam")[ACCOUNT]["aws"].roles.values())]
    return {grant for name in names for grant in grants(name, policy_statements(name) or ())}


def allowing_grants(
    statements: Iterable[dict[str, Any]], call: Call, resource: str
) -> Iterator[Grant]:
    """Yield the grants that allow the call on the resource: none is a denial; ours deny nothing."""
    for statement in statements:
        actions = [each for each in _many(statement["Action"]) if fnmatchcase(call.action, each)]
        patterns = [each for each in _many(statement["Resource"]) if fnmatchcase(resource, each)]
        if (
            actions
            and patterns
            and statement["Effect"] == "Allow"
            and _conditions_hold(statement.get("Condition", {}), call, resource)
        ):
            for action, pattern in product(actions, patterns):
                yield _grant(call.role, statement, action, pattern)


def _grant(role: str, statement: Mapping[str, Any], action: str, pattern: str) -> Grant:
    # CloudFormation names a role after its stack, its logical id and a random part.
    return Grant(
        role.split("-")[-2], statement.get("Sid", "without Sid"), action, resource_type(pattern)
    )


def resource_type(arn: str) -> str:
    """Return service and type of what an ARN names: a queue's has no type, "*" has neither."""
    if arn == "*":
        return arn
    _, _, service, _, _, resource = arn.split(":", 5)
    kind = re.match(r"[a-z-]+(?=[:/])", resource)
    return f"{service}:{kind[0]}" if kind else service


def _many(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _conditions_hold(
    conditions: Mapping[str, Mapping[str, Any]], call: Call, resource: str
) -> bool:
    return all(
        _condition_holds(operator, key, set(_many(wanted)), call, resource)
        for operator, pairs in conditions.items()
        for key, wanted in pairs.items()
    )


def _condition_holds(operator: str, key: str, wanted: set[str], call: Call, resource: str) -> bool:
    values = _values(operator, key, call, resource)
    match operator:
        case "StringEquals" | "ArnEquals":  # the latter without wildcards, which ours has none of
            return len(values) == 1 and values <= wanted
        case "ForAllValues:StringEquals":
            return values <= wanted  # also where there are none
        case "ForAnyValue:StringEquals":
            return bool(values & wanted)
        case "Null":
            return ("false" if values else "true") in wanted
        case _:
            raise UnknownConditionError(f"{operator} {key}")


def _values(operator: str, key: str, call: Call, resource: str) -> frozenset[str]:
    """Return what the call says about a condition key on one of its resources."""
    name, _, tag = key.partition("/")
    if name in _OF_RESOURCES:
        return _tag(resource, tag)
    if key == "ec2:Vpc":
        return _vpc(resource)
    if name == "aws:RequestTag" or key in _CONTEXT_KEYS:
        others = name in _OF_TAGGED and call.tagged not in {None, resource}
        return frozenset() if others else call.context.get(key, frozenset())
    raise UnknownConditionError(f"{operator} {key}")


def _tag(resource: str, tag: str) -> frozenset[str]:
    """Return the value of a tag: of EC2's resources and caches, others of ours have none."""
    if resource.startswith(_EC2):
        tags = get_backend("ec2")[ACCOUNT][REGION].tags.get(resource.rsplit("/", 1)[1], {})
    else:
        caches = Responses.fleet.resources
        tags = next((cache.tags for cache in caches if cache.arn == resource), {})
    return frozenset({tags[tag]} if tag in tags else ())


def _vpc(resource: str) -> frozenset[str]:
    """Return the ARN of the VPC that a security group, or a network interface, is in."""
    ec2 = get_backend("ec2")[ACCOUNT][REGION]
    _, _, name = resource.removeprefix(_EC2).partition("/")
    interface = ec2.enis.get(name)
    found = ec2.get_security_group_from_id(name) if interface is None else interface
    return frozenset({f"{_EC2}vpc/{found.vpc_id}"} if found is not None else ())


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
