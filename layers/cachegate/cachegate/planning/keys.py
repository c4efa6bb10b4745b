"""Which keys a cache has, in the order in which they stand next to each other."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from cachegate.domain.cache import CacheKind, Endpoint
from cachegate.domain.forward import ForwardKind

if TYPE_CHECKING:
    from cachegate.domain.cache import Cache, CacheNode, Role

# Keys of these kinds own their addresses; `primary` and `readers` only follow them.
OWNERS = frozenset({ForwardKind.NODE, ForwardKind.ENDPOINT})
READER_ENDPOINT = "reader-endpoint"


class Want(NamedTuple):
    """One key that an observed cache has now, and the endpoint that AWS shows for it."""

    key: str
    cache: str
    kind: ForwardKind
    endpoint: Endpoint | None
    role: Role | None = None


def wanted_keys(cache: Cache) -> tuple[Want, ...]:
    """Return the cache's keys: none where its nodes are unknown in this observation.

    A cache that exists has nodes, so an answer without any is one that is not there yet, or one
    that got lost. Its roles get no listen ports then either: they would stand before the nodes.
    """
    if not cache.whole:
        return ()
    if cache.kind is CacheKind.SERVERLESS:
        return (
            _want(cache, "endpoint", ForwardKind.ENDPOINT, cache.endpoint),
            _want(cache, READER_ENDPOINT, ForwardKind.ENDPOINT, cache.reader_endpoint),
        )
    nodes = tuple(_node(cache, node) for node in sorted(cache.nodes, key=_place))
    if not nodes or cache.cluster_mode or cache.kind is CacheKind.CLUSTER:
        return nodes
    return (
        *nodes,
        _want(cache, "primary", ForwardKind.PRIMARY, cache.primary_endpoint),
        _want(cache, "readers", ForwardKind.READERS, cache.reader_endpoint),
    )


def cache_of(key: str) -> str:
    """Return the name of the cache that a key belongs to."""
    return key.partition("/")[0]


def reader_endpoint_key(cache: Cache) -> str:
    """Return the key of a serverless cache's second port."""
    return f"{cache.name}/{READER_ENDPOINT}"


def _want(cache: Cache, word: str, kind: ForwardKind, endpoint: Endpoint | None) -> Want:
    return Want(key=f"{cache.name}/{word}", cache=cache.name, kind=kind, endpoint=endpoint)


def _node(cache: Cache, node: CacheNode) -> Want:
    return Want(
        key=f"{cache.name}/{node.id}",
        cache=cache.name,
        kind=ForwardKind.NODE,
        endpoint=node.endpoint,
        role=node.role,
    )


def _place(node: CacheNode) -> tuple[str, str]:
    return node.id.cluster_id, node.id.node_id
