"""End the quarantine of a listen port, because a person says so."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from cachegate.errors import InvocationError
from cachegate.planning.generation import next_generation
from cachegate.planning.holder import holder
from cachegate.planning.text import moment

if TYPE_CHECKING:
    from cachegate.domain.ledger import Ledger


def release(ledger: Ledger, listen: int, at: float) -> Ledger:
    """Return the ledger without the port, which any key may have from now on.

    Raise InvocationError where nobody has the port or where it is not at rest.
    """
    lease = holder(ledger, listen)
    if lease.resting_since is None:
        hours = (at - lease.leased_at) / 3600
        raise InvocationError(
            f"listen port {listen} is not at rest: {lease.key} has it for {hours:.1f} hours, "
            f"since {moment(lease.leased_at)}"
        )
    leases = {key: other for key, other in ledger.leases.items() if key != lease.key}
    return next_generation(ledger, replace(ledger, leases=leases))
