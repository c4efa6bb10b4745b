"""Verbs of the embedded world: which node of a shard leads, and who follows it.

With cluster mode disabled ElastiCache alone decides that, and its API tells; with cluster mode
enabled the nodes elect, and the API does not show roles at all.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from local.bus import Bus
from local.caches import domain
from local.nodes import Serving
from local.notifications import announce

if TYPE_CHECKING:
    from ipaddress import IPv4Address
    from pathlib import Path

    from local.aws_server import AwsServer
    from local.caches import Cluster, Node, Options, ReplicationGroup
    from local.network import Network
    from local.nodes import Servers
    from local.tls import Authority


@dataclass(slots=True)
class Roles:
    """The servers of caches, and their roles."""

    aws: AwsServer = field(init=False)
    network: Network = field(init=False)
    servers: Servers = field(init=False)
    authority: Authority = field(init=False)

    @property
    def ca_file(self) -> Path:
        """The PEM file of the authority that certifies every cache with TLS."""
        return self.authority.ca_file

    @property
    def bus(self) -> Bus:
        """What nodes in cluster mode say to each other."""
        return Bus(self.servers)

    def node(self, cluster_id: str, node_id: str = "0001") -> Node:
        """Return a node as AWS knows it."""
        return self.aws.fleet.node(cluster_id, node_id)

    # -- servers ----------------------------------------------------------------------------------

    def _start_node(
        self, made: Options, certified: str, *, cluster_mode: bool = False
    ) -> IPv4Address:
        """Start a server whose certificate, where it has TLS, is for one label under that name."""
        address = self.network.take_address(made.subnet_group)
        certificate = self.authority.certificate(f"*.{certified}") if made.tls else None
        serving = Serving(
            engine=made.engine, port=made.listens_on, certificate=certificate,
            auth=made.auth, cluster=cluster_mode,
        )  # fmt: skip
        self.servers.start(address, serving)
        return address

    def _start_another(self, cluster: Cluster) -> IPv4Address:
        """Start a server for one more node, or another one, of a cluster or a member's group."""
        group = self.aws.fleet.groups.get(cluster.group_id or "")
        certified = domain(cluster.group_id or cluster.cluster_id, cluster.hash)
        mode = group is not None and group.cluster_mode
        return self._start_node(cluster.options, certified, cluster_mode=mode)

    # -- roles ------------------------------------------------------------------------------------

    def shard_of(self, cluster_id: str) -> tuple[ReplicationGroup, str]:
        """Return the group and the shard of a member; KeyError where it is none."""
        group = self.aws.fleet.groups[self.aws.fleet.clusters[cluster_id].group_id or ""]
        shard = next(key for key, members in group.shards.items() if cluster_id in members)
        return group, shard

    def nodes_of(self, group: ReplicationGroup, shard: str | None = None) -> list[Node]:
        """Return the nodes of a group, or of one of its shards."""
        members = group.members if shard is None else group.shards[shard]
        return [self.node(member) for member in members]

    def fail_over(self, group_id: str, to: str | None = None, shard: str = "0001") -> str:
        """Promote a replica (the next one where none is named) and return its cluster id.

        This is the first half of what AWS does: it goes on to replace the node that was primary.
        """
        fleet = self.aws.fleet
        group = fleet.groups[group_id]
        old = group.primaries[shard]
        new = to or next(member for member in group.shards[shard] if member != old)
        primary = self.node(new)
        self.servers.replicate(primary.address, None)
        for member in group.shards[shard]:
            address = self.node(member).address
            if member != new and address in self.servers.running:
                self.servers.replicate(address, primary.address)
        fleet.fail_over(group_id, new, shard)
        announce(group.options, "FailoverComplete", group_id)
        return new

    def _move_primary_away(self, cluster_id: str) -> None:
        group, shard = self.shard_of(cluster_id)
        if group.primaries[shard] == cluster_id and len(group.shards[shard]) > 1:
            self.fail_over(group.group_id, shard=shard)

    def _follow_primary(self, cluster_id: str, address: IPv4Address) -> None:
        """Make a new member's server a replica of its shard's primary."""
        group, shard = self.shard_of(cluster_id)
        primary = group.primaries[shard]
        if primary != cluster_id:
            self.servers.replicate(address, self.node(primary).address)
