"""Where the notifications of a cache go, by what AWS shows of its clusters. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cachegate.domain.cache import CacheKind
from cachegate.domain.enrolment import Notices

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cachegate.domain.cache import Cache


def topics_of(cache: Cache) -> tuple[str, ...]:
    """Return the topics (ARNs) that the clusters of a cache have, sorted."""
    return tuple(sorted({each.topic for each in cache.notified if each.topic is not None}))


def other_topics(caches: Iterable[Cache], ours: str) -> frozenset[str]:
    """Return the topics that are not ours: whether they exist decides about their caches."""
    return frozenset(topic for cache in caches for topic in topics_of(cache)) - {ours}


def notices_of(cache: Cache, ours: str) -> Notices:
    """Say where the notifications of all clusters of a cache go; `ours` is our topic."""
    if cache.kind is CacheKind.SERVERLESS:
        return Notices.EVENTBRIDGE
    members = {node.id.cluster_id for node in cache.nodes}
    described = {each.cluster_id for each in cache.notified}
    if not (cache.whole and members and described >= members):
        return Notices.UNKNOWN
    if other_topics([cache], ours):
        return Notices.OTHER_TOPIC
    if any(each.topic is not None and not each.topic_active for each in cache.notified):
        return Notices.INACTIVE
    if any(each.topic is None for each in cache.notified):
        return Notices.NOT_ENROLLED
    return Notices.ENROLLED
