"""Undo records and findings as text: what is read equals what was written. Pure.

An undo record is plain JSON, with the rule as EC2 describes it and the command that gives it back,
so that a person who looks at the table needs nothing else. Findings are compressed: they are
replaced at every pass, and `cachegate` shows them.
"""

from __future__ import annotations

import gzip
import json
import shlex
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from cachegate.aws import rule_shapes
from cachegate.domain.groups import SecurityGroup
from cachegate.domain.ingress import Permission, UnknownSource
from cachegate.domain.revocation import Author, Revocation, RevocationState
from cachegate.errors import CachegateError, ConfigurationError, InvalidRuleError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SCHEMA = "1"
# An item holds 400 KB at most, names and the attributes for people included
# (https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Limits.html).
LARGEST_FINDINGS = 350_000
MOST_EVIDENCE = 500  # interfaces that a record names; thousands may share a group


def check(schema: str, name: str) -> None:
    """Raise ConfigurationError where another version wrote the record of this name."""
    if schema != SCHEMA:
        raise ConfigurationError(
            f"the record {name} has the schema {schema}, and this version reads {SCHEMA}: deploy "
            "the version that wrote it"
        )


def pack(revocation: Revocation) -> str:
    """Write an undo record; evidence beyond the first 500 words of it is counted only."""
    evidence = list(revocation.evidence)
    if len(evidence) > MOST_EVIDENCE:
        evidence[MOST_EVIDENCE:] = [f"and {len(evidence) - MOST_EVIDENCE} more"]
    data = asdict(revocation) | {
        "rule": rule_shapes.shape_of(revocation.rule),
        "evidence": evidence,
    }
    return json.dumps(data, indent=2)


def unpack(text: str, name: str) -> Revocation:
    """Read what `pack` wrote; raise ConfigurationError, with the record's name, where it is not."""
    try:
        data = json.loads(text)
        rule = rule_shapes.read(data["rule"])
        if isinstance(rule.source, UnknownSource):
            raise InvalidRuleError(str(rule.source))
        return Revocation(
            **data
            | {
                "rule": rule,
                "group": SecurityGroup(**data["group"]),
                "caches": tuple(data["caches"]),
                "evidence": tuple(data["evidence"]),
                "triggers": tuple(data["triggers"]),
                "state": RevocationState(data["state"]),
                "author": Author(**data["author"]) if data["author"] else None,
            }
        )
    except (CachegateError, KeyError, TypeError, ValueError) as error:
        raise ConfigurationError(
            f"the record {name} is damaged ({type(error).__name__}: {error}): restore the table to "
            "a time before, or take the record out"
        ) from error


def command(revocation: Revocation) -> str:
    """Write the command that gives the rule back by hand: what `restore` asks EC2 for."""
    rule = revocation.rule
    permission = Permission(
        traffic=rule.traffic, source=rule.source, description=rule.description, tags=rule.tags
    )
    request = rule_shapes.request(revocation.group.group_id, permission)
    words = ["aws", "ec2", "authorize-security-group-ingress", "--group-id", request["GroupId"]]
    words += ["--ip-permissions", json.dumps(request["IpPermissions"])]
    if "TagSpecifications" in request:
        words += ["--tag-specifications", json.dumps(request["TagSpecifications"])]
    return shlex.join(words)


def pack_findings(findings: Sequence[Mapping[str, Any]]) -> tuple[bytes, int]:
    """Return them as gzip(JSON), and how many of the last do not fit into an item."""
    kept = list(findings)
    while len(body := _compressed(kept)) > LARGEST_FINDINGS:
        kept = kept[: len(kept) * 9 // 10]
    return body, len(findings) - len(kept)


def unpack_findings(body: bytes) -> tuple[dict[str, Any], ...]:
    """Read what `pack_findings` wrote."""
    return tuple(json.loads(gzip.decompress(body)))


def _compressed(findings: Sequence[Mapping[str, Any]]) -> bytes:
    return gzip.compress(json.dumps(findings, separators=(",", ":")).encode(), mtime=0)
