"""What a signed request asks of AWS: who calls what, and everything that policies may look at.

Actions, types of resources and condition keys are those of AWS's Service Authorization Reference
(https://docs.aws.amazon.com/service-authorization/latest/reference/).
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from moto.backends import get_backend

from local.caches import ACCOUNT, REGION, arn
from local.prefix_lists import list_arn

if TYPE_CHECKING:
    from collections.abc import Mapping

_SCOPE = re.compile(r"Credential=([^/]+)/\d+/([^/]+)/([^/]+)/")
_PREFIXES = {"tagging": "tag"}  # where the name in a policy is not the name in a signature
_BASE = f"{REGION}:{ACCOUNT}"
_EC2 = f"arn:aws:ec2:{_BASE}:"
# What a call is checked against: the resource that a parameter names, or all of a type.
_CHECKED = {
    "cloudtrail:GetEventSelectors": ("TrailName", f"arn:aws:cloudtrail:{_BASE}:trail/{{}}"),
    "cloudtrail:GetTrailStatus": ("Name", f"arn:aws:cloudtrail:{_BASE}:trail/{{}}"),
    "ec2:AuthorizeSecurityGroupEgress": ("GroupId", f"{_EC2}security-group/{{}}"),
    "ec2:AuthorizeSecurityGroupIngress": ("GroupId", f"{_EC2}security-group/{{}}"),
    "ec2:GetManagedPrefixListEntries": ("PrefixListId", f"{_EC2}prefix-list/{{}}"),
    "ec2:ReleaseAddress": ("AllocationId", f"{_EC2}elastic-ip/{{}}"),
    "ec2:RevokeSecurityGroupEgress": ("GroupId", f"{_EC2}security-group/{{}}"),
    "ec2:RevokeSecurityGroupIngress": ("GroupId", f"{_EC2}security-group/{{}}"),
    "elasticache:DescribeCacheClusters": ("CacheClusterId", arn("cluster", "{}")),
    "elasticache:DescribeCacheSecurityGroups": (
        "CacheSecurityGroupName",
        arn("securitygroup", "{}"),
    ),
    "elasticache:DescribeCacheSubnetGroups": ("CacheSubnetGroupName", arn("subnetgroup", "{}")),
    "elasticache:DescribeReplicationGroups": ("ReplicationGroupId", arn("replicationgroup", "{}")),
    "elasticache:DescribeServerlessCaches": ("ServerlessCacheName", arn("serverlesscache", "{}")),
    "elasticache:ModifyCacheCluster": ("CacheClusterId", arn("cluster", "{}")),
    "elasticache:ModifyReplicationGroup": ("ReplicationGroupId", arn("replicationgroup", "{}")),
}
# What a call makes, and is checked against as well; its tags are a CreateTags on that
# (https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/supported-iam-actions-tagging.html).
_MAKES = {
    "ec2:AuthorizeSecurityGroupEgress": f"{_EC2}security-group-rule/*",
    "ec2:AuthorizeSecurityGroupIngress": f"{_EC2}security-group-rule/*",
}
_NAMED_BY = {"TableName": f"arn:aws:dynamodb:{_BASE}:table/{{}}", "TopicArn": "{}"}
# What ids of resources that are tagged begin with.
_TAGGED = {
    "eipalloc": "elastic-ip", "i": "instance", "sg": "security-group",
    "sgr": "security-group-rule",
}  # fmt: skip
_TAG_KEY = re.compile(r"(TagSpecification\.\d+\.)?Tag\.\d+\.Key")


@dataclass(frozen=True, slots=True)
class Call:
    """One API call: who makes it, what it does, and to what."""

    role: str
    service: str
    action: str  # as policies name it, for example ssm:SendCommand
    resources: tuple[str, ...]  # all of them must be allowed
    context: Mapping[str, frozenset[str]] = field(default_factory=dict)  # condition keys' values
    # The one resource that the request's tags are for, None where they are for all: a statement
    # with a condition on them does not cover the others.
    tagged: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One signed request, before anybody judges it."""

    caller: str  # the access key, which says here who calls
    region: str
    service: str  # as signatures name it
    name: str  # of the operation
    in_json: bool
    parameters: Mapping[str, Any]  # JSON, or the flat names of a form

    @property
    def action(self) -> str:
        """The name in policies."""
        return f"{_PREFIXES.get(self.service, self.service)}:{self.name}"


@dataclass(frozen=True, slots=True)
class Signer:
    """Who signed a request, as its header says."""

    caller: str
    region: str
    service: str


def signer(environ: Mapping[str, Any]) -> Signer | None:
    """Return who signed a request, None where nobody did."""
    signature = _SCOPE.search(environ.get("HTTP_AUTHORIZATION", ""))
    return Signer(*signature.groups()) if signature else None


