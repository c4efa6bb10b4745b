"""Verbs of the embedded world: what AWS, a person or bad luck does to caches.

What a verb says is true on the wire, in the APIs and in DNS, unless the resolver is told to lag.
Then it is announced to the cache's topic, if it has one. What a person asks of ElastiCache is told
by CloudTrail, where a trail logs, once it has come true; AWS tells of it when it is asked.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from local.caches import CLUSTER_HASH, GROUP_HASH, SUFFIX, Options, domain
from local.makers import SERVERLESS
from local.network import SUBNET_GROUP
from local.notifications import announce
from local.roles import Roles
from local.trail import Trail

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from ipaddress import IPv4Address

    from local.caches import Node

EXPOSED = {"cachegate:expose": "true"}
PERSON = "alice"  # who asks ElastiCache, unless somebody else is named


@dataclass(slots=True)
class CacheWorld(Roles):
    """The caches, with their servers, interfaces and names."""

    trail: Trail = field(default_factory=Trail)

    # -- creation ---------------------------------------------------------------------------------

    def _options(self, engine: str, tags: Mapping[str, str], more: Mapping[str, Any]) -> Options:
        usual = {"security_groups": (self.network.cache_group,), "subnet_group": SUBNET_GROUP}
        return Options(
            engine=engine, tags=dict(tags),
            **(usual | dict(more)),
        )  # fmt: skip

    def create_cluster(
        self, name: str, engine: str = "redis", *, nodes: int = 1,
        tags: Mapping[str, str] = EXPOSED, **options: Any,
    ) -> None:  # fmt: skip
        """Create a standalone cluster: one node of Redis or Valkey, or several of Memcached."""
        made = self._options(engine, tags, options)
        certified = domain(name, CLUSTER_HASH)
        addresses = [self._start_node(made, certified) for _ in range(nodes)]
        for address in addresses:
            self.network.add_interface(address, name, made.security_groups)
        self.aws.fleet.create_cluster(name, addresses, made)
        self._tell("CreateCacheCluster", "cacheClusterId", name, made)

    def create_memcached(self, name: str, *, nodes: int = 2, **options: Any) -> None:
        """Create a Memcached cluster."""
        self.create_cluster(name, "memcached", nodes=nodes, **options)

    def create_replication_group(
        self, name: str, *, replicas: int = 2, shards: int = 1, cluster_mode: bool = False,
        engine: str = "redis", tags: Mapping[str, str] = EXPOSED, **options: Any,
    ) -> None:  # fmt: skip
        """Create a replication group whose replicas really follow their primary.

        In cluster mode its servers are a cluster of Redis. It is `creating` until they agree.
        """
        made, fleet = self._options(engine, tags, options), self.aws.fleet
        certified = domain(name, GROUP_HASH)
        addresses = [
            [self._start_node(made, certified, cluster_mode=cluster_mode)
             for _ in range(1 + replicas)]
            for _ in range(shards)
        ]  # fmt: skip
        if not cluster_mode:
            for primary, *others in addresses:
                for address in others:
                    self.servers.replicate(address, primary)
        group = fleet.create_group(
            name, addresses, made, cluster_mode=cluster_mode,
            status="creating" if cluster_mode else "available",
        )  # fmt: skip
        for node in self.nodes_of(group):
            self.network.add_interface(node.address, node.cluster_id, made.security_groups)
        if cluster_mode:
            self.bus.form([self.nodes_of(group, shard) for shard in group.shards])
            fleet.set_status(name, "available")
        self._tell("CreateReplicationGroup", "replicationGroupId", name, made)

    def create_serverless(
        self, name: str, *, engine: str = "valkey", tags: Mapping[str, str] = EXPOSED,
        **options: Any,
    ) -> None:  # fmt: skip
        """Create a serverless cache with one interface."""
        made = self._options(engine, tags, options)
        address = self._start_node(made, f"serverless.{SUFFIX}")
        self.network.add_interface(address, name, made.security_groups, SERVERLESS)
        self.aws.fleet.create_serverless(name, [address], self.network.cache_subnets, made)
        self._tell("CreateServerlessCache", "serverlessCacheName", name, made)

    def _tell(
        self, call: str, identifier: str, name: str, made: Options, caller: str = PERSON
    ) -> None:
        asked = {identifier: name, "securityGroupIds": list(made.security_groups)}
        self.trail.tell("elasticache", call, asked, caller)

    def modify_groups(self, name: str, groups: Sequence[str], caller: str = PERSON) -> None:
        """Let a person give a cache other security groups, and so each of its interfaces."""
        fleet = self.aws.fleet
        call, identifier = next(
            (f"Modify{kind}", identifier)
            for kind, identifier, caches in (
                ("ReplicationGroup", "replicationGroupId", fleet.groups),
                ("CacheCluster", "cacheClusterId", fleet.clusters),
                ("ServerlessCache", "serverlessCacheName", fleet.serverless),
            )
            if name in caches
        )
        with fleet.lock:
            options = fleet.options(name)
            options.security_groups = tuple(groups)
        for address in fleet.addresses(name):
            self.network.set_groups(address, groups)
        self._tell(call, identifier, name, options, caller)

    # -- what happens to caches -------------------------------------------------------------------

    def kill_node(self, cluster_id: str, node_id: str = "0001") -> None:
        """Let a node's machine die: packets to it vanish, AWS has not noticed yet.

        In cluster mode the other nodes do notice: `await_failover` waits for what they decide.
        """
        self.servers.die(self.node(cluster_id, node_id).address)

    def crash_node(self, cluster_id: str, node_id: str = "0001") -> None:
        """Let a node's server end; its machine resets connections."""
        self.servers.crash(self.node(cluster_id, node_id).address)

    def replace_node(self, cluster_id: str, node_id: str = "0001") -> IPv4Address:
        """Let AWS replace a node: a new machine and address under the old name.

        A primary that has replicas fails over first, as on AWS.
        """
        fleet, node = self.aws.fleet, self.node(cluster_id, node_id)
        cluster = fleet.clusters[cluster_id]
        if cluster.group_id is not None:
            self._move_primary_away(cluster_id)
        announce(cluster.options, "CacheNodeReplaceStarted", cluster_id)
        old, new = node.address, self._start_another(cluster)
        if cluster.group_id is not None:
            self._enlist(cluster_id, new)
        self.network.add_interface(new, cluster_id, cluster.options.security_groups)
        fleet.replace_node(cluster_id, node_id, new)
        self._forget([old])
        if cluster.group_id is not None:
            self._strike_off(cluster.group_id)
        announce(cluster.options, "CacheNodeReplaceComplete", cluster_id)
        return new

    def add_node(self, name: str, shard: str = "0001") -> Node:
        """Scale out by one node."""
        fleet = self.aws.fleet
        group = fleet.groups.get(name)
        cache = fleet.clusters[group.shards[shard][0] if group else name]
        address = self._start_another(cache)
        node = fleet.add_node(name, address, shard)
        if group is not None:
            self._enlist(node.cluster_id, address)
        self.network.add_interface(address, node.cluster_id, cache.options.security_groups)
        grown = "ReplicationGroupIncreaseReplicaCountFinished"
        event = grown if name in fleet.groups else "AddCacheNodeComplete"
        announce(cache.options, event, node.cluster_id)
        return node

    def remove_node(self, cluster_id: str, node_id: str = "0001") -> None:
        """Scale in by this node."""
        address = self.node(cluster_id, node_id).address
        cluster = self.aws.fleet.clusters[cluster_id]
        self.aws.fleet.remove_node(cluster_id, node_id)
        self._forget([address])
        if cluster.group_id is not None:
            self._strike_off(cluster.group_id)
        # A replica goes with its whole cluster.
        event = "DeleteCacheClusterComplete" if cluster.group_id else "RemoveCacheNodeComplete"
        announce(cluster.options, event, cluster_id)

    def delete_cache(self, name: str) -> None:
        """Delete a cache with all its nodes."""
        fleet = self.aws.fleet
        members = fleet.groups[name].members if name in fleet.groups else [name]
        clusters = [fleet.clusters[member] for member in members if member in fleet.clusters]
        addresses = fleet.addresses(name)
        fleet.delete(name)
        self._forget(addresses)
        for cluster in clusters:
            announce(cluster.options, "DeleteCacheClusterComplete", cluster.cluster_id)

    def _forget(self, addresses: Sequence[IPv4Address]) -> None:
        for address in addresses:
            self.network.remove_interface(address)
            if address in self.servers.vpc.hosts:
                self.servers.die(address)
