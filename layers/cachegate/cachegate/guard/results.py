"""What a pass of the guard found and did."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cachegate.domain.finding import Finding, Step
    from cachegate.domain.revocation import Author, Revocation
    from cachegate.errors import CachegateError
    from cachegate.guard.look import Looked


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepResult:
    """One pass: what was seen, what follows from it, and what came of that."""

    looked: Looked
    findings: tuple[Finding, ...]  # the gravest first
    enforces: bool
    ended_at: float  # seconds since the epoch
    fresh: tuple[Finding, ...] = ()  # that the former pass did not have, or had with another step
    revoked: tuple[Revocation, ...] = ()  # proved now; some may be of a pass that broke off
    failures: Mapping[str, CachegateError] = field(default_factory=dict)  # by rule
    authors: Mapping[str, Author] = field(default_factory=dict)  # of rules, as far as known
    unpublished: tuple[str, ...] = ()  # why events were not taken
    unsent: str | None = None  # why the alert was not taken

    @property
    def done(self) -> bool:
        """Tell whether nothing is left for a retry: each rule dealt with, each removal told."""
        return not self.failures and not (self.revoked and self.unsent)

    @property
    def standing(self) -> tuple[Finding, ...]:
        """Return the findings whose rules are still there after the pass."""
        gone = {each.rule.rule_id for each in self.revoked}
        return tuple(each for each in self.findings if each.rule.rule_id not in gone)

    def count(self, *steps: Step) -> int:
        """Return how many standing findings have one of these steps."""
        return sum(finding.step in steps for finding in self.standing)
