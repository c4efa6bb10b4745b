"""Answers of sync_forwards, as docs/invocation.md shows them, of a stack in which all is well."""

from __future__ import annotations

from typing import Any

Answer = dict[str, Any]
AT = 1795000000.0
VPC, PUBLIC, ONE, TWO = "vpc-0a1b2c3d", "203.0.113.73", "i-0123", "i-0456"
HOSTILE = "\x1b]0;owned\x07[red]x[/red]\u202e\n"


def forward(listen: int, key: str, *targets: str, **more: Any) -> Answer:
    cache, _, rest = key.partition("/")
    kind = "node" if "/" in rest else rest
    return {
        "listen": listen, "public_addresses": [PUBLIC], "key": key, "kind": kind, "cache": cache,
        "node": rest if kind == "node" else None, "role": None, "shard": None, "engine": "redis",
        "tls": True, "server_name": None, "endpoint": None, "targets": list(targets),
        "state": "forwarding", "reason": f"it resolves to {' '.join(targets)}", "held": None,
        "since": AT - 300,
    } | more  # fmt: skip


def cache(name: str, **more: Any) -> Answer:
    return {
        "cache": name, "kind": "replication-group", "engine": "redis", "status": "available",
        "cluster_mode": False, "tls": True, "auth": True, "plaintext_accepted": False,
        "endpoint": None, "primary_endpoint": None, "reader_endpoint": None,
    } | more  # fmt: skip


def instance(name: str, **more: Any) -> Answer:
    return {
        "instance": name, "state": "running", "health": "ok", "verified": True,
        "private_address": "10.0.255.10", "public_address": None, "groups": ["sg-0a17"],
        "capacity": {"conntrack": {"used": 240, "limit": 65536}, "allowances": {}},
    } | more  # fmt: skip


def address(state: str = "held", **more: Any) -> Answer:
    return {
        "address": PUBLIC, "allocation": "eipalloc-1", "holder": ONE, "state": state,
        "reason": "it had the address already", "move_to": None, "since": AT - 900,
        "moved_from": None, "moved_at": None, "unheld_since": None,
    } | more  # fmt: skip


FORWARDS = [
    forward(6379, "sessions/sessions-001/0001", "10.0.1.230:6379", role="primary"),
    forward(6380, "sessions/sessions-002/0001", "10.0.1.231:6379", role="replica"),
    forward(6381, "sessions/primary", "10.0.1.230:6379"),
    forward(6382, "sessions/readers", "10.0.1.231:6379"),
]


def vpc(**more: Any) -> Answer:
    return {
        "vpc": VPC, "generation": 8, "digest": "d", "sources": ["198.51.100.27/32"],
        "verified_at": AT - 12, "detached": False, "address": address(),
        "nat_instances": [instance(ONE), instance(TWO)],
        "groups": {"caches": {}, "rules": [], "by_others": [], "add": [], "remove": []},
        "caches": [cache("sessions")], "forwards": FORWARDS, "notifications": [],
    } | more  # fmt: skip


def described(*vpcs: Answer, **more: Any) -> Answer:
    answer = {"ok": True, "stack": "cachegate", "at": AT, "proposals": [], "not_forwarded": []}
    return answer | {"vpcs": list(vpcs or [vpc()])} | more


def problem(name: str, code: str, message: str, *, forwarded: bool = False) -> Answer:
    return {"cache": name, "code": code, "message": message, "forwarded": forwarded}


def change(kind: str, key: str | None, listen: int | None, **more: Any) -> Answer:
    return {
        "change": kind, "key": key, "listen": listen, "before": [], "after": [],
        "reason": f"because of {kind}",
    } | more  # fmt: skip


def planned(*changes: Answer, **more: Any) -> Answer:
    there = {
        "vpc": VPC, "generation": 9, "detached": False, "changes": list(changes),
        "address": address(), "groups": {"add": [], "remove": []}, "notifications": [],
    }  # fmt: skip
    return {"ok": True, "vpcs": [there | more], "proposals": [], "problems": []}


def synced(*changes: Answer, **more: Any) -> Answer:
    there = {
        "vpc": VPC, "verified": True, "generation": 9, "digest": "d", "forwards": 4,
        "detached": False, "changes": list(changes), "recheck_after": None, "error": None,
        "nat_instances": [proof(ONE)], "notifications": [],
        "address": {
            "address": PUBLIC, "holder": ONE, "state": "held", "reason": "it had it already",
            "moved_from": None, "unheld_seconds": 0.0, "error": None,
        },
        "groups": {"added": [], "removed": [], "in_place": 5, "errors": []},
    }  # fmt: skip
    return {"ok": True, "began_at": AT, "problems": [], "vpcs": [there | more]}


def proof(name: str, **more: Any) -> Answer:
    return {
        "instance_id": name, "state": "verified", "reason": "", "changed": True,
        "backend": "nftables", "flows_told": 0, "unreachable": [], "warnings": [],
        "outdated": False, "capacity": None,
    } | more  # fmt: skip


def rule(**more: Any) -> Answer:
    return {
        "group": "sg-0cac4e", "direction": "ingress", "peer": "sg-0a17", "protocol": "tcp",
        "from_port": 6379, "to_port": 6379, "vanished": False,
        "description": "cachegate: NAT instances of cachegate to caches",
    } | more  # fmt: skip
