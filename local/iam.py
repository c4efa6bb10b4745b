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
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from moto.backends import get_backend

from local.caches import ACCOUNT, REGION, arn
from local.elasticache import Responses

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

_SCOPE = re.compile(r"Credential=([^/]+)/\d+/([^/]+)/([^/]+)/")
_PREFIXES = {"tagging": "tag"}  # where the name in a policy is not the name in a signature
# Beside tags of resources.
_CONTEXT_KEYS = {"aws:RequestedRegion", "aws:TagKeys", "ec2:CreateAction", "events:source"}
_EC2 = f"arn:aws:ec2:{REGION}:{ACCOUNT}:"
_INSTANCE = f"{_EC2}instance/"
# What a call is checked against: the resource that a parameter names (a trail by its ARN), or all
# of a type
# (https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html).
_CHECKED = {
    "cloudtrail:GetEventSelectors": ("TrailName", "{}"),
    "cloudtrail:GetTrailStatus": ("Name", "{}"),
    "ec2:AuthorizeSecurityGroupIngress": ("GroupId", f"{_EC2}security-group/{{}}"),
    "ec2:GetManagedPrefixListEntries": ("PrefixListId", f"{_EC2}prefix-list/{{}}"),
    "ec2:RevokeSecurityGroupIngress": ("GroupId", f"{_EC2}security-group/{{}}"),
    "elasticache:DescribeCacheClusters": ("CacheClusterId", arn("cluster", "{}")),
    "elasticache:DescribeCacheSubnetGroups": ("CacheSubnetGroupName", arn("subnetgroup", "{}")),
    "elasticache:DescribeReplicationGroups": ("ReplicationGroupId", arn("replicationgroup", "{}")),
    "elasticache:DescribeServerlessCaches": ("ServerlessCacheName", arn("serverlesscache", "{}")),
    "elasticache:ModifyCacheCluster": ("CacheClusterId", arn("cluster", "{}")),
    "elasticache:ModifyReplicationGroup": ("ReplicationGroupId", arn("replicationgroup", "{}")),
}
# What a call makes, and is checked against as well; its tags are a CreateTags on that
# (https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/supported-iam-actions-tagging.html).
_MAKES = {"ec2:AuthorizeSecurityGroupIngress": f"{_EC2}security-group-rule/*"}
_NAMED_BY = {"TableName": f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{{}}", "TopicArn": "{}"}
_TAGGED = {"sgr": "security-group-rule"}  # what ids of resources that functions tag begin with
_TAG_KEY = re.compile(r"(TagSpecification\.\d+\.)?Tag\.\d+\.Key")


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


@dataclass(slots=True)
class Gate:
    """WSGI around moto's server: refuses what a role's policies do not allow."""

    application: Callable[..., Iterable[bytes]]
    granted: set[Grant] = field(default_factory=set)  # of the roles that have called
    used: set[Grant] = field(default_factory=set)
    denied: list[Call] = field(default_factory=list)
    calls: Counter[str] = field(default_factory=Counter)  # those allowed, by action

    def __call__(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        """Answer one request, or pass it on."""
        signature = _SCOPE.search(environ.get("HTTP_AUTHORIZATION", ""))
        statements = policy_statements(signature[1]) if signature else None
        if signature is None or statements is None:
            return self.application(environ, start)
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = io.BytesIO(body)
        target = environ.get("HTTP_X_AMZ_TARGET")
        calls = _calls(signature, target, body)
        self.granted |= grants(signature[1], statements)
        used: set[Grant] = set()
        for call in calls:
            allowing = [set(allowing_grants(statements, call, each)) for each in call.resources]
            if not all(allowing):
                self.denied.append(call)
                return _refuse(call, start, in_json=target is not None)
            used.update(*allowing)
        self.used |= used
        self.calls[calls[0].action] += 1
        return self.application(environ, start)


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
    name, _, tag = key.partition("/")
    if name in {"ssm:resourceTag", "aws:ResourceTag"}:
        values = _tag(resource, tag)
    elif key in _CONTEXT_KEYS:
        values = call.context.get(key, frozenset())
    else:
        raise UnknownConditionError(f"{operator} {key}")
    match operator:
        case "StringEquals":
            return len(values) == 1 and values <= wanted
        case "ForAllValues:StringEquals":
            return values <= wanted  # also where there are none
        case "Null":
            return ("false" if values else "true") in wanted
        case _:
            raise UnknownConditionError(f"{operator} {key}")


def _tag(resource: str, tag: str) -> frozenset[str]:
    """Return the value of a tag, of an instance or a cache; other resources of ours have none."""
    if resource.startswith(_INSTANCE):
        instance_id = resource.removeprefix(_INSTANCE)
        tags = get_backend("ec2")[ACCOUNT][REGION].tags[instance_id]
    else:
        caches = Responses.fleet.resources
        tags = next((cache.tags for cache in caches if cache.arn == resource), {})
    return frozenset({tags[tag]} if tag in tags else ())


def _calls(signature: re.Match[str], target: str | None, body: bytes) -> tuple[Call, ...]:
    """Read what a request asks: JSON with its target in a header, or a form with its action."""
    role, region, service = signature.groups()
    if target is not None:
        name, parameters = target.rsplit(".", 1)[1], json.loads(body or b"{}")
    else:
        parameters = {key: values[0] for key, values in parse_qs(body.decode()).items()}
        name = parameters["Action"]
    action = f"{_PREFIXES.get(service, service)}:{name}"
    context = {"aws:RequestedRegion": frozenset({region})}
    if action == "events:PutEvents":
        sources = (entry["Source"] for entry in parameters["Entries"] if "Source" in entry)
        context["events:source"] = frozenset(sources)
    tags = {value for key, value in parameters.items() if _TAG_KEY.fullmatch(key)}
    if tags:
        context["aws:TagKeys"] = frozenset(tags)
    call = Call(role, service, action, _resources(action, parameters), context)
    if action not in _MAKES or not tags:
        return (call,)
    made = context | {"ec2:CreateAction": frozenset({name})}
    return (call, Call(role, service, "ec2:CreateTags", (_MAKES[action],), made))


def _resources(action: str, parameters: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the ARNs that the service checks, "*" where it knows none."""
    base = f"{REGION}:{ACCOUNT}"
    if action in _CHECKED:
        parameter, form = _CHECKED[action]
        named = form.format(parameters.get(parameter, "*"))
        return (named, _MAKES[action]) if action in _MAKES else (named,)
    if action == "ec2:CreateTags":
        return tuple(_tagged(value) for key, value in parameters.items() if "ResourceId" in key)
    for parameter, form in _NAMED_BY.items():
        if parameter in parameters:
            return (form.format(parameters[parameter]),)
    if "QueueUrl" in parameters:
        return (f"arn:aws:sqs:{base}:{parameters['QueueUrl'].rsplit('/', 1)[1]}",)
    return _of_several(action, parameters, base)


def _tagged(resource_id: str) -> str:
    prefix = resource_id.partition("-")[0]
    return f"{_EC2}{_TAGGED.get(prefix, prefix)}/{resource_id}"


def _of_several(action: str, parameters: Mapping[str, Any], base: str) -> tuple[str, ...]:
    """Return the ARNs of a call that names several resources, or none."""
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
