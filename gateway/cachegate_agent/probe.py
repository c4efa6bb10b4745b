"""See which targets answer, by connecting to them."""

from __future__ import annotations

import errno
import selectors
import socket
import time
from typing import TYPE_CHECKING, Dict, List, Set

if TYPE_CHECKING:
    from cachegate_agent.rules import Rules, Target

_UNDER_WAY = (0, errno.EINPROGRESS)
SECONDS = 2.0
AT_ONCE = 256  # sockets; below the usual limit of 1,024 open files


def unreachable(rules: Rules) -> List[int]:
    """Return the listen ports of which no target, or for several not every one, can be reached."""
    targets = {target for forward in rules.forwards for target in forward.targets}
    dead = targets - _reached(sorted(targets))
    return sorted(f.listen for f in rules.forwards if dead.intersection(f.targets))


def senders(rules: Rules) -> List[str]:
    """Return the addresses that this instance sends to targets from; nothing is sent."""
    found = set()
    for target in {target for forward in rules.forwards for target in forward.targets}:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as way:
            if way.connect_ex((str(target.address), target.port)) == 0:
                found.add(way.getsockname()[0])
    return sorted(found)


def _reached(targets: List[Target]) -> Set[Target]:
    """Connect to all, in groups that share the time there is."""
    reached: Set[Target] = set()
    end = time.monotonic() + SECONDS
    groups = [targets[start : start + AT_ONCE] for start in range(0, len(targets), AT_ONCE)]
    for index, group in enumerate(groups):
        now = time.monotonic()
        reached |= _connect(group, now + (end - now) / (len(groups) - index))
    return reached


def _connect(targets: List[Target], end: float) -> Set[Target]:
    reached = set()
    waiting: Dict[socket.socket, Target] = {}
    with selectors.DefaultSelector() as selector:
        for target in targets:
            connection = socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
            if connection.connect_ex((str(target.address), target.port)) in _UNDER_WAY:
                selector.register(connection, selectors.EVENT_WRITE)
                waiting[connection] = target
            else:  # no route: the socket would look connected
                connection.close()
        while waiting and time.monotonic() < end:
            for key, _ in selector.select(max(0.0, end - time.monotonic())):
                connection = _as_socket(key.fileobj)
                selector.unregister(connection)
                target = waiting.pop(connection)
                if connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0:
                    reached.add(target)
                connection.close()
        for connection in waiting:
            connection.close()
    return reached


def _as_socket(thing: object) -> socket.socket:
    if not isinstance(thing, socket.socket):
        raise TypeError(thing)
    return thing
