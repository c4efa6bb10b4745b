"""What the nodes of a cluster of Redis say of each other: who leads, and whose slots are whose.

Nothing is kept here: they decide some of it among themselves, so they are asked each time.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import TYPE_CHECKING

from local.nodes import NodeError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from local.caches import Node
    from local.nodes import Servers

_DOUBTED = {"handshake", "fail", "fail?", "noaddr"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One node as another node sees it (https://redis.io/docs/latest/commands/cluster-nodes/)."""

    id: str
    address: IPv4Address  # 0.0.0.0: another node has it now
    name: str  # its host name; empty where none is announced, or none was heard of yet
    flags: frozenset[str]
    slots: tuple[tuple[int, int], ...]  # first and last of each span

    @property
    def doubted(self) -> bool:
        """Whether it is not there as far as the other knows."""
        return bool(self.flags & _DOUBTED)


@dataclass(slots=True)
class View:
    """What can be asked of nodes."""

    servers: Servers

    def known(self, address: IPv4Address) -> list[Seen]:
        """Return the nodes that a node knows, itself too."""
        return [_seen(line) for line in self.servers.tell(address, "CLUSTER", "NODES").splitlines()]

    def seen(self, address: IPv4Address) -> dict[IPv4Address, Seen]:
        """Return them by address."""
        return {each.address: each for each in self.known(address)}

    def id_of(self, address: IPv4Address) -> str:
        """Return a node's id on the bus."""
        return str(self.servers.tell(address, "CLUSTER", "MYID"))

    def living(self, nodes: Iterable[Node]) -> list[Node]:
        """Return the nodes that run."""
        return [node for node in nodes if node.address in self.servers.running]

    def primary(self, shard: Iterable[Node]) -> Node | None:
        """Return the node of a shard that leads, by its own word; None where none does."""
        return next((node for node in self.living(shard) if self.leads(node)), None)

    def leads(self, node: Node) -> bool:
        """Tell whether a node is a primary, by its own word."""
        return bool(self.servers.tell(node.address, "ROLE")[0] == "master")

    def agreed(self, living: Sequence[Node]) -> bool:
        """Tell whether all of them serve, and send clients to the same nodes, each of them too."""
        if not all(map(self.serves, living)):
            return False
        views = {self.map_of(node.address) for node in living}
        listed = {each for view in views for _, _, ids in view for each in ids}
        return len(views) == 1 and {self.id_of(node.address) for node in living} <= listed

    def serves(self, node: Node) -> bool:
        """Tell whether a node answers clients, and has what its primary has."""
        if "cluster_state:ok" not in self.servers.tell(node.address, "CLUSTER", "INFO"):
            return False
        role = self.servers.tell(node.address, "ROLE")
        return bool(role[0] == "master" or role[3] == "connected")

    def map_of(self, address: IPv4Address) -> frozenset[tuple[int, int, tuple[str, ...]]]:
        """Return which slots are whose as a node tells clients: the id of the primary is first."""
        answer = self.servers.tell(address, "CLUSTER", "SLOTS")
        return frozenset(
            (first, last, (nodes[0][2], *sorted(node[2] for node in nodes[1:])))
            for first, last, *nodes in answer
        )

    def owner(self, slot: int, nodes: Iterable[Node]) -> Node:
        """Return the node that has a slot; NodeError where none does."""
        for node in self.living(nodes):
            own = self.seen(node.address)[node.address]
            if any(first <= slot <= last for first, last in own.slots):
                return node
        raise NodeError(f"no node that runs has slot {slot}")


def _seen(line: str) -> Seen:
    """Read a line of CLUSTER NODES: id, ip:port@busport[,name], flags, primary, ..., slots."""
    words = line.split()
    place, _, name = words[1].partition(",")
    spans = [word.split("-") for word in words[8:] if not word.startswith("[")]
    return Seen(
        id=words[0],
        address=IPv4Address(place.rpartition(":")[0] or 0),
        name=name.partition(",")[0],
        flags=frozenset(words[2].split(",")),
        slots=tuple((int(span[0]), int(span[-1])) for span in spans),
    )
