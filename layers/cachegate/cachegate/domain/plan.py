"""What a plan is made of: changes and refusals, each with its reason."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cachegate.domain.forward import Target
    from cachegate.domain.ledger import Ledger


class ChangeKind(StrEnum):
    """What happens to a listen port, or why nothing does yet."""

    ADD = "add"  # a new key gets a listen port
    MOVE = "move"  # its targets change
    REST = "rest"  # its key is gone: it answers RST from now on
    FREE = "free"  # the quarantine is over
    RETURN = "return"  # a key is back while its port rested
    SOURCES = "sources"  # who may connect
    WITHHOLD = "withhold"  # its cache is unprotected, and sources are too wide: it answers RST
    RESUME = "resume"  # it is withheld no more
    NETWORKS = "networks"  # where forwards may lead
    HOLD = "hold"  # a change that is seen but not made yet


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One decision. A HOLD changes nothing in the kernel and says what it waits for."""

    kind: ChangeKind
    reason: str
    key: str | None = None
    listen: int | None = None
    before: tuple[Target, ...] = ()
    after: tuple[Target, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Why a cache, or one of its keys, is not forwarded: a person has to act or wait.

    A warning (`forwarded`) is about a cache that is forwarded all the same.
    """

    code: str  # a stable word, such as range_exhausted, pin_taken or no_nat_instance
    cache: str
    message: str
    forwarded: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The next ledger and how it differs. The generation grew only if the rule set differs."""

    ledger: Ledger
    changes: tuple[Change, ...] = ()
    problems: tuple[Problem, ...] = ()
    recheck_after: float | None = None  # seconds; None where nothing is in motion

    @property
    def made(self) -> tuple[Change, ...]:
        """Return the changes that are made now."""
        return tuple(change for change in self.changes if change.kind is not ChangeKind.HOLD)

    @property
    def held(self) -> tuple[Change, ...]:
        """Return the changes that are seen and not made yet."""
        return tuple(change for change in self.changes if change.kind is ChangeKind.HOLD)
