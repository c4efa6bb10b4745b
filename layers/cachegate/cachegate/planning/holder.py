"""Find who has a listen port."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cachegate.errors import InvocationError

if TYPE_CHECKING:
    from cachegate.domain.ledger import Lease, Ledger


def holder(ledger: Ledger, listen: int) -> Lease:
    """Return the lease of a listen port; raise InvocationError where there is none."""
    for lease in ledger.leases.values():
        if lease.listen == listen:
            return lease
    raise InvocationError(f"no key of {ledger.vpc_id} has the listen port {listen}")
