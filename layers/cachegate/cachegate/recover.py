"""Where a VPC has no ledger: take it from a former stack, or from what the agents hold."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from cachegate.errors import TransientError
from cachegate.planning.rebuild import rebuild

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cachegate.domain.ledger import Ledger
    from cachegate.protocols import Adapters
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
    that holds the rules. `force` goes on without it. Raises TransientError.
    """
    if adapters.former_ledgers is not None:
        former = adapters.former_ledgers.load(vpc_id)
        if former is not None:
            # Above the old generation, or the agents would refuse it as done already.
            return replace(former.ledger, generation=former.ledger.generation + 1, detached=False)
    reports = list(_inspect(adapters, running, force=force))
    owners = {settings.owner} | ({settings.adopt_owner} if settings.adopt_owner else set())
    return rebuild(vpc_id, [r for r in reports if r.get("owner") in owners], at)


def _inspect(
    adapters: Adapters, instance_ids: Iterable[str], *, force: bool
) -> Iterable[dict[str, Any]]:
    for instance_id in instance_ids:
        report: dict[str, Any] = {}
        forwards: list[dict[str, Any]] = []
        start: int | None = None
        for _ in range(MOST_PAGES):
            reply = adapters.gateways.run([instance_id], "inspect", start=start)[instance_id]
            if reply.report is None or reply.failure is not None:
                if force:
                    break
                raise TransientError(
                    f"there is no ledger, and {instance_id} cannot be asked what it forwards "
                    f"({reply.failure}): sync with force to go on without it"
                )
            report = reply.report
            forwards += report.get("forwards", [])
            start = report.get("next")
            if start is None:
                break
        yield report | {"forwards": forwards}
