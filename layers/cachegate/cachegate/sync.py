"""One sync pass: observe, plan, record, push, verify; each VPC on its own."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from cachegate.domain.agent import apply_payload, encode
from cachegate.errors import (
    CachegateError,
    LedgerConflictError,
    NotVerifiedError,
    UnregisteredError,
)
from cachegate.observe import survey
from cachegate.prepare import prepare
from cachegate.protocols import Heartbeat
from cachegate.push import InstanceResult, InstanceState, judge, not_asked

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cachegate.domain.cache import NatInstance
    from cachegate.domain.ledger import Ledger
    from cachegate.domain.plan import Plan, Problem
    from cachegate.observe import Survey
    from cachegate.protocols import Adapters
    from cachegate.settings import SyncSettings

ALL_VPCS = "*"  # the heartbeat of whole passes
ASKED = {InstanceState.VERIFIED, InstanceState.OFFLINE, InstanceState.FAILED}
TRIES = 3  # a ledger that changes under our hands is read again this often


@dataclass(frozen=True, slots=True, kw_only=True)
class VpcResult:
    """How the pass ended in one VPC."""

    vpc_id: str
    plan: Plan | None = None  # None: failed before there was one
    instances: tuple[InstanceResult, ...] = ()
    error: CachegateError | None = None
    recheck_after: float | None = None  # seconds; None where nothing is in motion
    verified_at: float = 0.0  # the last verified pass, this one or an earlier; seconds since 1970

    @property
    def failed(self) -> tuple[InstanceResult, ...]:
        """Return the NAT instances that were asked and did not prove their rule set."""
        return tuple(i for i in self.instances if i.state is InstanceState.FAILED)

    @property
    def verified(self) -> bool:
        """Tell whether every NAT instance that could be asked proved the ledger's rule set."""
        return not self.error and not self.failed and InstanceState.VERIFIED in self._states

    @property
    def idle(self) -> bool:
        """Tell whether there was nobody to ask: detached, or no NAT instance runs."""
        return not self.error and not self._states & ASKED

    @property
    def _states(self) -> set[InstanceState]:
        return {instance.state for instance in self.instances}

    @property
    def failure(self) -> CachegateError | None:
        """Return why the pass has to be tried again here, or None."""
        if self.error is not None:
            return self.error
        if self.failed:
            reasons = "; ".join(f"{i.instance_id}: {i.reason}" for i in self.failed)
            return NotVerifiedError(f"{self.vpc_id}: {reasons}")
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncResult:
    """How a pass ended."""

    began_at: float
    vpcs: tuple[VpcResult, ...]
    problems: tuple[Problem, ...] = ()
    whole: bool = True  # False: a pass over some VPCs only

    @property
    def all_problems(self) -> tuple[Problem, ...]:
        """Return why caches are not forwarded, whichever VPC they are in."""
        planned = (p for vpc in self.vpcs if vpc.plan for p in vpc.plan.problems)
        return (*self.problems, *planned)

    @property
    def failures(self) -> tuple[CachegateError, ...]:
        """Return what has to be tried again."""
        return tuple(vpc.failure for vpc in self.vpcs if vpc.failure is not None)


