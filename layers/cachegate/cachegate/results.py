"""How a pass ended: in one VPC, and as a whole."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cachegate.domain.address import AddressState
from cachegate.domain.enrolment import Step
from cachegate.errors import CachegateError, NotVerifiedError
from cachegate.planning.enrolment import problems
from cachegate.push import InstanceResult, InstanceState

if TYPE_CHECKING:
    from cachegate.domain.address import AddressResult
    from cachegate.domain.enrolment import Enrolment
    from cachegate.domain.group_rules import RuleResult
    from cachegate.domain.plan import Plan, Problem

ASKED = {InstanceState.VERIFIED, InstanceState.OFFLINE, InstanceState.FAILED}


@dataclass(frozen=True, slots=True, kw_only=True)
class VpcResult:
    """How the pass ended in one VPC."""

    vpc_id: str
    plan: Plan | None = None  # None: failed before there was one
    instances: tuple[InstanceResult, ...] = ()
    error: CachegateError | None = None
    recheck_after: float | None = None  # seconds; None where nothing is in motion
    recheck: str = ""  # the token of the re-check that follows
    verified_at: float = 0.0  # the last verified pass, this one or an earlier; seconds since 1970
    newly_proved: bool = False  # a rule set that some NAT instance had not proved before
    listen_ports_left: int = 0  # that no key holds, nor rest
    drift_repaired: int = 0  # NAT instances that had proved this very rule set, and differed
    unpublished: tuple[str, ...] = ()  # why events were not taken by the bus
    enrolments: tuple[Enrolment, ...] = ()  # what was done about each cache's topic, and why
    address: AddressResult | None = None  # None: the stack holds no address in this VPC
    rules: RuleResult | None = None  # None: security groups are not managed
    peering: tuple[Problem, ...] = ()  # what is missing on the way to caches in other VPCs
    tracking_exceeded: int = 0  # packets that EC2 dropped for it since the instances' last reports

    @property
    def failed(self) -> tuple[InstanceResult, ...]:
        """Return the NAT instances that were asked and did not prove their rule set."""
        return tuple(i for i in self.instances if i.state is InstanceState.FAILED)

    @property
    def verified(self) -> bool:
        """Tell whether every NAT instance that could be asked proved the ledger's rule set."""
        return not self.error and not self.failed and InstanceState.VERIFIED in self._states

    @property
    def open_enrolments(self) -> tuple[Enrolment, ...]:
        """Return the decisions about topics that ask for, wait for or need something."""
        return tuple(e for e in self.enrolments if e.step is not Step.NOTHING)

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Return why caches are not forwarded, or what is wrong with those that are."""
        planned = self.plan.problems if self.plan else ()
        rules = self.rules.problems if self.rules else ()
        return (*planned, *problems(self.enrolments), *rules, *self.peering)

    @property
    def offline(self) -> tuple[str, ...]:
        """Return the NAT instances that run and that SSM cannot reach."""
        offline = (i for i in self.instances if i.state is InstanceState.OFFLINE)
        return tuple(sorted(instance.instance_id for instance in offline))

    @property
    def unreachable(self) -> tuple[int, ...]:
        """Return the listen ports whose targets did not answer some NAT instance."""
        return tuple(sorted({listen for each in self.instances for listen in each.unreachable}))

    @property
    def idle(self) -> bool:
        """Tell whether there was nobody to ask: detached, or no NAT instance runs."""
        return not self.error and not self._states & ASKED

    @property
    def unproved(self) -> CachegateError | None:
        """Return why not all is as it should be, None where it is, or where nobody runs.

        More than `failure`: an instance out of reach fails no pass, and proves nothing.
        """
        if self.failure or self.verified or self.idle:
            return self.failure
        unreached = f"{self.vpc_id}: Systems Manager reaches none of {', '.join(self.offline)}"
        return NotVerifiedError(unreached)

    @property
    def _states(self) -> set[InstanceState]:
        return {instance.state for instance in self.instances}

    def not_held_by(self, instance_id: str) -> str | None:
        """Return why the address is not with an instance that is verified, None where it is."""
        if self.address is None:
            return str(self.error or f"{self.vpc_id} is detached")
        if instance_id not in {each.instance_id for each in self.instances}:
            return f"it is no NAT instance of this stack in {self.vpc_id}"
        held = self.address.state in {AddressState.HELD, AddressState.MOVED}
        if held and self.address.holder == instance_id:
            return None
        return self.address.error or self.address.reason

    @property
    def due(self) -> float | None:
        """Return in how many seconds it can be decided about the address; None: nothing waits."""
        if self.address is None or self.address.state is not AddressState.WAITING:
            return None
        return self.address.recheck_after

    @property
    def failure(self) -> CachegateError | None:
        """Return why the pass has to be tried again here, or None."""
        if self.error is not None:
            return self.error
        reasons = [f"{i.instance_id}: {i.reason}" for i in self.failed]
        reasons += [self.address.error] if self.address and self.address.error else []
        reasons += self.rules.errors if self.rules else ()
        return NotVerifiedError(f"{self.vpc_id}: {'; '.join(reasons)}") if reasons else None


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncResult:
    """How a pass ended."""

    began_at: float  # seconds since the epoch, as is ended_at
    ended_at: float
    vpcs: tuple[VpcResult, ...]
    problems: tuple[Problem, ...] = ()
    whole: bool = True  # False: a pass over some VPCs only

    @property
    def all_problems(self) -> tuple[Problem, ...]:
        """Return why caches are not forwarded, whichever VPC they are in."""
        return (*self.problems, *(problem for vpc in self.vpcs for problem in vpc.problems))

    @property
    def due(self) -> float | None:
        """Return in how many seconds it can be decided about the address where the pass failed."""
        dues = (vpc.due for vpc in self.vpcs if vpc.failure is not None)
        return min((due for due in dues if due is not None), default=None)

    @property
    def failures(self) -> tuple[CachegateError, ...]:
        """Return what has to be tried again."""
        return tuple(vpc.failure for vpc in self.vpcs if vpc.failure is not None)
