"""The one pass that a batch of triggers asks for; some are known to be needless."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cachegate.sync import ALL_VPCS, sync
from cachegate.triggers import fewest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cachegate.protocols import Adapters
    from cachegate.results import SyncResult
    from cachegate.settings import SyncSettings
    from cachegate.triggers import Trigger


def answer(
    triggers: Sequence[Trigger], adapters: Adapters, settings: SyncSettings
) -> SyncResult | None:
    """Run the one pass that a batch asks for; None where every trigger was needless."""
    if _wants_all(triggers, adapters, settings):
        announced = any(trigger.cause.announces for trigger in triggers)
        return sync(adapters, settings, announced=announced)
    moving = frozenset(
        trigger.vpc_id
        for trigger in triggers
        if trigger.vpc_id is not None
        and adapters.ledgers.heartbeat(trigger.vpc_id).token == trigger.token
    )
    return sync(adapters, settings, only=moving) if moving else None


def unanswered(triggers: Sequence[Trigger], result: SyncResult) -> list[Trigger]:
    """Return the messages that have to come back: the fewest that ask again for all that failed.

    After re-checks those of the VPCs that failed.
    """
    failed = {vpc.vpc_id for vpc in result.vpcs if vpc.failure is not None}
    if result.whole and failed:
        return fewest(triggers)
    return [trigger for trigger in triggers if trigger.vpc_id in failed]


def _wants_all(triggers: Sequence[Trigger], adapters: Adapters, settings: SyncSettings) -> bool:
    """Tell whether a trigger of the world is younger than what the last whole pass saw.

    Some slack, because AWS shows a change a while after it announced it.
    """
    sent = [trigger.sent_at for trigger in triggers if trigger.vpc_id is None]
    if not sent:
        return False
    return max(sent) > adapters.ledgers.heartbeat(ALL_VPCS).began_at - settings.stale_trigger
