"""Where a VPC has no ledger: take it from a former stack, or from what the agents hold."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from cachegate.domain.agent import Reply
from cachegate.errors import TransientError, UnregisteredError
from cachegate.planning.rebuild import rebuild

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from cachegate.domain.ledger import Ledger
    from cachegate.protocols import Adapters, Gateways
    from cachegate.settings import SyncSettings

MOST_PAGES = 200  # of `inspect`; far more than a rule set that one command could have carried


def recover(
    adapters: Adapters,
    settings: SyncSettings,
    vpc_id: str,
    running: Iterable[str],
    *,
    at: float,
    force: bool,
) -> Ledger:
    """Return the ledger to go on from, so that no listen port moves.

    Every NAT instance that is running must answer first: one that cannot be asked may be the one
    that holds the rules. `force` goes on without it. What agents hold in this stack's own name is
    younger than anything that a former stack left. Raises TransientError, UnregisteredError where
    SSM does not reach an instance (yet).
    """
    reports = _inspect(adapters, sorted(running), force=force)
    held = [r for r in reports if r.get("owner") in {settings.owner, settings.adopt_owner} - {None}]
    rebuilt = rebuild(vpc_id, held, at)
    former = adapters.former_ledgers.load(vpc_id) if adapters.former_ledgers else None
    if former is None or not former.ledger.leases or any(_own(r, settings) for r in held):
        return rebuilt
    # Above every old generation, or the agents would refuse it as done already.
    generation = max(former.ledger.generation, rebuilt.generation) + 1
    # Who held the address of that stack, and since when in doubt, says nothing of this one's; and
    # no rule with that stack's tag is missed.
    return replace(former.ledger, generation=generation, detached=False, holding=None, openings=())


def _own(report: Mapping[str, Any], settings: SyncSettings) -> bool:
    return report.get("owner") == settings.owner


def _inspect(
    adapters: Adapters, instance_ids: Iterable[str], *, force: bool
) -> list[dict[str, Any]]:
    """Return what every instance holds; with `force`, what could be learned of it."""
    reports, unregistered, failed = [], {}, {}
    for instance_id in instance_ids:
        report, reply = _pages(adapters.gateways, instance_id)
        if reply is None or force:
            reports.append(report)
        elif reply.unreached:
            unregistered[instance_id] = str(reply.failure)
        else:
            failed[instance_id] = str(reply.failure)
    if failed or unregistered:
        whom = ", ".join(f"{i} ({why})" for i, why in sorted((failed | unregistered).items()))
        message = (
            "the VPC has no ledger, and these cannot be asked what they forward: "
            f"{whom}; one that was just launched can be in about two minutes, and sync with "
            "force goes on without them"
        )
        raise TransientError(message) if failed else UnregisteredError(message, unregistered)
    return reports


def _pages(gateways: Gateways, instance_id: str) -> tuple[dict[str, Any], Reply | None]:
    """Return all pages of `inspect` as one report, and the reply that ended it too early."""
    report: dict[str, Any] = {}
    forwards: list[dict[str, Any]] = []
    start: int | None = None
    for _ in range(MOST_PAGES):
        reply = gateways.run([instance_id], "inspect", start=start)[instance_id]
        if reply.report is None or reply.failure is not None:
            return report | {"forwards": forwards}, reply
        report = reply.report
        forwards += report.get("forwards", [])
        start = report.get("next")
        if start is None:
            return report | {"forwards": forwards}, None
    endless = Reply(instance_id=instance_id, failure="its report never ends")
    return report | {"forwards": forwards}, endless
