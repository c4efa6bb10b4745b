"""All caches of the stand-in account, what AWS does to them, and the DNS zone that follows."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from threading import RLock, Timer
from typing import TYPE_CHECKING

from local.caches import (
    CLUSTER_HASH,
    GROUP_HASH,
    NO_ENDPOINT,
    SERVERLESS_HASH,
    CacheSecurityGroup,
    Cluster,
    Node,
    Options,
    ReplicationGroup,
    ServerlessCache,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from ipaddress import IPv4Address


MODIFYING = 0.5  # seconds; AWS takes minutes


@dataclass(frozen=True, slots=True)
class Answer:
    """What DNS says about one name: addresses, by way of another name where there is one."""

    addresses: tuple[IPv4Address, ...]
    alias: str | None = None


@dataclass(slots=True)
class Fleet:
    """The caches by name. Every change is made under the lock and published to DNS."""

    clusters: dict[str, Cluster] = field(default_factory=dict)
    groups: dict[str, ReplicationGroup] = field(default_factory=dict)
    serverless: dict[str, ServerlessCache] = field(default_factory=dict)
    # Of an account that had EC2-Classic; None: it never had, and may not ask for any.
    classic_groups: dict[str, CacheSecurityGroup] | None = None
    zones: list[tuple[float, dict[str, Answer]]] = field(default_factory=list)
    lock: RLock = field(default_factory=RLock)
    clock: Callable[[], float] = time.monotonic  # when a change reaches DNS, in seconds

    @property
    def resources(self) -> list[Cluster | ReplicationGroup | ServerlessCache]:
        """Everything that has an ARN and tags, members of groups too."""
        return [*self.clusters.values(), *self.groups.values(), *self.serverless.values()]

    # -- creation ---------------------------------------------------------------------------------

    def create_cluster(
        self, cluster_id: str, addresses: Sequence[IPv4Address], options: Options
    ) -> Cluster:
        """Create a standalone cluster with one node an address (several for Memcached only)."""
        cluster = Cluster(
            cluster_id=cluster_id, hash=CLUSTER_HASH, options=options, tags=dict(options.tags)
        )
        with self.lock:
            self.clusters[cluster_id] = cluster
            for address in addresses:
                self._add_node(cluster, address)
            self._publish()
        return cluster

    def create_group(
        self, group_id: str, shards: Sequence[Sequence[IPv4Address]], options: Options,
        *, cluster_mode: bool = False, status: str = "available",
    ) -> ReplicationGroup:  # fmt: skip
        """Create a replication group: a list of addresses a shard, the first one its primary's."""
        group = ReplicationGroup(
            group_id=group_id, hash=GROUP_HASH, options=options, cluster_mode=cluster_mode,
            tags=dict(options.tags),
        )  # fmt: skip
        with self.lock:
            self.groups[group_id] = group
            for number, addresses in enumerate(shards, 1):
                shard = f"{number:04}"
                group.shards[shard] = []
                for address in addresses:
                    self._add_member(group, shard, address)
                group.primaries[shard] = group.shards[shard][0]
            self.set_status(group_id, status)
        return group

    def create_serverless(
        self, name: str, addresses: Sequence[IPv4Address], subnet_ids: Sequence[str],
        options: Options,
    ) -> ServerlessCache:  # fmt: skip
        """Create a serverless cache with these interfaces' addresses."""
        cache = ServerlessCache(
            name=name, hash=SERVERLESS_HASH, options=options, addresses=tuple(addresses),
            subnet_ids=tuple(subnet_ids), tags=dict(options.tags),
        )  # fmt: skip
        with self.lock:
            self.serverless[name] = cache
            self._publish()
        return cache

    def _add_node(self, cluster: Cluster, address: IPv4Address) -> Node:
        # An id is not used again while its cluster lives, so a gap in the middle stays one.
        last = max((int(node.node_id) for node in cluster.nodes), default=0)
        node_id = f"{last + 1:04}"
        node = Node(
            cluster_id=cluster.cluster_id, node_id=node_id, name=cluster.node_name(node_id),
            port=cluster.options.listens_on, address=address,
        )  # fmt: skip
        cluster.nodes.append(node)
        return node

    def _add_member(self, group: ReplicationGroup, shard: str, address: IPv4Address) -> Cluster:
        numbers = [int(member.rsplit("-", 1)[1]) for member in group.shards[shard]]
        middle = f"-{shard}" if group.cluster_mode else ""
        cluster_id = f"{group.group_id}{middle}-{max(numbers, default=0) + 1:03}"
        # AWS copies a group's tags to its members.
        member = Cluster(
            cluster_id=cluster_id, hash=group.hash, options=group.options,
            group_id=group.group_id, tags=dict(group.tags),
        )  # fmt: skip
        self.clusters[cluster_id] = member
        group.shards[shard].append(cluster_id)
        self._add_node(member, address)
        return member

    # -- what AWS does later ----------------------------------------------------------------------

    def node(self, cluster_id: str, node_id: str = "0001") -> Node:
        """Return one node; KeyError where there is none."""
        for node in self.clusters[cluster_id].nodes:
            if node.node_id == node_id:
                return node
        raise KeyError((cluster_id, node_id))

    def options(self, name: str) -> Options:
        """Return what a cache was made with; a group's members share it. KeyError for no cache."""
        cache = self.groups.get(name) or self.clusters.get(name) or self.serverless[name]
        return cache.options

    def addresses(self, name: str) -> list[IPv4Address]:
        """Return the addresses of a cache, of all members of a group."""
        if name in self.serverless:
            return list(self.serverless[name].addresses)
        members = self.groups[name].members if name in self.groups else [name]
        return [node.address for member in members for node in self.clusters[member].nodes]

    def replace_node(self, cluster_id: str, node_id: str, address: IPv4Address) -> None:
        """Give a node a new address under its old name, as a replacement by AWS does."""
        with self.lock:
            node = self.node(cluster_id, node_id)
            node.address, node.created = address, datetime.now(UTC)
            self._publish()

    def add_node(self, name: str, address: IPv4Address, shard: str = "0001") -> Node:
        """Scale out: a node more for a Memcached cluster, a replica more for a group's shard."""
        with self.lock:
            if name in self.groups:
                node = self._add_member(self.groups[name], shard, address).nodes[0]
            else:
                node = self._add_node(self.clusters[name], address)
            self._publish()
        return node

    def remove_node(self, cluster_id: str, node_id: str = "0001") -> None:
        """Scale in: take a node, and with a group's member its cluster, away."""
        with self.lock:
            node = self.node(cluster_id, node_id)
            cluster = self.clusters[cluster_id]
            cluster.nodes.remove(node)
            if cluster.group_id is not None:
                del self.clusters[cluster_id]
                for members in self.groups[cluster.group_id].shards.values():
                    if cluster_id in members:
                        members.remove(cluster_id)
            self._publish()

    def delete(self, name: str) -> None:
        """Delete a cache with all its nodes."""
        with self.lock:
            group = self.groups.pop(name, None)
            for cluster_id in group.members if group else [name]:
                self.clusters.pop(cluster_id, None)
            self.serverless.pop(name, None)
            self._publish()

    def fail_over(self, group_id: str, to: str, shard: str = "0001") -> None:
        """Make another member of a shard its primary."""
        with self.lock:
            group = self.groups[group_id]
            if to not in group.shards[shard]:
                raise KeyError(to)
            group.primaries[shard] = to
            self._publish()

    def set_status(self, name: str, status: str, node_id: str | None = None) -> None:
        """Set the status of a cache (a group's members with it), a cluster, or one node."""
        with self.lock:
            if node_id is not None:
                self.node(name, node_id).status = status
            elif name in self.serverless:
                self.serverless[name].status = status
            else:
                group = self.groups.get(name)
                if group is not None:
                    group.status = status
                for cluster_id in group.members if group else [name]:
                    self.clusters[cluster_id].status = status
            self._publish()

    def modify_topic(self, name: str, topic: str, topic_status: str) -> None:
        """Give a cache another topic: it is `modifying` for a while, then its clusters show it."""

        def done() -> None:
            with self.lock:
                options.topic, options.topic_status = topic, topic_status
                if name in self.groups or name in self.clusters:  # not deleted meanwhile
                    self.set_status(name, "available")

        with self.lock:
            options = (self.groups.get(name) or self.clusters[name]).options
            self.set_status(name, "modifying")
        timer = Timer(MODIFYING, done)
        timer.daemon = True
        timer.start()

    # -- DNS --------------------------------------------------------------------------------------

    def answer(self, name: str, at: float) -> Answer | None:
        """Return what DNS said about a name at this time of its clock, None if nothing."""
        with self.lock:
            zone = next((zone for since, zone in reversed(self.zones) if since <= at), None)
            if zone is None and self.zones:
                zone = self.zones[0][1]
        return (zone or {}).get(name)

    def _publish(self) -> None:
        zone: dict[str, Answer] = {}
        for cluster in self.clusters.values():
            for node in cluster.nodes:
                if node.status not in NO_ENDPOINT and cluster.status not in NO_ENDPOINT:
                    ipv6 = cluster.options.network_type == "ipv6"
                    zone[node.name] = Answer(() if ipv6 else (node.address,))
            if cluster.options.engine == "memcached":
                addresses = tuple(node.address for node in cluster.nodes[:1])
                zone[cluster.configuration_name] = Answer(addresses)
        for group in self.groups.values():
            zone |= self._group_answers(group)
        for cache in self.serverless.values():
            if cache.status not in NO_ENDPOINT:
                zone[cache.endpoint_name] = Answer(cache.addresses)
        self.zones.append((self.clock(), zone))

    def _group_answers(self, group: ReplicationGroup) -> dict[str, Answer]:
        """Return the names of a group: the primary's is an alias of a member's name."""
        nodes = {member: self.clusters[member].nodes[0] for member in group.members}
        if group.cluster_mode:
            addresses = tuple(node.address for node in nodes.values())
            return {group.configuration_name: Answer(addresses)}
        primary = nodes.get(group.primaries.get("0001", ""))
        if primary is None:
            return {}
        readers = [node for node in nodes.values() if node is not primary] or [primary]
        return {
            group.primary_name: Answer((primary.address,), alias=primary.name),
            group.reader_name: Answer(tuple(node.address for node in readers)),
        }
