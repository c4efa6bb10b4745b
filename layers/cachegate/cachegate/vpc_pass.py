"""The pass over one VPC: plan, record, push, verify, tell others, and look again."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from cachegate.admit import admit, let_out
from cachegate.chain import Link, next_link
from cachegate.domain.address import AddressState
from cachegate.domain.agent import apply_payload, encode
from cachegate.domain.ledger import Ledger
from cachegate.domain.plan import Plan
from cachegate.enrol import enrol
from cachegate.errors import (
    CachegateError,
    LedgerConflictError,
    RuleSetTooLargeError,
    UnregisteredError,
)
from cachegate.failover import candidates_of, hold
from cachegate.happenings import Passed, is_stranded
from cachegate.observe import survey
from cachegate.peering import peering_problems
from cachegate.planning.failover import begin_anew
from cachegate.planning.ports import PortBook
from cachegate.prepare import prepare
from cachegate.protocols import Heartbeat, Record
from cachegate.prove import Prover
from cachegate.push import InstanceResult, InstanceState, not_asked
from cachegate.results import VpcResult

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from cachegate.domain.address import AddressResult
    from cachegate.domain.cache import NatInstance, Observation
    from cachegate.domain.capacity import Capacity
    from cachegate.domain.group_rules import RuleResult
    from cachegate.observe import Survey
    from cachegate.prepare import Prepared
    from cachegate.protocols import Adapters
    from cachegate.settings import SyncSettings

TRIES = 3  # a ledger that changes under our hands is read again this often


@dataclass(frozen=True, slots=True, kw_only=True)
class VpcPass:
    """One pass over one VPC; the same for all of them."""

    adapters: Adapters
    settings: SyncSettings
    force: bool
    attach: bool
    announced: bool
    whole: bool  # not asked for by a re-check, which comes back with its chain's token
    holder: str | None = None  # the NAT instance that a person wants to have the address

    def run(self, vpc_id: str, seen: Survey) -> VpcResult:
        """Run the pass in one VPC; on a conflict, observe and plan again."""
        for _ in range(TRIES):
            try:
                return self._attempt(vpc_id, seen)
            except LedgerConflictError as error:
                conflict = error
                seen = survey(self.adapters, self.settings, frozenset({vpc_id}))
            except UnregisteredError as error:
                former = self.adapters.ledgers.heartbeat(vpc_id)
                result = replace(_offline(vpc_id, error), rules=self._let_out(vpc_id, seen))
                result = self._beat(result, seen.at, former)
                return self._publish(result, Ledger(vpc_id=vpc_id), former)
            except CachegateError as error:
                return self._failed(vpc_id, error)
        return self._failed(vpc_id, conflict)

    def _failed(self, vpc_id: str, error: CachegateError) -> VpcResult:
        verified_at = self.adapters.ledgers.heartbeat(vpc_id).verified_at
        return VpcResult(vpc_id=vpc_id, error=error, verified_at=verified_at)

    def _attempt(self, vpc_id: str, seen: Survey) -> VpcResult:
        prepared = prepare(self.adapters, self.settings, vpc_id, seen, force=self.force)
        former = self.adapters.ledgers.heartbeat(vpc_id)
        instances = seen.instances_in(vpc_id)
        running = [i.instance_id for i in instances if i.state == "running"]
        untagged = self._untagged(prepared.before, instances)
        ledger = self._next_ledger(prepared, {i.instance_id for i in instances}, untagged)
        plan, error = prepared.plan, None
        # Before it is recorded: a rule set that no command can carry must not enter the ledger.
        try:
            payload = self._payload(ledger)
        except RuleSetTooLargeError as too_large:
            if prepared.version is None:
                raise
            # The last one stands: it is kept proved, and the address with one that proves it.
            ledger, plan, error = prepared.before, replace(plan, changes=()), too_large
            payload = self._payload(ledger)
        if prepared.version is None or ledger != prepared.before:
            record = self.adapters.ledgers.save(ledger, prepared.version)
        else:
            record = Record(ledger, prepared.version)
        pushed: tuple[InstanceResult, ...] = ()
        if running and not ledger.detached:
            prover = Prover(adapters=self.adapters, owner=self.settings.owner)
            pushed = prover.prove(ledger, payload, running, former)
        reached = (*pushed, *not_asked(instances, sorted(untagged)))
        record, address = self._hold(record, instances, reached)
        record, rules = self._admit(record, instances, seen.observations[vpc_id])
        result = VpcResult(
            vpc_id=vpc_id,
            plan=replace(plan, ledger=record.ledger),
            error=error,
            instances=reached,
            listen_ports_left=self._ports_left(ledger),
            address=address,
            rules=rules,
        )
        peering = peering_problems(
            self.adapters, seen, vpc_id, record.ledger, doubted=result.unreachable
        )
        result = replace(result, peering=peering)
        off = "this pass failed" if result.failure else None  # the forwards come first
        enrolments = enrol(self.adapters, self.settings, seen.observations[vpc_id], record, off)
        result = replace(result, enrolments=enrolments)
        result = self._beat(result, seen.at, former, restless=seen.restless(vpc_id))
        # Last: what is proved is noted by now, however long the bus takes.
        return self._publish(result, prepared.before, former)

    def _payload(self, ledger: Ledger) -> str:
        return encode(apply_payload(ledger, self.settings.owner, self.settings.adopt_owner))

    def _hold(
        self,
        record: Record,
        instances: tuple[NatInstance, ...],
        reached: tuple[InstanceResult, ...],
    ) -> tuple[Record, AddressResult | None]:
        """Keep the address on a NAT instance that this pass has seen to be verified."""
        if not self.settings.holds_address_in(record.ledger.vpc_id) or record.ledger.detached:
            return record, None
        candidates = candidates_of(instances, reached)
        return hold(self.adapters, self.settings, record, candidates, self.holder)

    def _admit(
        self, record: Record, instances: tuple[NatInstance, ...], seen: Observation
    ) -> tuple[Record, RuleResult | None]:
        """Open the security groups of both sides for what is forwarded, and for nothing else."""
        if not self.settings.manage_groups or record.ledger.detached:
            return record, None
        return admit(self.adapters, self.settings, record, instances, seen)

    def _let_out(self, vpc_id: str, seen: Survey) -> RuleResult | None:
        """Open the way to Systems Manager, where nothing can be asked without."""
        if not self.settings.manage_groups:
            return None
        return let_out(self.adapters, self.settings, vpc_id, seen.instances_in(vpc_id))

    def _next_ledger(
        self, prepared: Prepared, tagged: set[str], untagged: frozenset[str]
    ) -> Ledger:
        """Return the planned ledger with the NAT instances that have, or get, a rule set."""
        detached = prepared.before.detached and not self.attach
        holding = prepared.plan.ledger.holding
        if not self.settings.holds_address_in(prepared.before.vpc_id):
            holding = None  # of an address that was given up: it says nothing of a later one
        # While detached nobody is given anything, so only those that still have it count.
        given = tagged & set(prepared.before.nat_instances) if detached else tagged
        return replace(
            prepared.plan.ledger,
            nat_instances=tuple(sorted(given | untagged)),
            detached=detached,
            holding=begin_anew(holding) if prepared.before.detached and holding else holding,
        )

    def _ports_left(self, ledger: Ledger) -> int:
        policy = self.settings.policy
        held = (lease.listen for lease in ledger.leases.values())
        return PortBook(range(policy.first_port, policy.last_port + 1), held).count

    def _untagged(self, ledger: Ledger, tagged: Iterable[NatInstance]) -> frozenset[str]:
        """Return the instances that the ledger knows, that run, and that lost their tag."""
        known = set(ledger.nat_instances) - {i.instance_id for i in tagged}
        return self.adapters.network.running(known) if known else frozenset()

    def _publish(self, result: VpcResult, before: Ledger, former: Heartbeat) -> VpcResult:
        """Tell others what happened; what the bus does not take is reported, never raised."""
        passed = Passed(
            stack=self.settings.stack,
            before=before,
            plan=result.plan or Plan(ledger=before),
            instances=result.instances,
            former=former,
            verified=result.verified,
            address=result.address,
            rules=result.rules,
        )
        happenings = passed.happenings()
        return replace(
            result,
            drift_repaired=sum(passed.is_drift(instance) for instance in result.instances),
            tracking_exceeded=sum(
                each.capacity.exceeded_since(former.capacity.get(each.instance_id))
                for each in result.instances
            ),
            unpublished=self.adapters.bus.publish(happenings) if happenings else (),
        )

    def _beat(
        self, result: VpcResult, began_at: float, former: Heartbeat, *, restless: bool = False
    ) -> VpcResult:
        """Note how the pass ended, and keep one bounded chain of re-checks while things move."""
        if result.failure is not None:
            return self._beat_failed(result, began_at, former)
        recheck = self.settings.policy.recheck
        motion = in_motion(result, recheck)
        if motion is None and (restless or self.announced):
            motion = recheck
        for _ in range(TRIES):
            now, delay = self._next_beat(result, began_at, former, motion)
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

    def _beat_failed(self, result: VpcResult, began_at: float, former: Heartbeat) -> VpcResult:
        """Note what a pass that failed has proved and told, so that its retries do not tell again.

        It leaves the chain as it was: a re-check that asked for it comes back, and would be taken
        for one of an old chain if there were a new token. A whole pass that waits to decide about
        the address begins one: its message comes back after pauses of its own, four times at most.
        """
        if self.whole and result.due is not None:
            now, delay = self._next_beat(result, began_at, former, result.due)
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

    def _next_beat(
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


def _offline(vpc_id: str, error: UnregisteredError) -> VpcResult:
    """Wait for instances that may have just started: re-checks follow, as after a push."""
    instances = (
        InstanceResult(instance_id=i, state=InstanceState.OFFLINE, reason=reason)
        for i, reason in error.reasons.items()
    )
    return VpcResult(vpc_id=vpc_id, instances=tuple(instances))


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
