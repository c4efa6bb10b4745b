"""What a check-up says: one line for each thing that forwarding, or its safety, rests on."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class CheckState(StrEnum):
    """How a check ended. What nobody could see is unknown, and never a pass."""

    PASS = "pass"  # noqa: S105 - no password
    FAIL = "fail"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One check of one thing. Texts are one line each."""

    check: str  # a stable word with dashes
    subject: str  # a cache, an instance, a group, a stack ...
    state: CheckState
    says: str
    vpc: str | None = None
    fix: str | None = None  # a command, or what to do; None exactly where it passes

    def __post_init__(self) -> None:
        if (self.fix is None) != (self.state is CheckState.PASS):
            raise ValueError(f"{self.check}: a check has a fix exactly where it does not pass")
        for name in ("says", "fix"):
            object.__setattr__(self, name, _one_line(getattr(self, name)))


@dataclass(frozen=True, slots=True)
class Unanswered:
    """What stands in for an answer that AWS did not give: why, in words."""

    why: str


def _one_line(text: str | None) -> str | None:
    """Join lines: what AWS or an agent says may have several."""
    return None if text is None else " ".join(text.split())
