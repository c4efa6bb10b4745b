"""Decode a payload and check every field of it, so that nothing downstream needs to check again."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
import zlib
from ipaddress import IPv4Network
from typing import Any, Dict, FrozenSet, Iterable, List, NoReturn, Tuple

from cachegate_agent.errors import Refused
from cachegate_agent.rules import Forward, Rules, Target, address_of

LIMIT = 1 << 20  # bytes, unpacked: a gzip bomb ends here
KINDS = ("node", "primary", "readers", "endpoint")
SEVERAL_TARGETS = ("readers", "endpoint")  # a serverless endpoint has an address in each zone
FIELDS = frozenset(
    ("schema", "owner", "generation", "digest", "targets_within", "sources", "forwards")
)
OPTIONAL_FIELDS = frozenset(("adopt",))
FORWARD_FIELDS = frozenset(Forward._fields)
RESERVED_PORTS = {22: "ssh"}
MAX_OWNER = 2048  # characters, the longest ARN
MAX_GENERATION = (1 << 53) - 1  # the largest integer that every JSON reader keeps exactly

_NETWORK = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}/\d{1,2}", re.ASCII)
_DIGEST = re.compile(r"[0-9a-f]{64}", re.ASCII)

# Never a cache node, whatever targets_within says: above all not the instance's own metadata
# service, which would hand out the credentials of its role.
NEVER_TARGETS = tuple(
    IPv4Network(network)
    for network in ("0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/4", "240.0.0.0/4")
)


def decode(text: str) -> Dict[str, Any]:
    """Turn base64(gzip(JSON)) into a JSON object; raise Refused for anything else."""
    try:
        packed = base64.b64decode(text.encode("ascii"), validate=True)
    except (UnicodeEncodeError, binascii.Error) as error:
        raise _malformed("payload", f"not base64 ({error})") from error
    return parse(_unpack(packed))


def _unpack(packed: bytes) -> bytes:
    unpacker = zlib.decompressobj(wbits=31)  # 31: gzip only
    try:
        plain = unpacker.decompress(packed, LIMIT + 1)
    except zlib.error as error:
        raise _malformed("payload", f"not gzip ({error})") from error
    if len(plain) > LIMIT:
        raise _malformed("payload", f"more than {LIMIT} bytes unpacked")
    if not unpacker.eof or unpacker.unused_data:
        raise _malformed("payload", "gzip data cut off, or followed by other data")
    return plain


def parse(plain: bytes) -> Dict[str, Any]:
    """Read one JSON object without the liberties that Python's parser takes."""
    try:
        document = json.loads(
            plain.decode("utf-8"),
            object_pairs_hook=_object,
            parse_float=_no_number,
            parse_constant=_no_number,
            parse_int=_integer,
        )
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise _malformed("payload", f"not JSON ({error})") from error
    if not isinstance(document, dict):
        raise _malformed("payload", "not a JSON object")
    return document


def _object(pairs: List[Tuple[str, Any]]) -> Dict[str, Any]:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        raise _malformed("payload", "a field stands twice in one object")
    return fields


def _no_number(text: str) -> NoReturn:
    raise _malformed("payload", f"number {text[:20]} is not an integer")


def _integer(text: str) -> int:
    if len(text) > 17:
        raise _malformed("payload", f"number {text[:20]}... is too large")
    return int(text)


def rules_of(document: Dict[str, Any]) -> Rules:
    """Check a decoded payload and return it as values; raise Refused naming the field."""
    _check_fields(document, FIELDS, OPTIONAL_FIELDS)
    if document["schema"] != 1 or isinstance(document["schema"], bool):
        raise _malformed("schema", "unknown; this agent knows 1")
    if "adopt" in document:
        _owner(document["adopt"], "adopt")
    within = _networks(document["targets_within"], "targets_within")
    rules = Rules(
        owner=_owner(document["owner"], "owner"),
        generation=_number(document["generation"], "generation", MAX_GENERATION),
        digest=_digest(document),
        targets_within=within,
        sources=_networks(document["sources"], "sources"),
        forwards=_forwards(document["forwards"]),
    )
    _check_targets(rules)
    return rules


def digest_of(document: Dict[str, Any]) -> str:
    """Return the digest of a payload's forwards and sources, lists as received."""
    content = {"forwards": document["forwards"], "sources": document["sources"]}
    return hashlib.sha256(
        json.dumps(content, sort_keys=True, separators=(",", ":")).encode()
    ).hexdigest()


def _check_fields(
    document: Dict[str, Any], needed: FrozenSet[str], optional: FrozenSet[str], at: str = ""
) -> None:
    for name in sorted((document.keys() ^ needed) - optional):
        if name in needed:
            raise _malformed(f"{at}{name}", "missing")
        raise _malformed(f"{at}{name[:40]}", "unknown field")


