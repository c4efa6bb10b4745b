"""What is true of a fleet now: of the fake world's and of the embedded world's alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ipaddress import IPv4Address

    from local.caches import Cluster, ReplicationGroup
    from local.fleet import Fleet

EXPOSED = {"cachegate:expose": "true", "cachegate:plaintext": "accepted"}


def names(fleet: Fleet) -> list[str]:
    """Return the names of all caches."""
    clusters = [c.cluster_id for c in fleet.clusters.values() if c.group_id is None]
    return sorted([*clusters, *fleet.groups])


def cache(fleet: Fleet, name: str) -> Cluster | ReplicationGroup:
    return fleet.groups.get(name) or fleet.clusters[name]


def nodes(fleet: Fleet, name: str) -> list[tuple[str, str]]:
    """Return (cluster id, node id) of each node of a cache."""
    group = fleet.groups.get(name)
    return sorted(
        (member, node.node_id)
        for member in (group.members if group else [name])
        for node in fleet.clusters[member].nodes
    )


def addresses(fleet: Fleet, name: str) -> dict[str, IPv4Address]:
    """Return the address of each node of a cache by its key."""
    return {
        f"{name}/{cluster_id}/{node_id}": fleet.node(cluster_id, node_id).address
        for cluster_id, node_id in nodes(fleet, name)
    }


def expected(fleet: Fleet) -> dict[str, frozenset[IPv4Address]]:
    """Return where each key of every exposed cache should lead."""
    wanted: dict[str, frozenset[IPv4Address]] = {}
    for name in names(fleet):
        if "cachegate:expose" not in cache(fleet, name).tags:
            continue
        own = addresses(fleet, name)
        wanted |= {key: frozenset({address}) for key, address in own.items()}
        group = fleet.groups.get(name)
        if group is not None and not group.cluster_mode:
            primary = fleet.node(group.primaries["0001"]).address
            others = frozenset(own.values()) - {primary}
            wanted[f"{name}/primary"] = frozenset({primary})
            wanted[f"{name}/readers"] = others or frozenset({primary})
    return wanted


def tag(fleet: Fleet, name: str, *, expose: bool) -> None:
    """Put the expose tag on a cache, or take it off; a group's members follow."""
    group = fleet.groups.get(name)
    members = [fleet.clusters[member] for member in group.members] if group else []
    for each in (cache(fleet, name), *members):
        if expose:
            each.tags.update(EXPOSED)
        else:
            each.tags.pop("cachegate:expose", None)
