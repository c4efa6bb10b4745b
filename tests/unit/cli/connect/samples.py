"""Answers to `describe` with one cache of each kind, and the connections that they give."""

from __future__ import annotations

from typing import Any

from cachegate.client.connection import Connection, connection_of

PUBLIC = "203.0.113.73"
DOMAIN = "h4sh.use1.cache.amazonaws.com"


def forward(listen: int, kind: str, inner: str, *targets: str, **more: Any) -> dict[str, Any]:
    """Return one forward of the cache `sessions` that leads somewhere."""
    return {
        "listen": listen,
        "public_addresses": [PUBLIC],
        "cache": "sessions",
        "kind": kind,
        "node": None,
        "shard": None,
        "role": None,
        "endpoint": inner,
        "targets": list(targets),
        "state": "forwarding",
        "reason": "found",
    } | more


def answer(forwards: list[dict[str, Any]], **facts: Any) -> dict[str, Any]:
    """Return an answer to `describe` that has the cache `sessions` alone."""
    cache = {
        "cache": "sessions",
        "kind": "replication-group",
        "engine": "valkey",
        "status": "available",
        "cluster_mode": False,
        "tls": False,
        "auth": False,
        "plaintext_accepted": False,
        "endpoint": None,
        "primary_endpoint": None,
        "reader_endpoint": None,
    }
    vpc = {"vpc": "vpc-0a1b2c3d", "caches": [cache | facts], "forwards": forwards}
    return {"ok": True, "stack": "cachegate", "vpcs": [vpc], "not_forwarded": []}


def _nodes(port: int, roles: tuple[str | None, ...]) -> list[dict[str, Any]]:
    return [
        forward(
            6380 + index,
            "node",
            f"sessions-{index + 1:03}.{DOMAIN}:{port}",
            f"10.0.1.{10 + index}:{port}",
            node=f"sessions-{index + 1:03}/0001",
            shard=f"{index // 2 + 1:04}" if role else None,
            role=role,
        )
        for index, role in enumerate(roles)
    ]


def _group() -> list[dict[str, Any]]:
    return [
        *_nodes(6379, ("primary", "replica")),
        forward(6390, "primary", f"master.sessions.{DOMAIN}:6379", "10.0.1.10:6379"),
        forward(6391, "readers", f"replica.sessions.{DOMAIN}:6379", "10.0.1.11:6379"),
    ]


SHARDS: tuple[str | None, ...] = ("primary", "replica", "primary", "replica")
CONFIGURATION = f"clustercfg.sessions.{DOMAIN}"
NODES: tuple[str | None, ...] = (None, None, None)
ANSWERS = {
    "standalone": answer(_nodes(6379, (None,)), kind="cluster", engine="redis"),
    "group": answer(_group()),
    "group-tls": answer(_group(), tls=True, auth=True),
    "cluster": answer(_nodes(6379, SHARDS), cluster_mode=True, endpoint=f"{CONFIGURATION}:6379"),
    "cluster-tls": answer(
        _nodes(6379, SHARDS),
        cluster_mode=True,
        tls=True,
        auth=True,
        endpoint=f"{CONFIGURATION}:6379",
    ),
    "serverless": answer(
        [
            forward(6380, "endpoint", f"sessions.{DOMAIN}:6379", "10.0.1.30:6379"),
            forward(6381, "endpoint", f"sessions.{DOMAIN}:6380", "10.0.1.30:6380"),
        ],
        kind="serverless",
        tls=True,
        auth=True,
        endpoint=f"sessions.{DOMAIN}:6379",
    ),
    "memcached": answer(
        _nodes(11211, NODES),
        kind="cluster",
        engine="memcached",
        endpoint=f"sessions.cfg.{DOMAIN}:11211",
    ),
    "memcached-tls": answer(
        _nodes(11211, NODES),
        kind="cluster",
        engine="memcached",
        tls=True,
        endpoint=f"sessions.cfg.{DOMAIN}:11211",
    ),
}
SAMPLES: dict[str, Connection] = {
    name: connection_of(each, "sessions") for name, each in ANSWERS.items()
}