def read(signed: Signer, environ: Mapping[str, Any], body: bytes) -> Request:
    """Read a signed request: JSON with its target in a header, or a form with its action."""
    target = environ.get("HTTP_X_AMZ_TARGET")
    if target is not None:
        name, parameters = target.rsplit(".", 1)[1], json.loads(body or b"{}")
    else:
        parameters = {key: values[0] for key, values in parse_qs(body.decode()).items()}
        name = parameters["Action"]
    return Request(
        caller=signed.caller, region=signed.region, service=signed.service, name=name,
        in_json=target is not None, parameters=parameters,
    )  # fmt: skip


def calls(request: Request) -> tuple[Call, ...]:
    """Return what must be allowed: the call, and where it tags what it makes, that too."""
    role, service, asked = request.caller, request.service, request.parameters
    context = {"aws:RequestedRegion": frozenset({request.region})}
    tags = _tags(request)
    if request.action == "events:PutEvents":
        sources = (entry["Source"] for entry in asked["Entries"] if "Source" in entry)
        context["events:source"] = frozenset(sources)
    if tags:
        context["aws:TagKeys"] = frozenset(tags)
        context |= {f"aws:RequestTag/{key}": frozenset({value}) for key, value in tags.items()}
    made = _MAKES.get(request.action)
    call = Call(role, service, request.action, _resources(request.action, asked), context, made)
    if not tags or made is None:
        return (call,)
    making = context | {"ec2:CreateAction": frozenset({request.name})}
    return call, Call(role, service, "ec2:CreateTags", (made,), making)


def _tags(request: Request) -> dict[str, str]:
    """Return the tags that a call of EC2 gives, or takes away."""
    if request.service != "ec2":
        return {}
    return {
        value: str(request.parameters.get(f"{name.removesuffix('Key')}Value", ""))
        for name, value in request.parameters.items()
        if _TAG_KEY.fullmatch(name)
    }


def _resources(action: str, parameters: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the ARNs that the service checks, "*" where it knows none."""
    if action in _CHECKED:
        parameter, form = _CHECKED[action]
        named = _arn(form, str(parameters.get(parameter, "*")))
        return (named, _MAKES[action]) if action in _MAKES else (named,)
    if action in {"ec2:CreateTags", "ec2:DeleteTags"}:
        return tuple(_tagged(value) for key, value in parameters.items() if "ResourceId" in key)
    for parameter, form in _NAMED_BY.items():
        if parameter in parameters:
            return (form.format(parameters[parameter]),)
    if "QueueUrl" in parameters:
        return (f"arn:aws:sqs:{_BASE}:{parameters['QueueUrl'].rsplit('/', 1)[1]}",)
    return _of_several(action, parameters)


def _arn(form: str, name: str) -> str:
    """Return a resource's ARN, which a call may name itself; a list's has its owner in it."""
    if name.startswith("arn:"):
        return name
    found = get_backend("ec2")[ACCOUNT][REGION].managed_prefix_lists.get(name)
    return list_arn(found) if found else form.format(name)


def _tagged(resource_id: str) -> str:
    prefix = resource_id.partition("-")[0]
    return f"{_EC2}{_TAGGED.get(prefix, prefix)}/{resource_id}"


def _of_several(action: str, parameters: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the ARNs of a call that names several resources, or none."""
    if action in {"ec2:AssociateAddress", "ec2:DisassociateAddress"}:
        return _of_an_address(action, parameters)
    if action == "events:PutEvents":
        buses = {entry.get("EventBusName", "default") for entry in parameters["Entries"]}
        return tuple(f"arn:aws:events:{_BASE}:event-bus/{bus}" for bus in sorted(buses))
    if action == "ssm:SendCommand":
        document = f"arn:aws:ssm:{_BASE}:document/{parameters['DocumentName']}"
        instances = (f"{_EC2}instance/{each}" for each in parameters["InstanceIds"])
        return (document, *instances)
    return ("*",)


def _of_an_address(action: str, parameters: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the Elastic IP of a call, and what the call names beside it.

    All that the reference names for these actions is optional
    (https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonec2.html); a call
    that takes an association away names its interface by that.
    """
    if action == "ec2:AssociateAddress":
        named = {
            "elastic-ip": parameters.get("AllocationId"),
            "instance": parameters.get("InstanceId"),
            "network-interface": parameters.get("NetworkInterfaceId"),
        }
    else:
        addresses: list[Any] = list(get_backend("ec2")[ACCOUNT][REGION].addresses)
        wanted = parameters.get("AssociationId")
        found = [each for each in addresses if each.association_id == wanted]
        named = {
            "elastic-ip": found[0].allocation_id if found else "*",
            "network-interface": found[0].eni.id if found else "*",
        }
    return tuple(f"{_EC2}{kind}/{name}" for kind, name in named.items() if name)
