"""Clusters of Redis: how nodes meet, lead, follow, fail over and hand over slots, on the wire.

Nothing is kept here: who leads and which slots are whose is asked of the nodes each time, because
they decide some of it among themselves.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from ipaddress import IPv4Address
from itertools import combinations
from typing import TYPE_CHECKING

import redis

from local.caches import slots
from local.nodes import NodeError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from local.caches import Node
    from local.nodes import Servers

AGREED_WITHIN_S = 20.0
_DOUBTED = {"handshake", "fail", "fail?", "noaddr"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One node as another node sees it (https://redis.io/docs/latest/commands/cluster-nodes/)."""

    id: str
    address: IPv4Address
    name: str  # its host name; empty where none is announced, or none was heard of yet
    flags: frozenset[str]
    primary: str | None  # the id of the node that it follows
    slots: tuple[str, ...]

    @property
    def leads(self) -> bool:
        """Whether it is a primary, and no one doubts it."""
        return "master" in self.flags and not self.flags & _DOUBTED

    @property
    def doubted(self) -> bool:
        """Whether it is not there as far as the other knows."""
        return bool(self.flags & _DOUBTED)


@dataclass(slots=True)
class Bus:
    """The cluster buses of all clusters here."""

    servers: Servers

    # -- what nodes say ---------------------------------------------------------------------------

    def seen(self, address: IPv4Address) -> dict[IPv4Address, Seen]:
        """Return the nodes that a node knows, itself too, by address."""
        lines = str(self.servers.tell(address, "CLUSTER", "NODES")).splitlines()
        return {each.address: each for each in map(_seen, lines)}

    def id_of(self, address: IPv4Address) -> str:
        """Return a node's id on the bus."""
        return str(self.servers.tell(address, "CLUSTER", "MYID"))

    def living(self, nodes: Iterable[Node]) -> list[IPv4Address]:
        """Return the addresses of the nodes that run."""
        return [node.address for node in nodes if node.address in self.servers.running]

    def primary(self, nodes: Sequence[Node]) -> IPv4Address | None:
        """Return the address of the shard's node that leads, by its own word; None: none does."""
        for address in self.living(nodes):
            if self.servers.tell(address, "ROLE")[0] == "master":
                return address
        return None

    # -- beginning --------------------------------------------------------------------------------

    def form(self, shards: Sequence[Sequence[Node]]) -> None:
        """Make one cluster of nodes that know no other: the first of each shard leads it."""
        nodes = [node for shard in shards for node in shard]
        for epoch, node in enumerate(nodes, 1):
            self.servers.tell(node.address, "CLUSTER", "SET-CONFIG-EPOCH", epoch)
            self.announce(node)
        for index, (primary, *_) in enumerate(shards):
            self.servers.tell(
                primary.address, "CLUSTER", "ADDSLOTSRANGE", *slots(index, len(shards))
            )  # fmt: skip
        for one, other in combinations(nodes, 2):
            self._meet(one.address, other)
        addresses = [node.address for node in nodes]
        self._until(lambda: self._know(addresses, nodes), "all nodes know each other")
        for primary, *replicas in shards:
            for replica in replicas:
                self._follow(replica.address, primary.address)
        self.settle(nodes)

    def announce(self, node: Node) -> None:
        """Let a node say of itself what ElastiCache's do: with TLS its name, else its address.

        That is the value `tls-dynamic` of the parameter `cluster-preferred-endpoint-type`.
        """
        if self.servers.serving[node.address].certificate is not None:
            self.servers.tell(node.address, "CONFIG", "SET", "cluster-announce-hostname", node.name,
                      "cluster-preferred-endpoint-type", "hostname")  # fmt: skip

    def _meet(self, address: IPv4Address, other: Node) -> None:
        self.servers.tell(address, "CLUSTER", "MEET", other.address, other.port)

    def _follow(self, address: IPv4Address, primary: IPv4Address) -> None:
        self.servers.tell(address, "CLUSTER", "REPLICATE", self.id_of(primary))

    def _know(self, addresses: Iterable[IPv4Address], nodes: Sequence[Node]) -> bool:
        """Tell whether each of these nodes knows all of the cluster, and by the right names."""
        for address in addresses:
            known = self.seen(address)
            for node in nodes:
                seen = known.get(node.address)
                if seen is None or seen.doubted or seen.name != self._name(node):
                    return False
        return True

    def _name(self, node: Node) -> str:
        named = self.servers.serving[node.address].certificate is not None
        return node.name if named else ""

    # -- agreement --------------------------------------------------------------------------------

    def settle(self, nodes: Sequence[Node]) -> None:
        """Wait until all nodes that run serve, and agree on who leads, follows and has slots."""
        self._until(lambda: self._settled(nodes), "the cluster is well")

    def _settled(self, nodes: Sequence[Node]) -> bool:
        living = self.living(nodes)
        views = set()
        for address in living:
            if "cluster_state:ok" not in self.servers.tell(address, "CLUSTER", "INFO"):
                return False
            role = self.servers.tell(address, "ROLE")
            if role[0] != "master" and role[3] != "connected":
                return False
            views.add(self.map_of(address))
        listed = {each for view in views for _, _, ids in view for each in ids}
        return len(views) == 1 and listed == {self.id_of(address) for address in living}

    def map_of(self, address: IPv4Address) -> frozenset[tuple[int, int, tuple[str, ...]]]:
        """Return which slots are whose as a node tells clients: the id of the primary is first."""
        answer = self.servers.tell(address, "CLUSTER", "SLOTS")
        return frozenset(
            (first, last, (nodes[0][2], *sorted(node[2] for node in nodes[1:])))
            for first, last, *nodes in answer
        )

    def _until(self, true: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + AGREED_WITHIN_S
        while not self._asked(true):
            if time.monotonic() > deadline:
                raise NodeError(f"not within {AGREED_WITHIN_S} s: {what}")
            time.sleep(0.05)

    def _asked(self, true: Callable[[], bool]) -> bool:
        try:
            return true()
        except (redis.ConnectionError, redis.TimeoutError):  # one that is just being taken away
            return False


def _seen(line: str) -> Seen:
    """Read a line of CLUSTER NODES: id, ip:port@busport[,name], flags, primary, ..., slots."""
    words = line.split()
    place, _, name = words[1].partition(",")
    return Seen(
        id=words[0],
        address=IPv4Address(place.rpartition(":")[0]),
        name=name.partition(",")[0],
        flags=frozenset(words[2].split(",")),
        primary=None if words[3] == "-" else words[3],
        slots=tuple(word for word in words[8:] if not word.startswith("[")),
    )
