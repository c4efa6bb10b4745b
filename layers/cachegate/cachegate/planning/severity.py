"""How much a finding matters. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cachegate.domain.finding import Severity
from cachegate.domain.judgement import Verdict

if TYPE_CHECKING:
    from cachegate.domain.finding import Sharing
    from cachegate.domain.judgement import Judgement

_ORDER = tuple(Severity)


def severity(judgement: Judgement, sharing: Sharing) -> Severity:
    """Rate what a rule opens: a cache to too many, or to perhaps too many, or something else.

    A public address on anything that has the group makes each a degree graver: there the rule is
    reached from the Internet, while a cache alone has none.
    """
    if judgement.verdict is Verdict.REVOKE:
        degree = Severity.HIGH
    elif judgement.reached:
        degree = Severity.MEDIUM
    else:
        degree = Severity.LOW
    return _ORDER[_ORDER.index(degree) + 1] if sharing.public else degree
