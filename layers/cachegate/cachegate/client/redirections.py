"""What the cluster clients of redis-py and valkey-py forget behind a NAT: MOVED and ASK.

Both libraries ask their `address_remap` only while they read the answer to CLUSTER SLOTS. The
place in a MOVED or ASK answer is an inner one too, and they use it as it is: after a failover they
dial an address that does not answer, and while a slot moves the command ends in AttributeError
(seen with redis-py 8.1.0 and valkey-py 6.2.0; redis-py's issues 2834, 3137 and 3382).
"""

from __future__ import annotations

import functools
import inspect
import sys
from typing import Any, TypeVar

from cachegate.client.errors import UnsupportedClientError

C = TypeVar("C")


def mended(cluster_class: type[C]) -> type[C]:
    """Return a subclass that maps MOVED and ASK with the `address_remap` that it is given.

    For `RedisCluster` and `ValkeyCluster`, of the library itself or of its asyncio part. Nothing
    but the clients of the returned class behaves in another way. One difference shows: such a
    client's `get_node(node_name=...)` makes the node that is asked for where there is none, as
    that is how the libraries look up a node which an ASK names before it has any slot.

    Making a client raises UnsupportedClientError where its library is built in another way than
    those that are known.
    """

    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:  # noqa: N807
        cluster_class.__init__(self, *args, **kwargs)
        manager = getattr(self, "nodes_manager", None)
        if manager is None:
            raise UnsupportedClientError(f"{cluster_class.__name__} is no client of a cluster")
        # The libraries leave no way to give them a manager, and others hold this one already.
        manager.__class__ = _mended_manager(manager.__class__)

    name = f"Mended{cluster_class.__name__}"
    members = {"__init__": __init__, "__module__": __name__, "__doc__": cluster_class.__doc__}
    return type(name, (cluster_class,), members)


@functools.cache
def _mended_manager(base: Any) -> type:
    """Return a subclass with no state of its own, so that a living manager can become one."""

    def get_node(
        self: Any, host: str | None = None, port: int | None = None, node_name: str | None = None
    ) -> Any:
        found = base.get_node(self, host, port, node_name)
        inner, _, inner_port = (node_name or "").rpartition(":")
        if found is not None or host or not inner or not inner_port.isdecimal():
            return found
        place = self.remap_host_port(inner, int(inner_port))
        return base.get_node(self, *place) or _made(self, base, *place)

    def initialize(self: Any, *args: Any, **kwargs: Any) -> Any:
        named = kwargs.get("additional_startup_nodes_info")  # the place that a MOVED named
        if named:
            places = [self.remap_host_port(host, port) for host, port in named]
            kwargs["additional_startup_nodes_info"] = places
        return base.initialize(self, *args, **kwargs)

    members = {"get_node": get_node, "initialize": initialize, **_moves(base), "__slots__": ()}
    return type(f"Mended{base.__name__}", (base,), members)


def _moves(base: Any) -> dict[str, Any]:
    """Return what maps the place in a MOVED, where the manager hears of it."""

    def told(method: str) -> Any:
        def tell(self: Any, error: Any) -> Any:  # returns what is awaited, where that is so
            return getattr(base, method)(self, _outer(self, error))

        return tell

    def update(self: Any) -> None:
        _outer(self, self._moved_exception)
        base._update_moved_slots(self)  # noqa: SLF001

    if hasattr(base, "move_slot"):  # redis-py since 7.2
        return {"move_slot": told("move_slot")}
    # valkey-py, and redis-py before. Their asyncio parts also remember a MOVED without a call; for
    # the others a thread may be told of the next one while this one is being used.
    if _is_asynchronous(base) and hasattr(base, "_update_moved_slots"):
        return {"_update_moved_slots": update}
    if hasattr(base, "update_moved_exception"):
        return {"update_moved_exception": told("update_moved_exception")}
    library = base.__module__.partition(".")[0]
    version = getattr(sys.modules[library], "__version__", "of this version")
    raise UnsupportedClientError(
        f"{library} {version} handles MOVED in a way that is not known here: use another "
        "version, or its cluster client as it is"
    )


def _is_asynchronous(base: Any) -> bool:
    return inspect.iscoroutinefunction(getattr(base, "initialize", None))


def _outer(manager: Any, error: Any) -> Any:
    """Let an error that names an inner place name the outer one."""
    error.host, error.port = error.node_addr = manager.remap_host_port(error.host, error.port)
    return error


def _made(manager: Any, base: Any, host: str, port: int) -> Any:
    """Make a node in the way in which the library does on MOVED."""
    library = sys.modules[base.__module__]
    options = manager.connection_kwargs if _is_asynchronous(base) else {}
    node = library.ClusterNode(host, port, library.PRIMARY, **options)
    return manager.nodes_cache.setdefault(node.name, node)
