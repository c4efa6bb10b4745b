"""Which triggers ask for a look, and which may be ignored: by their body and one cheap look."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from cachegate.domain.trigger import CauseKind
from cachegate.errors import LedgerConflictError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from cachegate.domain.trigger import Cause
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

    @classmethod
    def by(cls, why_not: Callable[[Trigger], str | None], triggers: Sequence[Trigger]) -> Heeded:
        """Tell triggers apart by what says of each why it may be ignored, or None."""
        judged = [(trigger, why_not(trigger)) for trigger in triggers]
        return cls(
            asking=tuple(trigger for trigger, reason in judged if reason is None),
            ignored=tuple(Ignored(trigger, why) for trigger, why in judged if why is not None),
        )


def heed(triggers: Sequence[Trigger], adapters: Adapters, settings: SyncSettings) -> Heeded:
    """Tell the triggers apart. What is not known to be needless asks for a look."""
    return Heeded.by(_Batch(adapters, settings).why_not, triggers)


class _Batch:
    """Looks once a batch at most: at instances by tag, and at ledgers where one has ended."""

    def __init__(self, adapters: Adapters, settings: SyncSettings) -> None:
        self._adapters = adapters
        self._settings = settings

    def why_not(self, trigger: Trigger) -> str | None:
        """Return why a trigger may be ignored, or None."""
        cause = trigger.cause
        if cause.idle:
            return "it concerns neither nodes nor access"
        if cause.kind is CauseKind.INSTANCE_STATE and not self._ours(cause.subject, cause.name):
            return "the instance is not ours"
        if cause.kind is CauseKind.INSTANCE_TAG and not self._joins_or_leaves(cause):
            return "the instance is not ours"
        if cause.kind is CauseKind.COMMAND_FAILED:
            return self._after_failure(cause.subject)
        return None

    @cached_property
    def _vpcs(self) -> Mapping[str, str]:
        """The VPC of each NAT instance of this stack, by the instance's id."""
        return {
            instance.instance_id: instance.vpc_id
            for instance in self._adapters.network.nat_instances()
            if instance.stack == self._settings.stack
        }

    @cached_property
    def _recorded(self) -> frozenset[str]:
        """The NAT instances that some ledger knows: given rules, or meant to have the address."""
        ledgers = self._adapters.ledgers
        records = (ledgers.load(vpc_id) for vpc_id in ledgers.vpc_ids())
        return frozenset(i for record in records if record for i in record.ledger.known_instances)

    def _ours(self, instance_id: str, state: str) -> bool:
        return instance_id in self._vpcs or (state in GONE and instance_id in self._recorded)

    def _joins_or_leaves(self, tagged: Cause) -> bool:
        """Tell whether a tag is, or may have been, ours: EC2's listing may show it only later."""
        instance_id = tagged.subject
        return (
            tagged.name == self._settings.stack
            or instance_id in self._vpcs
            or instance_id in self._recorded
        )

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
        begun = replace(
            former, token=self._adapters.new_token(), rechecks=former.rechecks + 1, quiet=0
        )
        try:
            self._adapters.ledgers.beat(vpc_id, begun, former.token)
        except LedgerConflictError:  # a pass began one meanwhile
            return "re-checks are under way"
        self._adapters.rechecks.send(vpc_id, begun.token, self._settings.policy.recheck)
        return "a re-check follows"
