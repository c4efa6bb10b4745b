"""Give listen ports to keys that have none. A port that anyone holds or rests is nobody's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cachegate.domain.forward import NEVER_LISTEN

if TYPE_CHECKING:
    from collections.abc import Iterable


class PortBook:
    """The free listen ports of a range.

    Ports are only ever taken, so that each search may go on where the last one of its size
    ended: the work is linear in the range, however many caches ask.
    """

    def __init__(self, ports: range, taken: Iterable[int]) -> None:
        """Start from the ports that leases hold, living or at rest."""
        self.ports = ports
        self._taken = set(NEVER_LISTEN).union(taken)
        self.count = len(ports) - sum(port in ports for port in self._taken)  # how many are free
        self._searched: dict[int, int] = {}  # by size of block: below this port none is free

    def free(self, port: int) -> bool:
        """Say whether a port may be given away."""
        return port in self.ports and port not in self._taken

    def take(self, ports: Iterable[int]) -> list[int]:
        """Give these ports away, which must be free."""
        chosen = sorted(ports)
        self._taken.update(chosen)
        self.count -= len(chosen)
        return chosen

    def fresh(self, size: int) -> list[int]:
        """Take the lowest free block, else the lowest free ports; none where they are too few.

        All or none: half a cache helps nobody, and leaves a smaller one without its ports.
        """
        if size > self.count:
            return []
        return self.take(self._block(size) or self._lowest(size, set()))

    def beside(self, own: Iterable[int], size: int) -> list[int]:
        """Take ports next to those that the cache has, else the lowest free ones; all or none."""
        if size > self.count:
            return []
        places = sorted(own)
        found: set[int] = set()
        for step in (1, -1):
            for place in places:
                port = place + step
                while len(found) < size and self.free(port) and port not in found:
                    found.add(port)
                    port += step
        return self.take(self._lowest(size, found))

    def _block(self, size: int) -> range:
        run = self._searched.get(size, self.ports.start)
        for port in range(run, self.ports.stop):
            if not self.free(port):
                run = port + 1
            elif port - run + 1 == size:
                self._searched[size] = run
                return range(run, port + 1)
        self._searched[size] = self.ports.stop
        return range(0)

    def _lowest(self, size: int, found: set[int]) -> set[int]:
        """Fill up with the lowest free ports."""
        for port in range(self._searched.get(1, self.ports.start), self.ports.stop):
            if len(found) == size:
                break
            if self.free(port):
                found.add(port)
        return found
