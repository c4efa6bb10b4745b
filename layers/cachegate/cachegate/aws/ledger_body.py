"""The ledger of one VPC as compressed canonical JSON: what is read equals what was written."""

from __future__ import annotations

import gzip
import json
from dataclasses import asdict
from ipaddress import IPv4Address, IPv4Network
from typing import TYPE_CHECKING, Any

from cachegate.domain.address import Holding
from cachegate.domain.forward import ForwardKind, Target
from cachegate.domain.ledger import CacheGroups, Enrolling, Lease, Ledger, NatSide, Withheld
from cachegate.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable

SCHEMA = 1


def pack(ledger: Ledger) -> bytes:
    """Return gzip(JSON); equal ledgers give equal bytes."""
    text = json.dumps(_to_json(ledger), sort_keys=True, separators=(",", ":"))
    return gzip.compress(text.encode(), mtime=0)


def unpack(body: bytes) -> Ledger:
    """Read what `pack` wrote; raise ConfigurationError where a newer version wrote it."""
    data = json.loads(gzip.decompress(body))
    if data["schema"] != SCHEMA:
        raise ConfigurationError(
            f"a newer version wrote the ledger (schema {data['schema']}): deploy that one"
        )
    return Ledger(
        vpc_id=data["vpc_id"],
        generation=data["generation"],
        leases={key: _lease_from_json(lease) for key, lease in data["leases"].items()},
        sources=_networks(data["sources"]),
        targets_within=_networks(data["targets_within"]),
        braked_since=data["braked_since"],
        braked_digest=data["braked_digest"],
        detached=data["detached"],
        nat_instances=tuple(data["nat_instances"]),
        # A version before this field wrote none.
        enrolling={
            cache: _enrolling_from_json(note) for cache, note in data.get("enrolling", {}).items()
        },
        # Nor these.
        holding=Holding(**holding) if (holding := data.get("holding")) else None,
        cache_groups={
            cache: CacheGroups(vpc_id=each["vpc_id"], groups=tuple(each["groups"]))
            for cache, each in data.get("cache_groups", {}).items()
        },
        nat_sides={
            instance: NatSide(**each | {"address": IPv4Address(each["address"])})
            for instance, each in data.get("nat_sides", {}).items()
        },
        openings=tuple(data.get("openings", ())),
        unprotected=tuple(data.get("unprotected", ())),
        withheld={cache: Withheld(**each) for cache, each in data.get("withheld", {}).items()},
    )


def _to_json(ledger: Ledger) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "vpc_id": ledger.vpc_id,
        "generation": ledger.generation,
        "leases": {key: _lease_to_json(lease) for key, lease in ledger.leases.items()},
        "sources": [str(network) for network in ledger.sources],
        "targets_within": [str(network) for network in ledger.targets_within],
        "braked_since": ledger.braked_since,
        "braked_digest": ledger.braked_digest,
        "detached": ledger.detached,
        "nat_instances": ledger.nat_instances,
        "enrolling": {cache: asdict(note) for cache, note in ledger.enrolling.items()},
        "holding": asdict(ledger.holding) if ledger.holding else None,
        "cache_groups": {cache: asdict(each) for cache, each in ledger.cache_groups.items()},
        "nat_sides": {
            instance: asdict(each) | {"address": str(each.address)}
            for instance, each in ledger.nat_sides.items()
        },
        "openings": ledger.openings,
        "unprotected": ledger.unprotected,
        "withheld": {cache: asdict(each) for cache, each in ledger.withheld.items()},
    }


def _enrolling_from_json(data: dict[str, Any]) -> Enrolling:
    return Enrolling(**data | {"absent": tuple(data["absent"])})


def _lease_to_json(lease: Lease) -> dict[str, Any]:
    candidate = lease.candidate
    return {
        "key": lease.key,
        "cache": lease.cache,
        "kind": lease.kind.value,
        "listen": lease.listen,
        "targets": _targets_to_json(lease.targets),
        "leased_at": lease.leased_at,
        "changed_at": lease.changed_at,
        "reason": lease.reason,
        "missing_since": lease.missing_since,
        "resting_since": lease.resting_since,
        "candidate": None if candidate is None else _targets_to_json(candidate),
        "candidate_since": lease.candidate_since,
        "left": [[str(address), at] for address, at in lease.left],
        "lost": _targets_to_json(lease.lost),
    }


def _lease_from_json(data: dict[str, Any]) -> Lease:
    return Lease(
        key=data["key"],
        cache=data["cache"],
        kind=ForwardKind(data["kind"]),
        listen=data["listen"],
        targets=_targets(data["targets"]),
        leased_at=data["leased_at"],
        changed_at=data["changed_at"],
        reason=data["reason"],
        missing_since=data["missing_since"],
        resting_since=data["resting_since"],
        candidate=None if data["candidate"] is None else _targets(data["candidate"]),
        candidate_since=data["candidate_since"],
        left=tuple((IPv4Address(address), at) for address, at in data["left"]),
        lost=_targets(data.get("lost", ())),  # a version before this field wrote none
    )


def _targets_to_json(targets: Iterable[Target]) -> list[list[Any]]:
    return [[str(target.address), target.port] for target in targets]


def _targets(data: Iterable[tuple[str, int]]) -> tuple[Target, ...]:
    return tuple(Target(IPv4Address(address), port) for address, port in data)


def _networks(data: Iterable[str]) -> tuple[IPv4Network, ...]:
    return tuple(IPv4Network(network) for network in data)
