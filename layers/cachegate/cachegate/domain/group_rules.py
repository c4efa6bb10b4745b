"""Security-group rules of both sides: what the stack wants there, and what is there."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cachegate.domain.ingress import Source
    from cachegate.domain.plan import Problem
    from cachegate.domain.traffic import Traffic

MANAGED_TAG = "cachegate:managed"  # of a rule: the stack that added it, and may change it
VPC_TAG = "cachegate:vpc"  # beside it: the VPC of the NAT instances that the rule serves


class Direction(StrEnum):
    """Which way the packets of a rule go."""

    INGRESS = "ingress"
    EGRESS = "egress"


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """What a rule lets through; two rules of one group with the same opening do not exist."""

    group_id: str
    direction: Direction
    traffic: Traffic
    peer: Source  # where packets come from, or go to

    @property
    def key(self) -> str:
        """Return its identity as text, as the ledger keeps it."""
        return f"{self.group_id} {self.direction} {self.traffic} {self.peer}"

    def __str__(self) -> str:
        way = "from" if self.direction is Direction.INGRESS else "to"
        return f"{self.traffic} {way} {self.peer} in {self.group_id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """An opening that the stack needs, and what for: the rule's description."""

    opening: Opening
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupRule:
    """A rule as EC2 has it."""

    rule_id: str
    opening: Opening
    tags: Mapping[str, str] = field(default_factory=dict)
    weight: int = 1  # how much of the quota it takes: a prefix list counts its most entries
    description: str = ""
    icmp: tuple[int, int] | None = None  # type and code of an ICMP rule, -1 for every one

    def managed_by(self, stack: str, vpc_id: str | None = None) -> bool:
        """Tell whether a stack added it, for one VPC where that is named."""
        ours = self.tags.get(MANAGED_TAG) == stack
        return ours and vpc_id in {None, self.tags.get(VPC_TAG)}


@dataclass(frozen=True, slots=True, kw_only=True)
class RulePlan:
    """What has to change in security groups.

    Those of `early` fit beside the old rules, so that there is no moment without either; the others
    need the room that removals make.
    """

    add: tuple[Wanted, ...] = ()
    remove: tuple[GroupRule, ...] = ()
    vanished: tuple[Wanted, ...] = ()  # of those to add, the ones that were in place before
    edited: tuple[GroupRule, ...] = ()  # of those to remove, the ones that never were in place
    left: tuple[Wanted, ...] = ()  # that lack, and have no room in their group
    in_place: tuple[str, ...] = ()  # keys of the wanted openings that are there, whoever added them
    problems: tuple[Problem, ...] = ()
    early: frozenset[str] = frozenset()  # keys of openings

    @property
    def quiet(self) -> bool:
        """Tell whether nothing has to change."""
        return not self.add and not self.remove


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleResult:
    """How a pass left the rules; what it could not do is told by `errors`, one for each."""

    added: tuple[Wanted, ...] = ()
    removed: tuple[GroupRule, ...] = ()
    vanished: tuple[Wanted, ...] = ()  # that came back
    edited: tuple[GroupRule, ...] = ()  # of those removed: edited, or tagged, by somebody else
    in_place: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()
    errors: tuple[str, ...] = ()
    recheck_after: float | None = None  # seconds; None where nothing was put off
