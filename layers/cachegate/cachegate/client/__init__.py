"""For programs that use a cache through a NAT instance: where to connect, and what that takes.

Importing it needs nothing but the standard library, and none of that before a name is used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cachegate.client.connection import ClientForward, Connection, connection_of
    from cachegate.client.live import LiveNatmap
    from cachegate.client.memcached import socket_module
    from cachegate.client.natmap import Natmap
    from cachegate.client.redirections import mended

_MODULES = {
    "ClientForward": "connection",
    "Connection": "connection",
    "LiveNatmap": "live",
    "Natmap": "natmap",
    "connection_of": "connection",
    "mended": "redirections",
    "socket_module": "memcached",
}
__all__ = [
    "ClientForward",
    "Connection",
    "LiveNatmap",
    "Natmap",
    "connection_of",
    "mended",
    "socket_module",
]


def __getattr__(name: str) -> Any:
    """Import what is asked for, so that a program pays for that alone."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
