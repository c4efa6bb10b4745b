"""Verbs of the embedded world: which node of a shard leads, and who follows it.

With cluster mode disabled ElastiCache alone decides that, and its API tells; with cluster mode
enabled the nodes elect, and the API does not show roles at all.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from local.bus import Bus
from local.caches import domain
from local.nodes import Serving
from local.notifications import announce

if TYPE_CHECKING:
    from collections.abc import Sequence
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

    def primary_of(self, group_id: str, shard: str = "0001") -> str:
        """Return the cluster id of a shard's primary; in cluster mode as its nodes have it now.

        Where none of them leads, it is the last that did.
        """
        group = self.aws.fleet.groups[group_id]
        if group.cluster_mode:
            leads = self.bus.primary(self.nodes_of(group, shard))
            if leads is not None and leads.cluster_id != group.primaries[shard]:
                self.aws.fleet.fail_over(group_id, leads.cluster_id, shard)
        return group.primaries[shard]

    def fail_over(self, group_id: str, to: str | None = None, shard: str = "0001") -> str:
        """Promote a replica (the next one where none is named) and return its cluster id.

        Both agree on it, and no write is lost, unless the primary is dead: then the replica takes
        over with what it has, in cluster mode without a vote. This is the first half of what AWS
        does: it goes on to replace the node that was primary.
        """
        old = self.primary_of(group_id, shard)
        group = self.aws.fleet.groups[group_id]
        new = to or next(each for each in group.shards[shard] if each != old and self._runs(each))
        if group.cluster_mode:
            self.bus.fail_over(self.node(old), self.node(new), self.nodes_of(group))
        else:
            self._promote(group.shards[shard], old, new)
        self._failed_over(group, new, shard)
        return new

    def await_failover(self, group_id: str, shard: str = "0001") -> str:
        """Wait until the nodes have elected a primary for a dead one; return its cluster id.

        Raises NodeError where they do not: two shards or one have no majority without it, and AWS
        decides, as `fail_over` does.
        """
        group = self.aws.fleet.groups[group_id]
        new = self.bus.elected(self.nodes_of(group, shard), self.nodes_of(group))
        self._failed_over(group, new.cluster_id, shard)
        return new.cluster_id

    def _failed_over(self, group: ReplicationGroup, new: str, shard: str) -> None:
        self.aws.fleet.fail_over(group.group_id, new, shard)
        announce(group.options, "FailoverComplete", group.group_id)

    def _promote(self, members: Sequence[str], old: str, new: str) -> None:
        primary = self.node(new).address
        if self._runs(old):
            self.servers.hand_over(self.node(old).address, primary)
        else:
            self.servers.replicate(primary, None)
        for member in members:
            if member != new and self._runs(member):
                self.servers.replicate(self.node(member).address, primary)

    def _runs(self, cluster_id: str) -> bool:
        return self.node(cluster_id).address in self.servers.running

    def _move_primary_away(self, cluster_id: str) -> None:
        """Fail over where a member is the primary of its shard, and another one could be."""
        group, shard = self.shard_of(cluster_id)
        others = [each for each in group.shards[shard] if each != cluster_id and self._runs(each)]
        if others and self.primary_of(group.group_id, shard) == cluster_id:
            self.fail_over(group.group_id, shard=shard)

    def _enlist(self, cluster_id: str, address: IPv4Address) -> None:
        """Let a server be the member at this address: a replica, where its shard has a primary."""
        group, shard = self.shard_of(cluster_id)
        if group.cluster_mode:
            self.bus.join(
                replace(self.node(cluster_id), address=address),
                self.nodes_of(group, shard), self.nodes_of(group),
            )  # fmt: skip
        elif (primary := group.primaries[shard]) != cluster_id:
            self.servers.replicate(address, self.node(primary).address)

    def _strike_off(self, group_id: str) -> None:
        """Let the nodes of a group forget who is none of them any more."""
        group = self.aws.fleet.groups[group_id]
        if group.cluster_mode:
            self.bus.forget_others(self.nodes_of(group))

    # -- slots ------------------------------------------------------------------------------------

    def begin_slot_move(self, group_id: str, slot: int, to_shard: str) -> None:
        """Begin to move a slot, with the keys it has: who asks its shard for one is sent to ASK."""
        group = self.aws.fleet.groups[group_id]
        target = self.node(self.primary_of(group_id, to_shard))
        self.bus.begin_move(slot, target, self.nodes_of(group))

    def end_slot_move(self, group_id: str, slot: int, to_shard: str) -> None:
        """End it: the slot is the other shard's, and who asks the former one is answered MOVED.

        DescribeReplicationGroups goes on to show the slots of the creation.
        """
        group = self.aws.fleet.groups[group_id]
        target = self.node(self.primary_of(group_id, to_shard))
        self.bus.end_move(slot, target, self.nodes_of(group))
