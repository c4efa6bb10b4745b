"""When two passes that saw the same thing may count as agreeing."""

from __future__ import annotations


def first_seen(since: float | None, at: float) -> float:
    """Return when the agreeing passes began; a clock that was set back starts them anew."""
    return at if since is None else min(since, at)


def agreed(since: float, at: float, apart: float) -> bool:
    """Say whether a second pass came, at least `apart` seconds after the first."""
    return at > since and at - since >= apart
