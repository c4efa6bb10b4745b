"""What caches there really are, and what AWS and DNS would have said of them at any time.

The caches are those of the embedded world (local/fleet.py), so a sequence that is played here can
be played there on the real kernel.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network
from typing import TYPE_CHECKING, Any

from local.caches import NO_ENDPOINT, Options
from local.elasticache import cluster_shape, group_shape
from local.fleet import Fleet
from tests.faults import fleet_view
from tests.faults.fleet_view import EXPOSED

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.faults.clock import Clock

Place = tuple[IPv4Address, int]  # an address and a TCP port

VPC = "vpc-1"
NETWORK = IPv4Network("10.0.0.0/16")
SUBNETS = "caches"
# Few, so that an address which a node left is soon another's.
POOL = tuple(IPv4Address("10.0.1.10") + n for n in range(14))
CONFIGURATIONS: dict[str, tuple[str, int]] = {  # name: what it is, nodes at the creation
    "alpha": ("group", 3),
    "beta": ("group", 2),
    "cart": ("redis", 1),
    "memo": ("memcached", 2),
    "shards": ("cluster mode", 2),
    "users": ("redis", 1),
}


@dataclass(frozen=True)
class Snapshot:
    """Everything that AWS and DNS say at one time."""

    at: float
    clusters: tuple[dict[str, Any], ...]
    groups: tuple[dict[str, Any], ...]
    tags: tuple[tuple[str, dict[str, str]], ...]  # by ARN
    names: Mapping[str, frozenset[IPv4Address]]
    owners: Mapping[Place, str]  # which cache's node listens there


@dataclass
class Truth:
    """The caches, changed by verbs; each change is remembered."""

    clock: Clock
    fleet: Fleet = field(default_factory=Fleet)
    history: list[Snapshot] = field(default_factory=list)
    # Which cache has a place since which change: a later tenant is another one, also by its name.
    tenures: dict[Place, tuple[str, int]] = field(default_factory=dict)
    departures: dict[tuple[str, Place], float] = field(default_factory=dict)  # cache, place: when
    left: list[IPv4Address] = field(default_factory=list)  # free addresses, the last one left first

    def __post_init__(self) -> None:
        self.fleet.clock = lambda: self.clock.now
        self.left = list(POOL)
        self.note()

    @property
    def now(self) -> Snapshot:
        return self.history[-1]

    def as_of(self, moment: float) -> Snapshot:
        """Return what was so at a moment; the oldest there is for one before all."""
        return next((s for s in reversed(self.history) if s.at <= moment), self.history[0])

    def names_of_caches(self) -> list[str]:
        return fleet_view.names(self.fleet)

    def nodes_of(self, cache: str) -> list[tuple[str, str]]:
        return fleet_view.nodes(self.fleet, cache)

    def addresses(self, name: str) -> dict[str, IPv4Address]:
        return fleet_view.addresses(self.fleet, name)

    def expected(self) -> dict[str, frozenset[IPv4Address]]:
        return fleet_view.expected(self.fleet)

    # -- verbs ------------------------------------------------------------------------------------

    def create(self, name: str) -> bool:
        what, size = CONFIGURATIONS[name]
        if name in self.names_of_caches() or len(self.left) < size:
            return False
        addresses = [self._take(0) for _ in range(size)]
        tags, fleet = dict(EXPOSED), self.fleet
        if what in ("group", "cluster mode"):
            sharded = what == "cluster mode"
            shards = [[address] for address in addresses] if sharded else [addresses]
            fleet.create_group(name, shards, Options(tags=tags), cluster_mode=sharded)
        else:
            fleet.create_cluster(name, addresses, Options(engine=what, tags=tags))
        return self.note()

    def delete(self, name: str) -> bool:
        self._leave(*(self.fleet.node(*node).address for node in self.nodes_of(name)))
        self.fleet.delete(name)
        return self.note()

    def replace(self, name: str, node: int, choice: int, *, note: bool = True) -> bool:
        """Give a node another address; a primary that has replicas fails over first."""
        if not self.left:
            return False
        cluster_id, node_id = self._node(name, node)
        group = self.fleet.groups.get(name)
        if group is not None:
            for shard, members in group.shards.items():
                others = [member for member in members if member != cluster_id]
                if group.primaries[shard] == cluster_id and others:
                    self.fleet.fail_over(name, others[choice % len(others)], shard)
        old = self.fleet.node(cluster_id, node_id).address
        self.fleet.replace_node(cluster_id, node_id, self._take(choice))
        self._leave(old)
        return self.note() if note else True

    def swap_places(self, name: str, node: int, other: str, place: int) -> bool:
        """Let two nodes be replaced at once, each where the other was."""
        one, two = self._node(name, node), self._node(other, place)
        if one == two:
            return False
        first, second = self.fleet.node(*one).address, self.fleet.node(*two).address
        self.fleet.replace_node(*one, second)
        self.fleet.replace_node(*two, first)
        return self.note()

    def add(self, name: str, choice: int) -> bool:
        if not self.left or CONFIGURATIONS[name][0] in ("redis", "cluster mode"):
            return False  # a Redis cluster has one node; a shard's replicas tell nothing new
        if len(self.nodes_of(name)) >= 5:
            return False
        self.fleet.add_node(name, self._take(choice))
        return self.note()

    def remove(self, name: str, node: int) -> bool:
        group = self.fleet.groups.get(name)
        if len(self.nodes_of(name)) < 2 or (group and group.cluster_mode):
            return False
        cluster_id, node_id = self._node(name, node)
        if group and cluster_id in group.primaries.values():
            return False  # AWS takes replicas away
        self._leave(self.fleet.node(cluster_id, node_id).address)
        self.fleet.remove_node(cluster_id, node_id)
        return self.note()

    def fail_over(self, name: str, choice: int) -> bool:
        group = self.fleet.groups.get(name)
        if group is None or group.cluster_mode:
            return False
        ((shard, members),) = group.shards.items()
        others = [member for member in members if member != group.primaries[shard]]
        if not others:
            return False
        self.fleet.fail_over(name, others[choice % len(others)], shard)
        return self.note()

    def work_on(self, name: str, status: str) -> bool:
        self.fleet.set_status(name, status)
        return self.note()

    def tag(self, name: str, *, expose: bool) -> bool:
        fleet_view.tag(self.fleet, name, expose=expose)
        return self.note()

    def _node(self, name: str, place: int) -> tuple[str, str]:
        nodes = self.nodes_of(name)
        return nodes[place % len(nodes)]

    def _take(self, choice: int) -> IPv4Address:
        return self.left.pop(choice % len(self.left))

    def _leave(self, *addresses: IPv4Address) -> None:
        self.left[:0] = addresses

    def note(self) -> bool:
        """Remember what is so from now on."""
        owners = {
            (node.address, node.port): name
            for name in self.names_of_caches()
            for node in (self.fleet.node(*each) for each in self.nodes_of(name))
        }
        for place in [p for p in self.tenures if owners.get(p) != self.tenures[p][0]]:
            self.departures[self.tenures.pop(place)[0], place] = self.clock.now
        number = len(self.history)
        for place, name in owners.items():
            self.tenures.setdefault(place, (name, number))
        snapshot = Snapshot(
            at=self.clock.now,
            clusters=tuple(cluster_shape(c, with_nodes=True) for c in self.fleet.clusters.values()),
            groups=tuple(group_shape(g, self.fleet) for g in self.fleet.groups.values()),
            tags=tuple((cache.arn, dict(cache.tags)) for cache in self.fleet.resources),
            names=dict(self._names()),
            owners=owners,
        )
        self.history.append(snapshot)
        return True

    def _names(self) -> Iterator[tuple[str, frozenset[IPv4Address]]]:
        for name, answer in self.fleet.zones[-1][1].items() if self.fleet.zones else ():
            yield name, frozenset(answer.addresses)

    def settle(self) -> None:
        """Let AWS end whatever it works on."""
        for name in self.names_of_caches():
            if fleet_view.cache(self.fleet, name).status != "available":
                self.fleet.set_status(name, "available")
        self.note()


BUSY = ("modifying", "snapshotting", *sorted(NO_ENDPOINT))
