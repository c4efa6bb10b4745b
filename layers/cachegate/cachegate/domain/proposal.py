"""A proposal: how a person can give a cache a security group that it shares with nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cachegate.domain.cache import CacheKind


@dataclass(frozen=True, slots=True)
class ProposalStep:
    """One thing to do, in words, and its command where there is one: a line for a shell."""

    what: str
    command: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedGroup:
    """A group that the cache has and something else too."""

    group_id: str
    name: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """What is proposed for one cache. Nothing of it is ever done unasked."""

    cache: str
    kind: CacheKind
    vpc_id: str
    groups: tuple[str, ...]  # ids of those that it has, sorted
    shared: tuple[SharedGroup, ...]  # of these, the ones to be taken off
    group: str  # name of the group to be made, or id of one of its own that it has
    admitted: tuple[str, ...]  # what the shared ones let through to the cache's ports
    steps: tuple[ProposalStep, ...]
