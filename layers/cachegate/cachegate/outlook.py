"""What a pass would do about the address and the security groups; nothing is changed.

A pass has the rule set proved before it decides. Here the last proof has to do.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from cachegate import admit, failover
from cachegate.domain.address import AddressState, Holding
from cachegate.domain.cache import Health
from cachegate.errors import TransientError
from cachegate.failover import candidates_of
from cachegate.protocols import Record
from cachegate.push import InstanceResult, InstanceState

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cachegate.domain.address import Candidate, ElasticIp
    from cachegate.domain.cache import NatInstance, Observation
    from cachegate.domain.group_rules import GroupRule, RulePlan
    from cachegate.domain.ledger import CacheGroups, Ledger
    from cachegate.domain.plan import Problem
    from cachegate.errors import CachegateError
    from cachegate.prepare import Prepared
    from cachegate.protocols import Adapters, Heartbeat
    from cachegate.settings import SyncSettings

BY_THE_LAST_PROOF = "(by the last proof: a pass proves the rule set anew before it decides)"
UNKNOWN, DETACHED, DUE = "unknown", "detached", "due"


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressOutlook:
    """Who has the address now, and what a pass would do about it."""

    allocation_id: str
    state: str  # an AddressState, or unknown, detached or due: a pass would move it
    reason: str
    holding: Holding  # as the ledger has it
    address: ElasticIp | None = None  # None: EC2 does not show it, or did not answer
    move_to: str | None = None

    @property
    def holder(self) -> str | None:
        """Return the instance that has the address, as EC2 shows it."""
        return self.address.instance_id if self.address else None


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleOutlook:
    """Our rules in security groups, and what a pass would do about them."""

    plan: RulePlan
    cache_groups: Mapping[str, CacheGroups]  # by cache
    managed: tuple[GroupRule, ...]  # our rules for this VPC, as EC2 has them
    by_others: tuple[str, ...]  # what else is open as wanted, by rules that are not ours
    problems: tuple[Problem, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """All that concerns the NAT instances of one VPC beside their rule set."""

    heartbeat: Heartbeat
    verified: tuple[str, ...]  # the NAT instances that proved the recorded rule set last
    address: AddressOutlook | None = None  # None: the stack holds no address in this VPC
    rules: RuleOutlook | None = None  # None: security groups are not managed, or not known now
    errors: tuple[CachegateError, ...] = ()  # what AWS did not answer

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Return what is wrong with security groups."""
        return self.rules.problems if self.rules else ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Foresight:
    """What looks ahead for one stack."""

    adapters: Adapters
    settings: SyncSettings

    def look(
        self, prepared: Prepared, instances: tuple[NatInstance, ...], seen: Observation
    ) -> Outlook:
        """Look at address and groups of one VPC; what AWS does not answer is among the errors."""
        ledger = prepared.before
        heartbeat = self.adapters.ledgers.heartbeat(ledger.vpc_id)
        proofs = _proofs(ledger, instances, heartbeat)
        verified = tuple(i.instance_id for i in proofs if i.state is InstanceState.VERIFIED)
        outlook = Outlook(heartbeat=heartbeat, verified=verified)
        if self.settings.holds_address_in(ledger.vpc_id):
            proved = heartbeat.verified_at > 0 and heartbeat.generation == ledger.generation
            try:
                candidates = candidates_of(instances, proofs) if proved else None
                address = self._address(ledger, candidates)
            except TransientError as error:
                address = self._told(ledger, UNKNOWN, str(error))
                outlook = replace(outlook, errors=(error,))
            outlook = replace(outlook, address=address)
        if self.settings.manage_groups:
            try:
                outlook = replace(outlook, rules=self._rules(prepared, instances, seen))
            except TransientError as error:
                outlook = replace(outlook, errors=(*outlook.errors, error))
        return outlook

    def _address(self, ledger: Ledger, candidates: tuple[Candidate, ...] | None) -> AddressOutlook:
        """Decide by the last proof; None for candidates where there is none."""
        address = failover.find(self.adapters, self.settings)
        if address is None:
            missing = failover.missing(self.settings)
            return self._told(ledger, missing.state.value, missing.reason)
        now = self._told(ledger, DETACHED, "it stays where it is until a sync")
        now = replace(now, address=address)
        if ledger.detached:
            return now
        if candidates is None:
            reason = "no pass has proved the recorded rule set yet: the next one decides"
            return replace(now, state=UNKNOWN, reason=reason)
        record = Record(ledger, version=0)
        decision = failover.consider(self.adapters, self.settings, record, address, candidates)
        if decision.target is None and decision.state in {AddressState.HELD, AddressState.MOVED}:
            held = AddressState.HELD.value  # also where a pass has to note yet that it was moved
            return replace(now, state=held, reason=decision.reason, holding=decision.holding)
        state = DUE if decision.target else decision.state.value
        reason = f"{decision.reason} {BY_THE_LAST_PROOF}"
        return replace(now, state=state, reason=reason, move_to=decision.target)

    def _told(self, ledger: Ledger, state: str, reason: str) -> AddressOutlook:
        return AddressOutlook(
            allocation_id=self.settings.address or "",
            state=state,
            reason=reason,
            holding=ledger.holding or Holding(),
        )

    def _rules(
        self, prepared: Prepared, instances: tuple[NatInstance, ...], seen: Observation
    ) -> RuleOutlook:
        ledger, stack = prepared.plan.ledger, self.settings.stack
        considered = admit.consider(self.adapters, self.settings, ledger, instances, seen)
        plan = considered.plan
        managed = tuple(
            rule for rule in considered.managed if rule.managed_by(stack, ledger.vpc_id)
        )
        ours = {rule.opening.key for rule in managed}
        if prepared.before.detached:
            plan = replace(plan, add=(), remove=(), vanished=())
        return RuleOutlook(
            plan=plan,
            cache_groups=considered.ledger.cache_groups,
            managed=managed,
            by_others=tuple(key for key in plan.in_place if key not in ours),
            problems=(*considered.problems, *plan.problems),
        )


def _proofs(
    ledger: Ledger, instances: tuple[NatInstance, ...], heartbeat: Heartbeat
) -> tuple[InstanceResult, ...]:
    """Say of each NAT instance whether it proved the recorded rule set when last it was asked."""
    proved = set(heartbeat.proved) if heartbeat.generation == ledger.generation else set()
    holding = ledger.holding or Holding()
    doubted = {holding.instance_id} if holding.bad_since is not None else set()
    # One that is ill is in doubt for that, and may be verified all the same.
    doubted -= {each.instance_id for each in instances if each.health is Health.IMPAIRED}
    verified = proved - set(heartbeat.offline) - doubted
    return tuple(
        InstanceResult(
            instance_id=each.instance_id,
            state=InstanceState.VERIFIED if known else InstanceState.FAILED,
            reason="" if known else "the last pass did not prove the rule set there",
        )
        for each in instances
        for known in (each.instance_id in verified and each.state == "running",)
    )