def sync(
    adapters: Adapters,
    settings: SyncSettings,
    *,
    force: bool = False,
    attach: bool = False,
    only: frozenset[str] | None = None,
) -> SyncResult:
    """Run one pass. `force` releases the brake, `attach` ends a detachment.

    A VPC that fails does not stop the others. An error that is none of ours is raised when all
    have ended.
    """
    seen = survey(adapters, settings, only)
    one_pass = _Pass(adapters=adapters, settings=settings, force=force, attach=attach)
    with ThreadPoolExecutor(max_workers=8) as pool:
        running = [pool.submit(one_pass.run, vpc_id, seen) for vpc_id in seen.observations]
    unexpected = [e for future in running if (e := future.exception()) is not None]
    if unexpected:
        raise BaseExceptionGroup("a pass met errors that it does not know", unexpected)
    result = SyncResult(
        began_at=seen.at,
        vpcs=tuple(future.result() for future in running),
        problems=seen.problems,
        whole=only is None,
    )
    if result.whole and all(vpc.verified or vpc.idle for vpc in result.vpcs):
        whole = Heartbeat(began_at=seen.at, verified_at=adapters.clock())
        adapters.ledgers.beat(ALL_VPCS, whole)
    return result


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pass:
    adapters: Adapters
    settings: SyncSettings
    force: bool
    attach: bool

    def run(self, vpc_id: str, seen: Survey) -> VpcResult:
        """Run the pass in one VPC; on a conflict, observe and plan again."""
        for _ in range(TRIES):
            try:
                return self._attempt(vpc_id, seen)
            except LedgerConflictError as error:
                conflict = error
                seen = survey(self.adapters, self.settings, frozenset({vpc_id}))
            except UnregisteredError as error:
                return self._beat(_offline(vpc_id, error), seen.at)
            except CachegateError as error:
                return self._failed(vpc_id, error)
        return self._failed(vpc_id, conflict)

    def _failed(self, vpc_id: str, error: CachegateError) -> VpcResult:
        verified_at = self.adapters.ledgers.heartbeat(vpc_id).verified_at
        return VpcResult(vpc_id=vpc_id, error=error, verified_at=verified_at)

    def _attempt(self, vpc_id: str, seen: Survey) -> VpcResult:
        prepared = prepare(self.adapters, self.settings, vpc_id, seen, force=self.force)
        instances = seen.instances_in(vpc_id)
        running = [i.instance_id for i in instances if i.state == "running"]
        untagged = self._untagged(prepared.before, instances)
        detached = prepared.before.detached and not self.attach
        given = {i.instance_id for i in instances}
        if detached:  # nobody is given anything, so only those that still have it count
            given &= set(prepared.before.nat_instances)
        ledger = replace(
            prepared.plan.ledger,
            nat_instances=tuple(sorted(given | untagged)),
            detached=detached,
        )
        # Before it is recorded: a rule set that no command can carry must not enter the ledger.
        payload = encode(apply_payload(ledger, self.settings.owner, self.settings.adopt_owner))
        if prepared.version is None or ledger != prepared.before:
            self.adapters.ledgers.save(ledger, prepared.version)
        pushed: tuple[InstanceResult, ...] = ()
        if running and not ledger.detached:
            replies = self.adapters.gateways.run(running, "apply", payload)
            self._take_back(vpc_id, running)
            pushed = tuple(judge(replies[instance_id], ledger) for instance_id in running)
        result = VpcResult(
            vpc_id=vpc_id,
            plan=replace(prepared.plan, ledger=ledger),
            instances=(*pushed, *not_asked(instances, sorted(untagged))),
        )
        return self._beat(result, seen.at)

    def _take_back(self, vpc_id: str, running: list[str]) -> None:
        """Take the rules off again where somebody detached while this pass pushed them.

        Raise LedgerConflictError then: the next look finds the VPC detached.
        """
        record = self.adapters.ledgers.load(vpc_id)
        if record is None or not record.ledger.detached:
            return
        replies = self.adapters.gateways.run(running, "remove")
        still = [f"{i}: {reply.failure}" for i, reply in replies.items() if reply.failure]
        if still:
            raise NotVerifiedError(
                f"{vpc_id} was detached meanwhile, and what this pass pushed is still on "
                f"{'; '.join(still)}: detach again"
            )
        raise LedgerConflictError(f"{vpc_id} was detached while this pass pushed")

    def _untagged(self, ledger: Ledger, tagged: Iterable[NatInstance]) -> frozenset[str]:
        """Return the instances that the ledger knows, that run, and that lost their tag."""
        known = set(ledger.nat_instances) - {i.instance_id for i in tagged}
        return self.adapters.network.running(known) if known else frozenset()

    def _beat(self, result: VpcResult, began_at: float) -> VpcResult:
        """Note how the pass ended, and keep one bounded chain of re-checks while things move.

        A pass that failed leaves all as it was: the message that asked for it comes back, and it
        would be taken for one of an old chain if there were a new token.
        """
        former = self.adapters.ledgers.heartbeat(result.vpc_id)
        if result.failure is not None:
            return replace(result, verified_at=former.verified_at)
        delay = _soonest(result, self.settings.policy.recheck)
        exhausted = former.rechecks >= self.settings.most_rechecks  # the schedule takes over
        goes_on = None if exhausted else delay
        now = Heartbeat(
            began_at=began_at if result.verified else former.began_at,
            verified_at=self.adapters.clock() if result.verified else former.verified_at,
            token="" if goes_on is None else self.adapters.new_token(),
            rechecks=0 if delay is None else former.rechecks + (goes_on is not None),
        )
        self.adapters.ledgers.beat(result.vpc_id, now)
        if goes_on is not None:
            self.adapters.rechecks.send(result.vpc_id, now.token, goes_on)
        return replace(result, recheck_after=goes_on, verified_at=now.verified_at)


def _offline(vpc_id: str, error: UnregisteredError) -> VpcResult:
    """Wait for instances that may have just started: re-checks follow, as after a push."""
    instances = (
        InstanceResult(instance_id=i, state=InstanceState.OFFLINE, reason=reason)
        for i, reason in error.reasons.items()
    )
    return VpcResult(vpc_id=vpc_id, instances=tuple(instances))


def _soonest(result: VpcResult, recheck: float) -> float | None:
    """Return when to look again, in seconds; None where nothing is in motion."""
    in_motion = any(i.unreachable or i.state is InstanceState.OFFLINE for i in result.instances)
    delays = [recheck] if in_motion else []
    if result.plan is not None and result.plan.recheck_after is not None:
        delays.append(result.plan.recheck_after)
    return min(delays, default=None)
