"""Clusters of Redis: how nodes meet, follow, fail over and hand over slots, on the wire."""

from __future__ import annotations

import time
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import redis

from local.caches import SLOTS, slots
from local.cluster_view import View
from local.nodes import NodeError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from local.caches import Node

AGREED_WITHIN_S = 20.0


@dataclass(slots=True)
class Bus(View):
    """The cluster buses of all clusters here."""

    # -- beginning --------------------------------------------------------------------------------

    def form(self, shards: Sequence[Sequence[Node]]) -> None:
        """Make one cluster of nodes that know no other: the first of each shard leads it."""
        nodes = [node for shard in shards for node in shard]
        for epoch, node in enumerate(nodes, 1):
            self.servers.tell(node.address, "CLUSTER", "SET-CONFIG-EPOCH", epoch)
            self._announce(node)
        for index, (primary, *_) in enumerate(shards):
            span = slots(index, len(shards))
            self.servers.tell(primary.address, "CLUSTER", "ADDSLOTSRANGE", *span)
        for one, other in combinations(nodes, 2):
            self._meet(one, other)
        self._until(lambda: self._know(nodes), "all nodes know each other")
        for primary, *replicas in shards:
            for replica in replicas:
                self._follow(replica, primary)
        self.settle(nodes)

    def join(self, new: Node, shard: Iterable[Node], nodes: Sequence[Node]) -> None:
        """Let a node join a cluster: it follows its shard's primary.

        It becomes the primary where that is the node it replaces; of one that is dead it takes
        over the slots, which are empty then.
        """
        others = [node for node in self.living(nodes) if node.address != new.address]
        shard = [node for node in shard if node.address != new.address]
        self._announce(new)
        for other in others:
            self._meet(new, other)
        self._until(lambda: self._know([new, *others]), f"{new.name} is one of the cluster")
        primary = self.primary(shard)
        if primary is None:
            self._inherit(new, shard, others)
        else:
            self._follow(new, primary)
        self.settle([new, *others])
        if primary is not None and primary.cluster_id == new.cluster_id:
            self.fail_over(primary, new, [new, *others])

    def _inherit(self, new: Node, shard: Iterable[Node], others: Sequence[Node]) -> None:
        """Give a node the slots of the dead one whose place it takes, and nothing of its keys."""
        spans = [(0, SLOTS - 1)]  # of a cluster of one node
        if others:
            known = self.seen(others[0].address)
            former = [known[node.address] for node in shard if node.address in known]
            dead = next(each for each in former if each.slots)
            spans = list(dead.slots)
            self._forget(dead.id, [new, *others])
        for span in spans:
            self.servers.tell(new.address, "CLUSTER", "ADDSLOTSRANGE", *span)

    def forget_others(self, nodes: Sequence[Node]) -> None:
        """Let the nodes of a cluster forget who is none of them."""
        living = self.living(nodes)
        mine = {node.address for node in living}
        gone = {
            seen.id for node in living for seen in self.known(node.address)
            if seen.address not in mine
        }  # fmt: skip
        for one in gone:
            self._forget(one, living)
        self.settle(nodes)

    def _forget(self, bus_id: str, nodes: Iterable[Node]) -> None:
        for node in nodes:
            if any(seen.id == bus_id for seen in self.known(node.address)):
                self.servers.tell(node.address, "CLUSTER", "FORGET", bus_id)

    def _announce(self, node: Node) -> None:
        """Let a node say of itself what ElastiCache's do: with TLS its name, else its address.

        That is the value `tls-dynamic` of the parameter `cluster-preferred-endpoint-type`.
        """
        if self._name(node):
            self.servers.tell(
                node.address, "CONFIG", "SET", "cluster-announce-hostname", node.name,
                "cluster-preferred-endpoint-type", "hostname",
            )  # fmt: skip

    def _name(self, node: Node) -> str:
        """Return the name that a node announces; nothing where its address is announced."""
        return node.name if self.servers.serving[node.address].certificate is not None else ""

    def _meet(self, one: Node, other: Node) -> None:
        self.servers.tell(one.address, "CLUSTER", "MEET", other.address, other.port)

    def _follow(self, replica: Node, primary: Node) -> None:
        self.servers.tell(replica.address, "CLUSTER", "REPLICATE", self.id_of(primary.address))

    def _know(self, nodes: Sequence[Node]) -> bool:
        """Tell whether each of these nodes knows all of them, and by the right names."""
        for one in nodes:
            known = self.seen(one.address)
            for other in nodes:
                seen = known.get(other.address)
                if seen is None or seen.doubted or seen.name != self._name(other):
                    return False
        return True

    # -- failing over, and slots ------------------------------------------------------------------

    def fail_over(self, old: Node, new: Node, nodes: Sequence[Node]) -> None:
        """Let a replica become the primary: with the old one's consent, unless it is dead."""
        how = [] if self.living([old]) else ["TAKEOVER"]
        self.servers.tell(new.address, "CLUSTER", "FAILOVER", *how)
        self._until(lambda: self.leads(new), f"{new.name} leads")
        self.settle(nodes)

    def elected(self, shard: Sequence[Node], nodes: Sequence[Node]) -> Node:
        """Wait until a shard has a primary that runs, and all agree; return it."""
        self._until(lambda: self.primary(shard) is not None, "a primary is elected")
        self.settle(nodes)
        leads = self.primary(shard)
        if leads is None:
            raise NodeError("the primary that was elected is gone already")
        return leads

    def begin_move(self, slot: int, target: Node, nodes: Sequence[Node]) -> None:
        """Let a slot move from its primary to another one, and its keys with it."""
        source = self.owner(slot, nodes)
        for node, state, other in ((target, "IMPORTING", source), (source, "MIGRATING", target)):
            bus_id = self.id_of(other.address)
            self.servers.tell(node.address, "CLUSTER", "SETSLOT", slot, state, bus_id)
        serving = self.servers.serving[target.address]
        token = [] if serving.auth is None else ["AUTH", serving.auth]
        while keys := self.servers.tell(source.address, "CLUSTER", "GETKEYSINSLOT", slot, 1000):
            self.servers.tell(
                source.address, "MIGRATE", target.address, serving.port, "", 0, 5000,
                *token, "KEYS", *keys,
            )  # fmt: skip

    def end_move(self, slot: int, target: Node, nodes: Sequence[Node]) -> None:
        """Let the slot be the target's, which has all its keys: new ones were sent there."""
        bus_id = self.id_of(target.address)
        leading = [node for node in self.living(nodes) if self.leads(node)]
        # The target first: no moment in which neither of both would serve it.
        for node in sorted(leading, key=lambda each: each.address != target.address):
            self.servers.tell(node.address, "CLUSTER", "SETSLOT", slot, "NODE", bus_id)
        self.settle(nodes)

    # -- waiting ----------------------------------------------------------------------------------

    def settle(self, nodes: Sequence[Node]) -> None:
        """Wait until all nodes that run serve, and agree on who leads, follows and has slots."""
        self._until(lambda: self.agreed(self.living(nodes)), "the nodes agree")

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
