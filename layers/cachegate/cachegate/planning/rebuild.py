"""Make a lost ledger again from what the NAT instances hold, so that no listen port moves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cachegate.domain.forward import Forward
from cachegate.domain.ledger import Lease, Ledger
from cachegate.errors import ConfigurationError, TransientError
from cachegate.planning.keys import OWNERS, cache_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from cachegate.domain.forward import Target

REASON = "rebuilt from what a NAT instance holds"


@dataclass(frozen=True, slots=True, order=True)
class _Held:
    """What one agent has: the newest generation sorts first."""

    age: int
    digest: str
    forwards: tuple[Forward, ...]


def rebuild(
    vpc_id: str,
    reports: Iterable[Mapping[str, Any]],
    at: float,
    owners: Collection[str],
) -> Ledger:
    """Return a ledger with every forward that an agent's `inspect` reports, pages joined.

    Only rule sets of the given owners count: this stack, and one that it adopts from. Where two
    NAT instances disagree, the newer generation keeps its port, key and target, and what only
    the older one has is added. The generation is one above the highest, since an agent refuses
    other content under a generation that it has. A listen port without a target is at rest from
    now on: its key, if it lives, has it back with the next plan. Raise TransientError where a
    report cannot be read: half a ledger would give ports away that others hold.
    """
    held = sorted(_read(report) for report in reports if report.get("owner") in owners)
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
    highest = max((-agent.age for agent in held), default=-1)
    return Ledger(vpc_id=vpc_id, generation=highest + 1, leases=leases)


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
        return _Held(-int(report["generation"]), str(report["digest"]), forwards)
    except (ConfigurationError, KeyError, TypeError, ValueError) as error:
        raise TransientError(f"a NAT instance's report cannot be read: {error!r}") from error
