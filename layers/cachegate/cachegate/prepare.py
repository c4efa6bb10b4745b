"""Read the ledger of a VPC, or recover it, and plan: what a pass, `plan` and `describe` share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cachegate.planning.plan import make_plan
from cachegate.recover import recover

if TYPE_CHECKING:
    from cachegate.domain.ledger import Ledger
    from cachegate.domain.plan import Plan
    from cachegate.observe import Survey
    from cachegate.protocols import Adapters
    from cachegate.settings import SyncSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A ledger and the plan made from it; nothing has been written yet."""

    before: Ledger
    version: int | None  # None: there was no ledger
    plan: Plan


def prepare(
    adapters: Adapters, settings: SyncSettings, vpc_id: str, seen: Survey, *, force: bool = False
) -> Prepared:
    """Plan for one VPC. Raises TransientError where a lost ledger cannot be recovered now."""
    record = adapters.ledgers.load(vpc_id)
    if record is None:
        running = [i.instance_id for i in seen.instances_in(vpc_id) if i.state == "running"]
        before = recover(adapters, settings, vpc_id, running, at=seen.at, force=force)
    else:
        before = record.ledger
    return Prepared(
        before=before,
        version=None if record is None else record.version,
        plan=make_plan(before, seen.observations[vpc_id], settings.policy, force=force),
    )
