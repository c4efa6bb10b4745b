"""Tell a person where a listen port leads, since when, and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cachegate.planning.holder import holder
from cachegate.planning.text import listing, moment

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cachegate.domain.address import Holding
    from cachegate.domain.forward import ForwardKind, Target
    from cachegate.domain.ledger import Lease, Ledger


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """All that the ledger knows of a listen port. Times are seconds since the epoch."""

    listen: int
    key: str
    cache: str
    kind: ForwardKind
    state: str  # forwarding, waiting (no target yet), withheld or at_rest
    targets: tuple[Target, ...]
    leased_at: float  # the key has the port since then
    since: float  # it leads there since then
    seconds: float  # as long as that
    why: str
    pending: tuple[str, ...]  # what is seen but does not count yet


def explain(ledger: Ledger, listen: int, at: float) -> Explanation:
    """Explain a listen port; raise InvocationError where no key has it."""
    lease = holder(ledger, listen)
    withheld = ledger.withheld.get(lease.cache) if lease.resting_since is None else None
    since = withheld.since if withheld else lease.changed_at
    return Explanation(
        listen=listen,
        key=lease.key,
        cache=lease.cache,
        kind=lease.kind,
        state="withheld" if withheld else _state(lease),
        targets=ledger.leads_to(lease),
        leased_at=lease.leased_at,
        since=since,
        seconds=max(0.0, at - since),
        why=withheld.reason if withheld else lease.reason,
        pending=tuple(_pending(ledger, lease)),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Whereabouts:
    """All that the ledger knows of the address. Times are seconds since the epoch."""

    holder: str | None
    since: float
    seconds: float  # as long as that
    why: str
    moved_from: str | None
    moved_at: float | None
    pending: tuple[str, ...]


def explain_address(holding: Holding, at: float) -> Whereabouts:
    """Explain why the address is where it is, as the last pass left it."""
    return Whereabouts(
        holder=holding.instance_id,
        since=holding.since,
        seconds=max(0.0, at - holding.since),
        why=holding.reason,
        moved_from=holding.moved_from,
        moved_at=holding.moved_at,
        pending=tuple(_open(holding, at)),
    )


def _open(holding: Holding, at: float) -> Iterator[str]:
    if holding.fenced_until > at:
        yield f"a pass moves it, and has until {moment(holding.fenced_until)}"
    if holding.unheld_since is not None:
        yield f"no verified NAT instance has had it since {moment(holding.unheld_since)}"


def _state(lease: Lease) -> str:
    if lease.resting_since is not None:
        return "at_rest"
    return "forwarding" if lease.targets else "waiting"


def _pending(ledger: Ledger, lease: Lease) -> Iterator[str]:
    if ledger.detached:
        yield "the VPC is detached: NAT instances forward nothing until a sync"
    if lease.resting_since is not None:
        return
    if lease.missing_since is not None:
        yield f"its key was not seen since {moment(lease.missing_since)}: a later pass must agree"
    if lease.candidate is not None and lease.candidate_since is not None:
        since = moment(lease.candidate_since)
        yield f"{listing(lease.candidate)} was left lately and seen again at {since}"
    if ledger.braked_since is not None:
        yield f"the VPC's mass-change brake holds since {moment(ledger.braked_since)}"
