"""Which triggers ask for a look, and which may be ignored: by their body and one cheap look."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from cachegate.domain.trigger import CauseKind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cachegate.protocols import Adapters
    from cachegate.settings import SyncSettings
    from cachegate.triggers import Trigger

GONE = frozenset({"shutting-down", "terminated"})  # states that a listing by tag leaves out


@dataclass(frozen=True, slots=True)
class Ignored:
    """A trigger that asks for nothing, and why."""

    trigger: Trigger
    reason: str


@dataclass(frozen=True, slots=True)
class Heeded:
    """The triggers of a batch, told apart."""

    asking: tuple[Trigger, ...]
    ignored: tuple[Ignored, ...]


def heed(triggers: Sequence[Trigger], adapters: Adapters, settings: SyncSettings) -> Heeded:
    """Tell the triggers apart. What is not known to be needless asks for a look."""
    looks = _Looks(adapters, settings, triggers)
    reasons = {trigger.message_id: looks.why_not(trigger) for trigger in triggers}
    return Heeded(
        asking=tuple(t for t in triggers if reasons[t.message_id] is None),
        ignored=tuple(
            Ignored(trigger, reason)
            for trigger in triggers
            if (reason := reasons[trigger.message_id]) is not None
        ),
    )


class _Looks:
    """At most one listing by tag a batch, and the ledgers only where an instance has ended."""

    def __init__(
        self, adapters: Adapters, settings: SyncSettings, triggers: Sequence[Trigger]
    ) -> None:
        self._adapters = adapters
        self._settings = settings
        about = {CauseKind.INSTANCE_STATE, CauseKind.COMMAND_FAILED}
        asked = any(trigger.cause.kind in about for trigger in triggers)
        # By id: the VPC of each NAT instance of this stack.
        self._vpcs = {
            instance.instance_id: instance.vpc_id
            for instance in (adapters.network.nat_instances() if asked else ())
            if instance.stack == settings.stack
        }

    def why_not(self, trigger: Trigger) -> str | None:
        """Return why a trigger may be ignored, or None."""
        cause = trigger.cause
        if cause.idle:
            return "it concerns neither nodes nor access"
        if cause.kind is CauseKind.INSTANCE_STATE and not self._ours(cause.subject, cause.name):
            return "the instance is not ours"
        if cause.kind is CauseKind.COMMAND_FAILED:
            return self._after_failure(cause.subject)
        return None

    def _ours(self, instance_id: str, state: str) -> bool:
        if instance_id in self._vpcs:
            return True
        return state in GONE and self._recorded(instance_id)

    def _recorded(self, instance_id: str) -> bool:
        ledgers = self._adapters.ledgers
        records = (ledgers.load(vpc_id) for vpc_id in ledgers.vpc_ids())
        return any(record and instance_id in record.ledger.nat_instances for record in records)

    def _after_failure(self, instance_id: str) -> str:
        """Let one chain of re-checks follow a command that failed, and never a pass at once.

        The pass that sent the command knows already and is tried again; this is for commands that
        failed when nobody waited any more. A pass at once would send the next command, whose
        failure would ask for the next pass. So a failure only starts the VPC's chain where none
        is live; its token stays in the ledger until a pass is verified, so all further failures
        are ignored until then.
        """
        vpc_id = self._vpcs.get(instance_id)
        if vpc_id is None:
            return "the instance is not ours"
        former = self._adapters.ledgers.heartbeat(vpc_id)
        if former.token:
            return "re-checks are under way"
        if former.rechecks >= self._settings.most_rechecks:
            return "re-checks have ended, and the schedule goes on"
        token = self._adapters.new_token()
        self._adapters.ledgers.beat(
            vpc_id, replace(former, token=token, rechecks=former.rechecks + 1)
        )
        self._adapters.rechecks.send(vpc_id, token, self._settings.policy.recheck)
        return "a re-check follows"
