"""A revocation: what was removed, why, and all that it takes to give it back."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cachegate.domain.groups import SecurityGroup
    from cachegate.domain.ingress import IngressRule


class RevocationState(StrEnum):
    """How far it came."""

    PENDING = "pending"  # recorded, not proved: the rule may be there still
    REVOKED = "revoked"  # read back: the rule is gone
    RESTORED = "restored"  # given back


@dataclass(frozen=True, slots=True, kw_only=True)
class Author:
    """Who added or changed a rule, as the trail's event says."""

    who: str  # ARN
    event: str  # name of the call
    event_id: str
    at: float | None = None  # seconds since the epoch


@dataclass(frozen=True, slots=True, kw_only=True)
class Revocation:
    """The undo record of one rule. Its key is the group and the rule's id, which is never reused.

    Times are in seconds since the epoch. Of a prefix list the id is kept, not its entries: a
    restored rule refers to the list as it is then.
    """

    rule: IngressRule
    group: SecurityGroup
    caches: tuple[str, ...]
    source_class: str
    severity: str
    reason: str
    evidence: tuple[str, ...]  # the interfaces that share the group, in words
    recorded_at: float
    state: RevocationState = RevocationState.PENDING
    author: Author | None = None  # None: no event told of the rule
    triggers: tuple[str, ...] = ()  # ids of what asked for the pass
    carved: bool = False  # ports beside the caches' were opened again under the tag of this rule
    revoked_at: float | None = None
    restored_at: float | None = None
    restored_as: str | None = None  # id of the rule that was made
