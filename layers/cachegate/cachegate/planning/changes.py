"""Say in words how the next ledger differs from the last one, and what is held back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cachegate.domain.plan import Change, ChangeKind
from cachegate.planning.text import listing

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from cachegate.domain.ledger import Lease, Ledger
    from cachegate.planning.brake import Brake
    from cachegate.planning.damping import Settled


@dataclass(frozen=True, slots=True)
class Differences:
    """The ledgers before and after a pass, and what the brake made of it."""

    before: Ledger
    after: Ledger
    brake: Brake

    def changes(self) -> Iterator[Change]:
        """Yield what changes and what is held, key by key; freed ports are told elsewhere."""
        yield from self._frame()
        for key, settled in self.brake.settled.items():
            before = self.before.leases.get(key)
            yield from self._of_lease(before, settled)
            if before and key in self.brake.keys:
                yield self._hold(settled.lease, self.brake.reason)

    def waits(self) -> Iterable[float]:
        """Return in how many seconds each thing in motion can be decided."""
        waits = [self.brake.wait, *(settled.wait for settled in self.brake.settled.values())]
        return [wait for wait in waits if wait is not None]

    def _frame(self) -> Iterator[Change]:
        if self.after.sources != self.before.sources:
            reason = f"the trusted sources are {listing(self.after.sources)}"
            yield Change(kind=ChangeKind.SOURCES, reason=reason)
        if self.after.targets_within != self.before.targets_within:
            reason = f"the VPC's networks are {listing(self.after.targets_within)}"
            yield Change(kind=ChangeKind.NETWORKS, reason=reason)

    def _of_lease(self, before: Lease | None, settled: Settled) -> Iterator[Change]:
        after = settled.lease
        kind = self._kind(before, after)
        if kind is not None:
            yield Change(
                kind=kind,
                reason=self._reason(kind, after),
                key=after.key,
                listen=after.listen,
                before=self.before.leads_to(before) if before else (),
                after=self.after.leads_to(after),
            )
        if settled.hold and kind not in {ChangeKind.ADD, ChangeKind.RETURN}:
            yield self._hold(after, settled.hold)

    def _kind(self, before: Lease | None, after: Lease) -> ChangeKind | None:
        if before is None:
            return ChangeKind.ADD
        rested, rests = before.resting_since is not None, after.resting_since is not None
        if rested != rests:
            return ChangeKind.RETURN if rested else ChangeKind.REST
        was, withheld = after.cache in self.before.withheld, after.cache in self.after.withheld
        if was != withheld and not rests:
            return ChangeKind.WITHHOLD if withheld else ChangeKind.RESUME
        moved = self.before.leads_to(before) != self.after.leads_to(after)
        return ChangeKind.MOVE if moved else None

    def _reason(self, kind: ChangeKind, lease: Lease) -> str:
        if kind is ChangeKind.RESUME:
            return f"{lease.cache} is withheld no more; {lease.reason}"
        withheld = self.after.withheld.get(lease.cache)
        return withheld.reason if withheld and kind is not ChangeKind.REST else lease.reason

    def _hold(self, lease: Lease, reason: str) -> Change:
        leads = self.after.leads_to(lease)
        return Change(
            kind=ChangeKind.HOLD,
            reason=reason,
            key=lease.key,
            listen=lease.listen,
            before=leads,
            after=leads,
        )


def in_order(changes: Iterable[Change]) -> tuple[Change, ...]:
    """Sort changes by listen port; a port is freed before another key gets it."""
    return tuple(sorted(changes, key=_order))


def _order(change: Change) -> tuple[int, bool, str, str]:
    free_first = change.kind is not ChangeKind.FREE
    return change.listen or 0, free_first, change.kind.value, change.reason
