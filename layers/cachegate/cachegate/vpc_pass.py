"""The pass over one VPC: plan, record, push, verify, tell others, and look again."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from cachegate.admit import admit, let_out
from cachegate.beat import TRIES, Beats
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
from cachegate.happenings import Passed
from cachegate.observe import survey
from cachegate.peering import peering_problems
from cachegate.planning.failover import begin_anew
from cachegate.planning.ports import PortBook
from cachegate.prepare import prepare
from cachegate.protocols import Record
from cachegate.prove import Prover
from cachegate.push import InstanceResult, InstanceState, not_asked
from cachegate.results import VpcResult

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cachegate.domain.address import AddressResult
    from cachegate.domain.cache import NatInstance, Observation
    from cachegate.domain.group_rules import RuleResult
    from cachegate.observe import Survey
    from cachegate.prepare import Prepared
    from cachegate.protocols import Adapters, Heartbeat
    from cachegate.settings import SyncSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class VpcPass:
    """One pass over one VPC; the same for all of them."""

    adapters: Adapters
    settings: SyncSettings
    force: bool
    attach: bool
    beats: Beats
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
                result = self.beats.beat(result, seen.at, former)
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
        result = self.beats.beat(result, seen.at, former, restless=seen.restless(vpc_id))
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
        openings = prepared.plan.ledger.openings
        return replace(
            prepared.plan.ledger,
            nat_instances=tuple(sorted(given | untagged)),
            detached=detached,
            # Where groups are not managed no opening is missed, and later all are new.
            openings=openings if self.settings.manage_groups else (),
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


def _offline(vpc_id: str, error: UnregisteredError) -> VpcResult:
    """Wait for instances that may have just started: re-checks follow, as after a push."""
    instances = (
        InstanceResult(instance_id=i, state=InstanceState.OFFLINE, reason=reason)
        for i, reason in error.reasons.items()
    )
    return VpcResult(vpc_id=vpc_id, instances=tuple(instances))
