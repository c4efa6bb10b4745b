"""Take the stack's own security-group rules away, and nobody else's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cachegate.errors import RuleRefusedError, TransientError

if TYPE_CHECKING:
    from collections.abc import Callable

    from cachegate.domain.group_rules import GroupRule
    from cachegate.protocols import Adapters
    from cachegate.settings import SyncSettings

LOOKS = 3  # the last one has to find nothing that was not dealt with: a pass may add meanwhile


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdrawn:
    """Which rules are gone, by id, and in words why others are still there."""

    removed: tuple[str, ...] = ()
    left: tuple[str, ...] = ()


def withdraw(
    adapters: Adapters,
    settings: SyncSettings,
    concerns: Callable[[GroupRule], bool] = lambda _rule: True,
) -> Withdrawn:
    """Remove the rules that carry this stack's tag, one call a rule; by default in all VPCs.

    One that cannot be removed hinders no other.
    """
    removed: list[str] = []
    left: dict[str, str] = {}
    for _ in range(LOOKS):
        try:
            found = adapters.group_rules.managed(settings.stack)
        except TransientError as error:
            return Withdrawn(removed=tuple(removed), left=(*left.values(), str(error)))
        done = {*removed, *left}
        fresh = [rule for rule in found if rule.rule_id not in done and concerns(rule)]
        if not fresh:
            break
        for rule in fresh:
            why = _close(adapters, rule)
            if why is None:
                removed.append(rule.rule_id)
            else:
                left[rule.rule_id] = why
    else:
        left[""] = "passes keep adding rules"
    return Withdrawn(removed=tuple(removed), left=tuple(left.values()))


def _close(adapters: Adapters, rule: GroupRule) -> str | None:
    """Remove a rule; return why it may still be there."""
    try:
        adapters.group_rules.close(rule)
    except (RuleRefusedError, TransientError) as error:
        return str(error)
    return None
