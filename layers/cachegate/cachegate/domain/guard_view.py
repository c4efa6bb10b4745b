"""What one pass of the guard saw, at one time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cachegate.domain.cache import NatInstance
    from cachegate.domain.finding import Sharing
    from cachegate.domain.groups import GuardedCache, SecurityGroup
    from cachegate.domain.ingress import IngressRule
    from cachegate.domain.revocation import Revocation


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardView:
    """The groups that caches have, with all that decides about their rules."""

    at: float  # seconds since the epoch, before the first question was asked
    groups: Mapping[str, SecurityGroup]  # by id; those that caches have and that we can see
    caches: tuple[GuardedCache, ...]
    rules: tuple[IngressRule, ...]  # of these groups, prefix lists opened
    sharing: Mapping[str, Sharing]  # by group
    instances: tuple[NatInstance, ...]  # of any stack
    revocations: tuple[Revocation, ...]  # of any time
