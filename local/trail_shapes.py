"""How CloudTrail writes the parameters of a call, and its answer.

Calls of EC2's older API have names with a small first letter and lists as `{"items": [...]}`; those
of its newer one are wrapped in the name of the request, with EC2's own names and a `tag` in each
element of a list. ElastiCache's lists are plain.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from xml.etree import ElementTree as ET

    from local.api_call import Request

_WRAPPED = {
    "ModifySecurityGroupRules", "CreateManagedPrefixList", "ModifyManagedPrefixList",
    "RestoreManagedPrefixListVersion",
}  # fmt: skip
# Lists whose name in a request is not the one in an event: the list's, and where it holds plain
# texts, that of each.
_LISTS = {
    "SecurityGroupId": ("groupSet", "groupId"),
    "ResourceId": ("resourcesSet", "resourceId"),
    "InstanceId": ("instancesSet", "instanceId"),
    "SecurityGroupRuleId": ("securityGroupRuleIds", "securityGroupRuleId"),
    "Tag": ("tagSet", ""),
    "TagSpecification": ("tagSpecificationSet", ""),
    "NetworkInterface": ("networkInterfaceSet", ""),
}
_OF_A_PERMISSION = ("groups", "ipRanges", "ipv6Ranges", "prefixListIds")
_OF_INSTANCES = ("imageId", "minCount", "maxCount")
_PROTOCOL = {"Action", "Version"}
_TEXTS = {"description", "ipprotocol", "key", "value"}


def request_parameters(request: Request) -> dict[str, Any]:
    """Return a request as an event has it."""
    tree = _tree({k: v for k, v in request.parameters.items() if k not in _PROTOCOL})
    if request.service != "ec2":
        return {_small(key): _plain(value) for key, value in tree.items()}
    if request.name in _WRAPPED:
        return {f"{request.name}Request": _wrapped(tree)}
    shape = dict(_older(key, value) for key, value in tree.items())
    if request.name == "RunInstances":
        shape["instancesSet"] = {"items": [{key: shape.pop(key) for key in _OF_INSTANCES}]}
    for permission in shape.get("ipPermissions", {}).get("items", []):
        for kind in _OF_A_PERMISSION:
            permission.setdefault(kind, {})
    return shape


def response_elements(answer: ET.Element) -> dict[str, Any]:
    """Return an answer as an event has it: its own XML, with lists as items."""
    shape = _element(answer)
    return shape if isinstance(shape, dict) else {}


def _tree(flat: dict[str, str]) -> dict[str, Any]:
    """Return parameters as a tree of their names' parts."""
    tree: dict[str, Any] = {}
    for name, value in flat.items():
        *path, last = name.split(".")
        place = tree
        for part in path:
            place = place.setdefault(part, {})
        place[last] = _typed(last, value)
    return tree


def _items(value: Any) -> list[Any] | None:
    """Return the elements of a list, None where it is none: its keys are its places."""
    if isinstance(value, dict) and value and all(key.isdigit() for key in value):
        return [value[key] for key in sorted(value, key=int)]
    return None


def _older(key: str, value: Any) -> tuple[str, Any]:
    items = _items(value)
    if items is None:
        inner = dict(_older(*each) for each in value.items()) if isinstance(value, dict) else value
        return _small(key), inner
    name, of_each = _LISTS.get(key, (_small(key), _small(key)))
    shapes = [
        dict(_older(*part) for part in each.items()) if isinstance(each, dict) else {of_each: each}
        for each in items
    ]
    return name, {"items": shapes}


def _wrapped(value: Any, place: int | None = None) -> Any:
    if not isinstance(value, dict):
        return value
    shape: dict[str, Any] = {} if place is None else {"tag": place}
    for key, each in value.items():
        items = _items(each)
        if items is None:
            shape[key] = _wrapped(each)
        else:
            shapes = [_wrapped(item, number) for number, item in enumerate(items, 1)]
            shape[key] = shapes[0] if len(shapes) == 1 else shapes
    return shape


def _plain(value: Any) -> Any:
    """Return a value of the query protocol: its lists have a level for the element's name."""
    if not isinstance(value, dict):
        return value
    if len(value) == 1:
        items = _items(next(iter(value.values())))
        if items is not None:
            return [_plain(each) for each in items]
    return {_small(key): _plain(each) for key, each in value.items()}


def _element(element: ET.Element) -> Any:
    children = list(element)
    if not children:
        return _typed(_name(element), element.text) if element.text else {}
    names = [_name(child) for child in children]
    if set(names) == {"item"}:
        return {"items": [_element(child) for child in children]}
    return {
        "_return" if name == "return" else name: _element(child)
        for name, child in zip(names, children, strict=True)
    }


def _name(element: ET.Element) -> str:
    return element.tag.rsplit("}", 1)[-1]


def _typed(name: str, value: str) -> Any:
    """Return a value as JSON has it: numbers and truth, but not where somebody wrote a text."""
    if name.lower() in _TEXTS:
        return value
    if value in {"true", "false"}:
        return value == "true"
    return int(value) if re.fullmatch(r"-?\d{1,9}", value) else value


def _small(name: str) -> str:
    return name[:1].lower() + name[1:]
