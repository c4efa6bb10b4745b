"""The end of a pass in one VPC: what it proved and told is noted, and when to look again."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from cachegate.chain import Link, next_link
from cachegate.domain.address import AddressState
from cachegate.errors import LedgerConflictError
from cachegate.happenings import is_stranded
from cachegate.protocols import Heartbeat
from cachegate.push import InstanceState

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cachegate.domain.capacity import Capacity
    from cachegate.protocols import Adapters
    from cachegate.results import VpcResult
    from cachegate.settings import SyncSettings

TRIES = 3  # what changes under our hands is read again this often


@dataclass(frozen=True, slots=True, kw_only=True)
class Beats:
    """What notes the end of a pass; the same for all VPCs of one."""

    adapters: Adapters
    settings: SyncSettings
    announced: bool
    whole: bool  # not asked for by a re-check, which comes back with its chain's token

    def beat(
        self, result: VpcResult, began_at: float, former: Heartbeat, *, restless: bool = False
    ) -> VpcResult:
        """Note how the pass ended, and keep one bounded chain of re-checks while things move."""
        if result.failure is not None:
            return self._failed(result, began_at, former)
        recheck = self.settings.policy.recheck
        motion = in_motion(result, recheck)
        if motion is None and (restless or self.announced):
            motion = recheck
        for _ in range(TRIES):
            now, delay = self._next(result, began_at, former, motion)
            result = _proved(result, now, former)
            try:
                self.adapters.ledgers.beat(result.vpc_id, now, former.token)
            except LedgerConflictError:
                former = self.adapters.ledgers.heartbeat(result.vpc_id)
                if former.token and not self.announced and result.due is None:
                    break  # the pass that ended meanwhile goes on with the chain
            else:
                if delay is not None:
                    self.adapters.rechecks.send(result.vpc_id, now.token, delay)
                return replace(result, recheck_after=delay, recheck=now.token)
        return result

    def _failed(self, result: VpcResult, began_at: float, former: Heartbeat) -> VpcResult:
        """Note what a pass that failed has proved and told, so that its retries do not tell again.

        It leaves the chain as it was: a re-check that asked for it comes back, and would be taken
        for one of an old chain if there were a new token. A whole pass that waits to decide about
        the address begins one: its message comes back after pauses of its own, four times at most.
        """
        if self.whole and result.due is not None:
            now, delay = self._next(result, began_at, former, result.due)
        else:
            chain = Link(None, former.rechecks, former.quiet)
            now, delay = self._noted(result, began_at, former, chain, former.token), None
        try:
            if now != former:
                self.adapters.ledgers.beat(result.vpc_id, now, former.token)
        except LedgerConflictError:  # another pass ended meanwhile, and noted what it saw
            return replace(result, verified_at=former.verified_at)
        result = _proved(result, now, former)
        if delay is None:
            return result
        self.adapters.rechecks.send(result.vpc_id, now.token, delay)
        return replace(result, recheck_after=delay, recheck=now.token)

    def _next(
        self, result: VpcResult, began_at: float, former: Heartbeat, motion: float | None
    ) -> tuple[Heartbeat, float | None]:
        """Return what to note of a pass, and when to look again."""
        # What is announced begins a chain of its own, and does not inherit another's long pauses.
        chain = replace(former, rechecks=0) if self.announced else former
        most = self.settings.most_rechecks
        link = next_link(chain, motion, self.settings.policy, most, result.due)
        token = "" if link.delay is None else self.adapters.new_token()
        return self._noted(result, began_at, former, link, token), link.delay

    def _noted(
        self, result: VpcResult, began_at: float, former: Heartbeat, link: Link, token: str
    ) -> Heartbeat:
        """Return what to note of a pass: what it proved, what it told, and where its chain is."""
        return replace(
            self._proof(result, began_at) if result.verified else former,
            token=token,
            rechecks=link.rechecks,
            quiet=link.quiet,
            **_told(result, former),
        )

    def _proof(self, result: VpcResult, began_at: float) -> Heartbeat:
        """Return what a verified pass proved, and when."""
        return Heartbeat(
            began_at=began_at,
            verified_at=self.adapters.clock(),
            generation=result.plan.ledger.generation if result.plan else 0,
            proved=tuple(
                sorted(i.instance_id for i in result.instances if i.state is InstanceState.VERIFIED)
            ),
        )


def _proved(result: VpcResult, now: Heartbeat, former: Heartbeat) -> VpcResult:
    """Say when the VPC was last verified, and whether that is news."""
    new = result.verified and not former.proves(now.generation, now.proved)
    return replace(result, verified_at=now.verified_at, newly_proved=new)


def _told(result: VpcResult, former: Heartbeat) -> dict[str, Any]:
    """Return what later passes have to know, so that nothing is told or counted twice."""
    return {
        "unreachable": result.unreachable,
        "offline": result.offline,
        "stranded": is_stranded(result.address, former),
        "capacity": dict(_capacity(result, former)),
    }


def _capacity(result: VpcResult, former: Heartbeat) -> Iterator[tuple[str, Capacity]]:
    """Yield what each NAT instance told last: one that told nothing now counts on from there."""
    for each in result.instances:
        known = each.capacity if each.capacity.known else former.capacity.get(each.instance_id)
        if known is not None:
            yield each.instance_id, known


def in_motion(result: VpcResult, recheck: float) -> float | None:
    """Return in how many seconds what moves can be decided first, None where nothing moves.

    `recheck` is when to look again where nobody knows.
    """
    waits: list[float] = []
    if any(i.unreachable or i.state is InstanceState.OFFLINE for i in result.instances):
        waits.append(recheck)
    if result.plan is not None:
        if result.plan.made:
            waits.append(recheck)
        if result.plan.recheck_after is not None:
            waits.append(result.plan.recheck_after or recheck)
    if result.address is not None:
        if result.address.state is AddressState.MOVED:
            waits.append(recheck)
        if result.address.recheck_after is not None:
            waits.append(result.address.recheck_after)
    told = [each.recheck_after for each in result.enrolments]
    told += [result.rules.recheck_after] if result.rules is not None else []
    waits += [after or recheck for after in told if after is not None]
    return min(waits, default=None)
