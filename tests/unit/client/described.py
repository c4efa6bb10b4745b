"""Answers to `describe`, as short as a client needs them."""

from __future__ import annotations

from typing import Any

PUBLIC = "203.0.113.10"


def forward(listen: int, **facts: Any) -> dict[str, Any]:
    """A forward to the node with that listen port, unless `facts` say otherwise."""
    number = listen - 6379
    return {
        "listen": listen,
        "public_addresses": [PUBLIC],
        "kind": "node",
        "cache": "sessions",
        "node": f"sessions-{number:03}/0001",
        "shard": f"{number:04}",
        "role": "primary",
        "endpoint": f"node{number}.h4sh.cache.example:6379",
        "targets": [f"10.0.1.{number}:6379"],
        "state": "forwarding",
        "reason": "it is a node of sessions",
    } | facts


def description(
    *forwards: dict[str, Any], problems: tuple[dict[str, Any], ...] = (), **facts: Any
) -> dict[str, Any]:
    """An answer about the cache `sessions`; `facts` change what stands of it among the caches."""
    cache = {
        "cache": "sessions",
        "kind": "replication-group",
        "engine": "redis",
        "status": "available",
        "cluster_mode": True,
        "tls": False,
        "auth": False,
        "plaintext_accepted": True,
        "endpoint": "clustercfg.h4sh.cache.example:6379",
        "primary_endpoint": None,
        "reader_endpoint": None,
    } | facts
    return {
        "ok": True,
        "stack": "cachegate",
        "vpcs": [{"vpc": "vpc-1", "caches": [cache], "forwards": list(forwards)}],
        "not_forwarded": list(problems),
    }
