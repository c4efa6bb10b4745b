"""One look at caches of one family: what was seen, and which calls failed meanwhile."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from cachegate.aws.failures import CallError, in_words, is_transient

if TYPE_CHECKING:
    from collections.abc import Callable

    from cachegate.aws.tags import CacheName
    from cachegate.domain.cache import Cache

T = TypeVar("T")


@dataclass(slots=True)
class Look:
    """Collects answers. A call that fails for a while leaves a gap, not an end."""

    caches: dict[CacheName, Cache] = field(default_factory=dict)
    members: set[CacheName] = field(default_factory=set)  # clusters that belong to a group
    failures: list[str] = field(default_factory=list)

    def ask(self, describe: Callable[[], T]) -> T | None:
        """Return the answer, or None and a note where AWS does not answer now."""
        try:
            return describe()
        except CallError as error:
            if not is_transient(error):
                raise
            self.failures.append(in_words(error))
            return None

    @property
    def reason(self) -> str:
        """Say why a tagged cache was not seen whole."""
        if self.failures:
            return f"AWS did not answer, last good forwards stay: {'; '.join(self.failures)}"
        return "AWS lists its tag but does not show it whole now: last good forwards stay"
