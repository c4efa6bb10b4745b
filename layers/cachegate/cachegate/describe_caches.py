"""How the caches of one VPC are told in JSON: what a client has to know before it connects."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cachegate.domain.cache import Cache, Endpoint, Observation
    from cachegate.domain.ledger import Lease


def describe_caches(seen: Observation, leases: Iterable[Lease]) -> list[dict[str, Any]]:
    """Return every cache that has forwards in the VPC, or is to have some, by name.

    A port at rest is no forward. A cache whose VPC AWS did not tell is in every observation, and
    is shown only where it has forwards.
    """
    having = {lease.cache for lease in leases if lease.resting_since is None}
    found = {c.name: c for c in seen.caches if c.vpc_id is not None or c.name in having}
    return [_cache(name, found.get(name)) for name in sorted(having | found.keys())]


def describe_endpoint(endpoint: Endpoint | None) -> str | None:
    """Return `host:port`."""
    return f"{endpoint.host}:{endpoint.port}" if endpoint else None


def _cache(name: str, cache: Cache | None) -> dict[str, Any]:
    """Return what is known: nothing where its tag was not seen, little where AWS did not answer."""
    told = cache if cache and cache.described else None
    return {
        "cache": name,
        "kind": cache.kind.value if cache else None,
        "engine": cache.engine if cache else "unknown",
        "status": cache.status if cache else "unknown",
        "cluster_mode": told.cluster_mode if told else None,
        "tls": told.tls if told else None,
        "tls_optional": told.tls_optional if told else None,
        "auth": told.auth if told else None,
        "plaintext_accepted": cache.plaintext_accepted if cache else None,
        "endpoint": describe_endpoint(told.endpoint) if told else None,
        "primary_endpoint": describe_endpoint(told.primary_endpoint) if told else None,
        "reader_endpoint": describe_endpoint(told.reader_endpoint) if told else None,
    }
