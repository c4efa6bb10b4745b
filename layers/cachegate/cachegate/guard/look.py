"""Look: ask AWS once what decides about the groups of caches."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from cachegate.domain.guard_view import GuardView
from cachegate.domain.ingress import PrefixList
from cachegate.shared_groups import sharing_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cachegate.domain.ingress import IngressRule
    from cachegate.guard.protocols import Book, Groups, GuardAdapters, Trail


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
            sharing=sharing_of(
                groups, caches, adapters.groups.interfaces(groups), adapters.resolver
            ),
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
