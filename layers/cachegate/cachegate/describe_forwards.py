"""How one forward, and what stands behind it, is told in JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cachegate.describe_caches import describe_endpoint
from cachegate.domain.cache import Role
from cachegate.domain.forward import ForwardKind
from cachegate.planning.keys import reader_endpoint_key

if TYPE_CHECKING:
    from cachegate.domain.cache import Cache, CacheNode, Endpoint
    from cachegate.domain.ledger import Lease
    from cachegate.domain.plan import Plan


def describe_forward(
    lease: Lease, cache: Cache | None, public: list[str], held: str | None, plan: Plan
) -> dict[str, Any]:
    """Return one forward; `public` are the addresses that clients connect to."""
    node = _node(lease, cache)
    endpoint = _endpoint(lease, cache, node)
    withheld = plan.ledger.withheld.get(lease.cache) if lease.resting_since is None else None
    return {
        "listen": lease.listen,
        "public_addresses": public,
        "key": lease.key,
        "kind": lease.kind.value,
        "cache": lease.cache,
        "node": str(node.id) if node else None,
        "shard": node.shard if node else None,
        "role": _role(lease, node, plan),
        "engine": cache.engine if cache else None,
        "tls": cache.tls if cache and cache.described else None,
        "server_name": endpoint.host if endpoint else None,
        "endpoint": describe_endpoint(endpoint),
        "targets": [str(target) for target in plan.ledger.leads_to(lease)],
        "state": "withheld" if withheld else _state(lease),
        "reason": withheld.reason if withheld else lease.reason,
        "held": held,
        "since": withheld.since if withheld else lease.changed_at,
    }


def _node(lease: Lease, cache: Cache | None) -> CacheNode | None:
    if cache is None or lease.kind is not ForwardKind.NODE:
        return None
    return next((n for n in cache.nodes if lease.key == f"{cache.name}/{n.id}"), None)


def _endpoint(lease: Lease, cache: Cache | None, node: CacheNode | None) -> Endpoint | None:
    """Return whose name to verify in TLS; readers have several nodes, so the reader endpoint."""
    if cache is None:
        return None
    if lease.kind is ForwardKind.ENDPOINT:
        return cache.reader_endpoint if lease.key == reader_endpoint_key(cache) else cache.endpoint
    return {
        ForwardKind.NODE: node.endpoint if node else None,
        ForwardKind.PRIMARY: cache.primary_endpoint,
        ForwardKind.READERS: cache.reader_endpoint,
    }[lease.kind]


def _role(lease: Lease, node: CacheNode | None, plan: Plan) -> str | None:
    """Return the role by the plan's own decision, where the cache has roles at all."""
    if node is None or node.role is None or not lease.targets:
        return None
    primary = plan.ledger.leases.get(f"{lease.cache}/primary")
    if primary is None or not primary.targets:
        return node.role.value
    return (Role.PRIMARY if primary.targets == lease.targets else Role.REPLICA).value


def _state(lease: Lease) -> str:
    if lease.resting_since is not None:
        return "at_rest"
    if not lease.targets:
        return "waiting"
    return "leaving" if lease.missing_since is not None else "forwarding"
