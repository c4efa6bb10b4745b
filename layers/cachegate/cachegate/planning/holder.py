"""Find who has a listen port."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cachegate.errors import InvocationError
from cachegate.planning.text import ports

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cachegate.domain.ledger import Lease, Ledger


def holder(ledger: Ledger, listen: int) -> Lease:
    """Return the lease of a listen port; raise InvocationError where there is none."""
    for lease in ledger.leases.values():
        if lease.listen == listen:
            return lease
    raise nobody(listen, (lease.listen for lease in ledger.leases.values()), f" of {ledger.vpc_id}")


def nobody(listen: int, used: Iterable[int], where: str = "") -> InvocationError:
    """Return the error for a listen port that no forward has; it names those that are used."""
    numbers = sorted(used)
    others = f"those in use are {ports(numbers)}" if numbers else "none is in use"
    return InvocationError(f"no forward{where} has the listen port {listen}; {others}")
