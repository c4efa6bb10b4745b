"""What CloudTrail tells of a call, as far as the guard asks."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cachegate.domain.revocation import Author


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """Who made a call, how it ended, and of which rules it tells."""

    who: str = ""  # ARN of the user or session; of an AWS service its name
    role: str = ""  # ARN of the role, where the session is a role's
    error: str = ""  # CloudTrail's error code; empty where the call succeeded
    authors: Mapping[str, Author] = field(default_factory=dict)  # by rule that it added or changed