def _owner(value: Any, field: str) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= MAX_OWNER or not _is_text(value):
        raise _malformed(field, f"not a text of 1 to {MAX_OWNER} characters")
    return value


def _is_text(value: str) -> bool:
    """Tell whether a string can be written as UTF-8: JSON may smuggle in half a character."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _number(value: Any, field: str, largest: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= largest:
        raise _malformed(field, f"not an integer from 1 to {largest}")
    return value


def _digest(document: Dict[str, Any]) -> str:
    digest = document["digest"]
    if not isinstance(digest, str) or not _DIGEST.fullmatch(digest):
        raise _malformed("digest", "not 64 lower-case hexadecimal digits")
    actual = digest_of(document)
    if digest != actual:
        raise _malformed("digest", f"the content's is {actual}")
    return digest


def _networks(value: Any, field: str) -> Tuple[IPv4Network, ...]:
    return tuple(
        _network(item, f"{field}[{index}]") for index, item in enumerate(_list(value, field))
    )


def _network(value: Any, field: str) -> IPv4Network:
    # The pattern first: the constructor also takes integers, netmasks and bare addresses.
    if not isinstance(value, str) or not _NETWORK.fullmatch(value):
        raise _malformed(field, "not an IPv4 network such as 10.0.0.0/16")
    try:
        return IPv4Network(value)
    except ValueError as error:
        raise _malformed(field, str(error)) from error


def _list(value: Any, field: str) -> List[Any]:
    if not isinstance(value, list):
        raise _malformed(field, "not a list")
    return value


def _forwards(value: Any) -> Tuple[Forward, ...]:
    forwards = []
    holders: Dict[int, str] = {}
    for index, item in enumerate(_list(value, "forwards")):
        at = f"forwards[{index}]"
        forward = _forward(item, at)
        if forward.listen in holders:
            raise _malformed(f"{at}.listen", f"{forward.listen} is {holders[forward.listen]} too")
        holders[forward.listen] = at
        forwards.append(forward)
    return tuple(forwards)


def _forward(item: Any, at: str) -> Forward:
    if not isinstance(item, dict):
        raise _malformed(at, "not an object")
    _check_fields(item, FORWARD_FIELDS, frozenset(), f"{at}.")
    listen = _number(item["listen"], f"{at}.listen", 65535)
    if listen in RESERVED_PORTS:
        raise _malformed(f"{at}.listen", f"{listen} is reserved for {RESERVED_PORTS[listen]}")
    if not isinstance(item["kind"], str) or item["kind"] not in KINDS:
        raise _malformed(f"{at}.kind", f"none of {', '.join(KINDS)}")
    if not isinstance(item["key"], str) or not _is_text(item["key"]):
        raise _malformed(f"{at}.key", "not a text")
    targets = _targets(item["targets"], f"{at}.targets")
    if len(targets) > 1 and item["kind"] not in SEVERAL_TARGETS:
        raise _malformed(f"{at}.targets", f"kind {item['kind']} has at most one")
    return Forward(listen, item["kind"], item["key"], targets)


def _targets(value: Any, field: str) -> Tuple[Target, ...]:
    targets: List[Target] = []
    for index, item in enumerate(_list(value, field)):
        at = f"{field}[{index}]"
        target = _target(item, at)
        if target in targets:
            raise _malformed(at, f"{target} stands twice")
        targets.append(target)
    return tuple(targets)


def _target(item: Any, at: str) -> Target:
    if not isinstance(item, list) or len(item) != 2 or not isinstance(item[0], str):
        raise _malformed(at, "not [address, port]")
    try:
        address = address_of(item[0])
    except ValueError as error:
        raise _malformed(at, str(error)) from error
    return Target(address, _number(item[1], f"{at}[1]", 65535))


def _check_targets(rules: Rules) -> None:
    # As numbers: asking each network about each of thousands of addresses takes far longer.
    never, within = _spans(NEVER_TARGETS), _spans(rules.targets_within)
    for index, forward in enumerate(rules.forwards):
        for place, target in enumerate(forward.targets):
            number = int(target.address)
            if _is_in(number, never) or not _is_in(number, within):
                at = f"forwards[{index}].targets[{place}]"
                problem = f"{target.address} is outside targets_within"
                raise Refused("target_not_allowed", f"{at}: {problem}")


def _spans(networks: Iterable[IPv4Network]) -> List[Tuple[int, int]]:
    return [(int(each.network_address), int(each.broadcast_address)) for each in networks]


def _is_in(number: int, spans: List[Tuple[int, int]]) -> bool:
    return any(first <= number <= last for first, last in spans)


def _malformed(field: str, problem: str) -> Refused:
    return Refused("malformed", f"{field}: {problem}")
