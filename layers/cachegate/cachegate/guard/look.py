"""Look: ask AWS once what decides about the groups of caches."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from cachegate.domain.finding import Use
from cachegate.domain.guard_view import GuardView
from cachegate.domain.ingress import PrefixList
from cachegate.planning.sharing import sharing

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from cachegate.domain.finding import Sharing
    from cachegate.domain.groups import GuardedCache, Interface, SecurityGroup
    from cachegate.domain.ingress import IngressRule
    from cachegate.guard.protocols import Book, Groups, GuardAdapters, Trail
    from cachegate.protocols import Resolver


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """What one look found."""

    view: GuardView
    book: Book
    trail: Trail
    unseen: tuple[str, ...]  # ids of groups that caches have and that EC2 does not show us


def look(adapters: GuardAdapters) -> Looked:
    """Ask for everything; raise TransientError where a part is missing.

    Half a look would be dangerous: a cache that is left out makes its interfaces somebody else's.
    """
    at = adapters.clock()
    book = adapters.records.load()
    caches = adapters.caches.guarded()
    wanted = sorted({group_id for cache in caches for group_id in cache.groups})
    groups = adapters.groups.groups(wanted)
    return Looked(
        view=GuardView(
            at=at,
            groups=groups,
            caches=caches,
            rules=open_lists(adapters.groups.rules(groups), adapters.groups),
            sharing=_sharing(groups, caches, adapters.groups.interfaces(groups), adapters.resolver),
            instances=adapters.network.nat_instances(),
            revocations=book.revocations,
        ),
        book=book,
        trail=adapters.trails.state(),
        unseen=tuple(group_id for group_id in wanted if group_id not in groups),
    )


def open_lists(rules: Iterable[IngressRule], groups: Groups) -> tuple[IngressRule, ...]:
    """Return rules with the entries that their prefix lists have now."""
    known = tuple(rules)
    named = {rule.source.list_id for rule in known if isinstance(rule.source, PrefixList)}
    lists = groups.prefix_lists(sorted(named)) if named else {}
    return tuple(
        replace(rule, source=lists.get(rule.source.list_id, rule.source))
        if isinstance(rule.source, PrefixList)
        else rule
        for rule in known
    )


def _sharing(
    groups: Mapping[str, SecurityGroup],
    caches: tuple[GuardedCache, ...],
    interfaces: tuple[Interface, ...],
    resolver: Resolver,
) -> dict[str, Sharing]:
    """Tell who has each group. Addresses are asked for only where interfaces alone do not tell."""
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
