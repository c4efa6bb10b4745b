"""Where a client connects first, by the kind of cache."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cachegate.client.errors import NotForwardedError

if TYPE_CHECKING:
    from cachegate.client.connection import ClientForward, Connection, Place


@dataclass(frozen=True, slots=True)
class Entrance:
    """The forwards to begin with: all nodes where a client needs or may use any, else one."""

    starts: tuple[ClientForward, ...]
    readers: ClientForward | None = None  # reads that may be a moment old


def entrance_of(connection: Connection) -> Entrance:
    """Return a cache's entrance.

    Cluster mode and Memcached: the nodes. A replication group without cluster mode: the ports of
    the roles, which follow them, and no nodes, whose roles change. Raises NotForwardedError where
    what a client needs leads nowhere now.
    """
    if connection.kind == "serverless":
        return _serverless(connection)
    if connection.kind == "replication-group" and not connection.cluster_mode:
        primary = connection.of_kind("primary")
        if primary is None:
            raise NotForwardedError(
                f"the listen port of {connection.cache}'s primary leads nowhere now: "
                "run cachegate status"
            )
        return Entrance((primary,), connection.of_kind("readers"))
    if not connection.nodes:
        raise NotForwardedError(f"no node of {connection.cache} is forwarded: run cachegate status")
    return Entrance(connection.nodes)


def inner(forward: ClientForward) -> Place:
    """Return what clients inside the VPC connect to: the name, else the address."""
    return forward.endpoint or forward.targets[0]


def _serverless(connection: Connection) -> Entrance:
    """Tell the two ports of a serverless cache apart; AWS has its readers on the second one."""
    found = [f for f in connection.forwards if f.kind == "endpoint" and f.state == "forwarding"]
    own = [f for f in found if f.endpoint == connection.endpoint]
    if not own:
        raise NotForwardedError(f"the endpoint of {connection.cache} leads nowhere now")
    return Entrance((own[0],), next((f for f in found if f is not own[0]), None))
