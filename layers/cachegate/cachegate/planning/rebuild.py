"""Make a lost ledger again from what the NAT instances hold, so that no listen port moves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cachegate.domain.forward import Forward
from cachegate.domain.ledger import Lease, Ledger
from cachegate.errors import ConfigurationError, TransientError
from cachegate.planning.keys import OWNERS, cache_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from cachegate.domain.forward import Target

REASON = "rebuilt from what a NAT instance holds"


@dataclass(frozen=True, slots=True)
class _Held:
    generation: int
    forwards: tuple[Forward, ...]


def rebuild(vpc_id: str, reports: Iterable[Mapping[str, Any]], at: float) -> Ledger:
    """Return a ledger with every forward that the agents' `inspect` reports, pages joined.

    The caller leaves out rule sets of foreign owners. Where two NAT instances disagree, the
    newer generation keeps its port, key and target, and what only the older one has is added.
    The generation is the highest one; the first plan always makes a newer one of it, since no
    report tells the networks. A listen port without a target is at rest from now on: its key,
    if it lives, has it back with that plan. Raise TransientError where a report cannot be read:
    half a ledger would give ports away that others hold.
    """
    held = sorted(map(_read, reports), key=_newest)
    leases: dict[str, Lease] = {}
    listens: set[int] = set()
    targets: set[Target] = set()
    for forward in (forward for agent in held for forward in agent.forwards):
        if forward.key in leases or forward.listen in listens:
            continue
        # Two instances that never agreed may show one address for two nodes: the newer is right.
        doubtful = forward.kind in OWNERS and not targets.isdisjoint(forward.targets)
        lease = _lease(forward, () if doubtful else forward.targets, at)
        leases[lease.key] = lease
        listens.add(lease.listen)
        if lease.kind in OWNERS:
            targets.update(lease.targets)
    highest = max((agent.generation for agent in held), default=0)
    return Ledger(vpc_id=vpc_id, generation=highest, leases=leases)


def _lease(forward: Forward, targets: tuple[Target, ...], at: float) -> Lease:
    return Lease(
        key=forward.key,
        cache=cache_of(forward.key),
        kind=forward.kind,
        listen=forward.listen,
        targets=targets,
        leased_at=at,
        changed_at=at,
        reason=REASON,
        resting_since=None if targets else at,
    )


def _read(report: Mapping[str, Any]) -> _Held:
    try:
        forwards = tuple(Forward.from_json(forward) for forward in report["forwards"])
        return _Held(int(report["generation"]), forwards)
    except (ConfigurationError, KeyError, TypeError, ValueError) as error:
        raise TransientError(f"a NAT instance's report cannot be read: {error!r}") from error


def _newest(held: _Held) -> tuple[int, str]:
    """Sort by generation; between equal ones by content, so that no order decides."""
    return -held.generation, repr(held.forwards)
