"""Who has each security group, by interfaces and, where they alone do not tell, by addresses."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from cachegate.domain.finding import Use
from cachegate.planning.sharing import sharing

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from cachegate.domain.finding import Sharing
    from cachegate.domain.groups import GuardedCache, Interface, SecurityGroup
    from cachegate.protocols import Resolver


def sharing_of(
    groups: Mapping[str, SecurityGroup],
    caches: Iterable[GuardedCache],
    interfaces: Iterable[Interface],
    resolver: Resolver,
) -> dict[str, Sharing]:
    """Tell who has each group. Addresses are asked for only where interfaces alone do not tell.

    `caches` are all of the Region, and `interfaces` all that have any of the groups: one that is
    left out would look like somebody else's, or hide somebody.
    """
    having: defaultdict[str, list[Interface]] = defaultdict(list)
    for interface in interfaces:
        for group_id in interface.groups:
            having[group_id].append(interface)
    found = {
        group_id: sharing(group, having[group_id], frozenset())
        for group_id, group in groups.items()
    }
    open_ids = [group_id for group_id, each in found.items() if each.use is not Use.EXCLUSIVE]
    members: dict[str, list[GuardedCache]] = {group_id: [] for group_id in open_ids}
    for cache in caches:
        for group_id in cache.groups & members.keys():
            members[group_id].append(cache)
    hosts = {host for each in members.values() for cache in each for host in cache.hosts}
    addresses = resolver.resolve(sorted(hosts)) if hosts else {}
    for group_id in open_ids:
        asked = {host for cache in members[group_id] for host in cache.hosts}
        named = all(cache.hosts for cache in members[group_id])  # one that is being made is not
        found[group_id] = sharing(
            groups[group_id],
            having[group_id],
            frozenset(address for host in asked for address in addresses.get(host, ())),
            complete=named and asked <= addresses.keys(),
        )
    return found
