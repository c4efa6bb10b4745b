"""Memcached through a NAT instance: inner names decide the node, sockets go to the outer place.

Clients choose a key's node by the names of the servers. One that is configured with the public
address and listen ports looks for most keys on another node than the clients inside the VPC.
"""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from cachegate.client.natmap import Place


class _MappedSockets:
    """The module `socket`, but for where names lead."""

    def __init__(self, natmap: Callable[[Place], Place]) -> None:
        self._natmap = natmap

    def getaddrinfo(self, host: str, port: int, *arguments: Any, **options: Any) -> Any:
        """Look up the outer place of an inner one."""
        return socket.getaddrinfo(*self._natmap((host, port)), *arguments, **options)

    def __getattr__(self, name: str) -> Any:
        return getattr(socket, name)


def socket_module(natmap: Callable[[Place], Place]) -> Any:
    """Return what pymemcache's clients take as `socket_module`.

    Their servers are then the inner names and ports, in TLS too: pymemcache verifies those.
    """
    return _MappedSockets(natmap)
