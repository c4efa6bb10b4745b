"""Take the agents off the NAT instances, and our rules off groups; remember it before and after."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from cachegate.beat import TRIES
from cachegate.domain.group_rules import VPC_TAG, Direction
from cachegate.errors import LedgerConflictError
from cachegate.planning.group_rules import HTTPS
from cachegate.recover import recover
from cachegate.withdraw import withdraw

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from cachegate.domain.cache import NatInstance
    from cachegate.domain.group_rules import GroupRule
    from cachegate.domain.ledger import Ledger
    from cachegate.protocols import Adapters
    from cachegate.settings import SyncSettings
    from cachegate.withdraw import Withdrawn


@dataclass(frozen=True, slots=True, kw_only=True)
class Detached:
    """Which NAT instances are free of the agent, and which are not, with the reason."""

    removed: tuple[str, ...]
    still_there: Mapping[str, str]
    rules: Withdrawn | None = None  # None: security groups are not managed


def detach(adapters: Adapters, settings: SyncSettings, *, for_good: bool = False) -> Detached:
    """Take the agent off every NAT instance of the stack; passes push nothing from then on.

    The ledgers remember it first: a pass that runs meanwhile must not put the rules back. Where
    there is none, one is made from what the agents hold, who are the last to know the ports.
    Security-group rules go last, since Systems Manager is reached by one of them: where an agent is
    still there, that one stays for the next try. `for_good` says that there will be none.
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
    asleep = {
        i.instance_id: f"the instance is {i.state}, and restores its rules when it starts: "
        "start it and detach again"
        for i in ours
        if i.state != "running" and i.instance_id in known.get(i.vpc_id, set())
    }
    still_there |= asleep
    stays = _Stays(
        vpc_ids=frozenset(vpc_ids) - known.keys(),
        groups=frozenset(_groups(adapters, vpc_ids, still_there)),
    )
    rules = None
    if settings.manage_groups:
        rules = withdraw(adapters, settings, lambda rule: for_good or not stays.needs(rule))
    if conflicts:
        raise LedgerConflictError("; ".join(map(str, conflicts)))
    return Detached(removed=removed, still_there=dict(sorted(still_there.items())), rules=rules)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stays:
    """Where rules are needed until somebody detaches again."""

    vpc_ids: frozenset[str]  # that could not be detached
    groups: frozenset[str]  # of NAT instances that still have the agent

    def needs(self, rule: GroupRule) -> bool:
        out = rule.opening.direction is Direction.EGRESS and rule.opening.traffic == HTTPS
        return rule.tags.get(VPC_TAG) in self.vpc_ids or (
            out and rule.opening.group_id in self.groups
        )


def _groups(
    adapters: Adapters,
    vpc_ids: Iterable[str],
    still_there: Iterable[str],
) -> Iterator[str]:
    """Yield the groups that were opened for NAT instances, which may have lost their tag."""
    names = set(still_there)
    for vpc_id in vpc_ids if names else ():
        record = adapters.ledgers.load(vpc_id)
        for name, side in record.ledger.nat_sides.items() if record else ():
            if name in names and side.group:
                yield side.group


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
        # No opening is missed from now on: when somebody attaches again, all are new.
        return replace(ledger, detached=True, openings=())

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
