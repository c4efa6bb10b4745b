"""Take the agents off the NAT instances, and remember it before and after."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from cachegate.errors import LedgerConflictError
from cachegate.recover import recover
from cachegate.vpc_pass import TRIES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from cachegate.domain.cache import NatInstance
    from cachegate.domain.ledger import Ledger
    from cachegate.protocols import Adapters
    from cachegate.settings import SyncSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Detached:
    """Which NAT instances are free of the agent, and which are not, with the reason."""

    removed: tuple[str, ...]
    still_there: Mapping[str, str]


def detach(adapters: Adapters, settings: SyncSettings) -> Detached:
    """Take the agent off every NAT instance of the stack; passes push nothing from then on.

    The ledgers remember it first: a pass that runs meanwhile must not put the rules back. Where
    there is none, one is made from what the agents hold, who are the last to know the ports.
    """
    ours = [i for i in adapters.network.nat_instances() if i.stack == settings.stack]
    vpc_ids = sorted(adapters.ledgers.vpc_ids() | {i.vpc_id for i in ours})
    conflicts: list[LedgerConflictError] = []
    known: dict[str, set[str]] = {}
    for vpc_id in vpc_ids:
        with _kept(conflicts):
            known[vpc_id] = _mark(adapters, settings, vpc_id, ours)
    running = {i.instance_id for i in ours if i.state == "running" and i.vpc_id in known}
    running |= adapters.network.running(set().union(*known.values()) - running)
    replies = adapters.gateways.run(sorted(running), "remove") if running else {}
    still_there = {i: reply.failure for i, reply in replies.items() if reply.failure is not None}
    removed = tuple(sorted(set(replies) - set(still_there)))
    for vpc_id in known:
        with _kept(conflicts):
            _forget(adapters, vpc_id, removed)
            _disprove(adapters, vpc_id)
    if conflicts:
        raise LedgerConflictError("; ".join(map(str, conflicts)))
    asleep = {
        i.instance_id: f"the instance is {i.state}, and restores its rules when it starts: "
        "start it and detach again"
        for i in ours
        if i.state != "running" and i.instance_id in known[i.vpc_id]
    }
    return Detached(removed=removed, still_there=dict(sorted((still_there | asleep).items())))


@contextmanager
def _kept(conflicts: list[LedgerConflictError]) -> Iterator[None]:
    """Keep a conflict in one VPC for the end, when the others are done."""
    try:
        yield
    except LedgerConflictError as error:
        conflicts.append(error)


def _mark(
    adapters: Adapters, settings: SyncSettings, vpc_id: str, ours: Iterable[NatInstance]
) -> set[str]:
    """Write into the ledger that the VPC is detached, and return the instances that it knows."""
    running = [i.instance_id for i in ours if i.vpc_id == vpc_id and i.state == "running"]

    def marked(ledger: Ledger | None) -> Ledger:
        if ledger is None:
            at = adapters.clock()
            ledger = recover(adapters, settings, vpc_id, running, at=at, force=True)
        return replace(ledger, detached=True)

    return set(_write(adapters, vpc_id, marked).nat_instances)


def _forget(adapters: Adapters, vpc_id: str, removed: Iterable[str]) -> None:
    """Note that these instances forward no more, so that none is called open later."""
    gone = set(removed)

    def without(ledger: Ledger | None) -> Ledger:
        if ledger is None:
            raise LedgerConflictError(f"the ledger of {vpc_id} went away: detach again")
        left = tuple(i for i in ledger.nat_instances if i not in gone)
        return replace(ledger, nat_instances=left)

    _write(adapters, vpc_id, without)


def _disprove(adapters: Adapters, vpc_id: str) -> None:
    """Let no proof outlive the rules: they would be missed as if somebody else had taken them."""
    former = adapters.ledgers.heartbeat(vpc_id)
    if not former.proved:
        return
    try:
        adapters.ledgers.beat(vpc_id, replace(former, proved=()), former.token)
    except LedgerConflictError as error:
        raise LedgerConflictError(f"a pass ended meanwhile in {vpc_id}: detach again") from error


def _write(adapters: Adapters, vpc_id: str, change: Callable[[Ledger | None], Ledger]) -> Ledger:
    """Change a ledger that passes may write at the same time; return it as written."""
    for _ in range(TRIES):
        record = adapters.ledgers.load(vpc_id)
        former = None if record is None else record.ledger
        ledger = change(former)
        if ledger == former:
            return ledger
        try:
            adapters.ledgers.save(ledger, None if record is None else record.version)
        except LedgerConflictError:
            continue
        return ledger
    raise LedgerConflictError(f"passes keep writing the ledger of {vpc_id}: detach again")
