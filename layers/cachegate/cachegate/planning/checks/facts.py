"""What a check-up goes by: all that AWS, the ledger and the agents said of one VPC. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import AddressValueError, IPv4Address
from typing import TYPE_CHECKING, Any

from cachegate.domain.check import Check, CheckState, Unanswered

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from ipaddress import IPv4Network

    from cachegate.domain.address import ElasticIp
    from cachegate.domain.agent import Reply
    from cachegate.domain.cache import Cache, NatInstance
    from cachegate.domain.group_rules import Direction, GroupRule
    from cachegate.domain.ledger import Ledger
    from cachegate.domain.machine import Machine
    from cachegate.domain.plan import Problem
    from cachegate.planning.nat_network import Ground

SYNC = "cachegate sync"
TRUST = "sam deploy --guided, with the networks of your clients as TrustedCidrs"
NOT_TOLD = Unanswered("nobody was asked")


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What the stack asks for."""

    stack: str
    topic: str
    sources: tuple[IPv4Network, ...]  # who may connect
    ssh_sources: tuple[IPv4Network, ...] = ()
    manages_groups: bool = False
    allocation: str | None = None  # of the Elastic IP that the stack holds in this VPC


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """One VPC; what AWS did not answer is Unanswered."""

    vpc: str
    at: float  # seconds since the epoch
    terms: Terms
    caches: tuple[Cache, ...] = ()
    instances: tuple[NatInstance, ...] = ()
    ledger: Ledger | Unanswered | None = None  # None: no pass has written one
    verified_at: float | Unanswered = 0.0  # 0: no pass has been verified
    machines: Mapping[str, Machine] | Unanswered = field(default_factory=dict)
    replies: Mapping[str, Reply] = field(default_factory=dict)  # to inspect, of those that run
    ground: Ground | Unanswered = NOT_TOLD  # of the NAT instances' subnets
    rules: tuple[GroupRule, ...] | Unanswered = ()  # of the groups of both sides
    address: ElasticIp | Unanswered | None = None  # that the stack holds here; None: not shown
    ways: tuple[Problem, ...] = ()  # what lacks between peered VPCs

    def line(
        self, check: str, subject: str, state: CheckState, says: str, fix: str | None = None
    ) -> Check:
        """Return a check of something in this VPC."""
        return Check(check=check, vpc=self.vpc, subject=subject, state=state, says=says, fix=fix)

    def passed(self, check: str, subject: str, says: str) -> Check:
        """Return a check that something is in order."""
        return self.line(check, subject, CheckState.PASS, says)

    def failed(self, check: str, subject: str, says: str, fix: str) -> Check:
        """Return a check that something is not, and what to do about it."""
        return self.line(check, subject, CheckState.FAIL, says, fix)

    def unknown(self, check: str, subject: str, says: str, fix: str) -> Check:
        """Return a check that nobody could make, and how it can be made."""
        return self.line(check, subject, CheckState.UNKNOWN, says, fix)

    @property
    def known_ledger(self) -> Ledger | Unanswered:
        """Return the ledger, or why nobody can go by it."""
        if self.ledger is None:
            return Unanswered("there is no ledger: no pass has run here yet, or it was lost")
        if isinstance(self.ledger, Unanswered):
            return Unanswered(f"the ledger is not known: {self.ledger.why}")
        return self.ledger

    def machine(self, instance: NatInstance) -> Machine | Unanswered:
        """Return what EC2 says of an instance."""
        if isinstance(self.machines, Unanswered):
            return self.machines
        found = self.machines.get(instance.instance_id)
        return found or Unanswered(f"EC2 does not show {instance.instance_id} now")

    def rules_of(self, groups: Iterable[str], direction: Direction) -> list[GroupRule] | Unanswered:
        """Return the rules of some groups in one direction, whoever added them."""
        if isinstance(self.rules, Unanswered):
            return self.rules
        wanted = frozenset(groups)
        return [
            rule
            for rule in self.rules
            if rule.opening.group_id in wanted and rule.opening.direction is direction
        ]

    def report(self, instance: NatInstance) -> Report | Unanswered:
        """Return what the agent on an instance reports, or why there is no report."""
        reply = self.replies.get(instance.instance_id)
        if reply is None:
            return Unanswered(f"the instance is {instance.state}, so its agent was not asked")
        if reply.failure is not None or reply.report is None:
            return Unanswered(reply.failure or "the agent reported nothing")
        return Report(reply.report)


@dataclass(frozen=True, slots=True)
class Report:
    """A report of `inspect`. What has not the form of the contract counts as not said."""

    said: Mapping[str, Any]

    def looked(self, name: str) -> bool:
        """Tell whether the agent looked for what a list tells: with no rule set saved it does not.

        Then its report has no owner, and the list is empty, or tells the half.
        """
        return bool(self.said.get("owner")) and isinstance(self.said.get(name), list)

    def holds(self, ledger: Ledger) -> bool:
        """Tell whether the rule set that was applied is the ledger's."""
        said = self.said.get("generation"), self.said.get("digest")
        return said == (ledger.generation, ledger.rule_set.digest)

    def probed(self, ledger: Ledger) -> bool:
        """Tell whether the agent tried the targets that the ledger has."""
        return self.looked("unreachable") and self.holds(ledger)

    @property
    def warnings(self) -> tuple[str, ...]:
        """Return what the agent found wrong on its instance."""
        return tuple(map(str, self._list("warnings")))

    @property
    def unreachable(self) -> frozenset[int]:
        """Return the listen ports of which a target did not answer."""
        return frozenset(each for each in self._list("unreachable") if type(each) is int)

    @property
    def sources(self) -> frozenset[str]:
        """Return who may connect, by the rule set in force."""
        return frozenset(map(str, self._list("sources")))

    @property
    def senders(self) -> frozenset[IPv4Address] | None:
        """Return the addresses that the instance sends to targets from; None where not said."""
        try:
            return frozenset(map(IPv4Address, self._list("senders"))) or None
        except AddressValueError:
            return None

    def _list(self, name: str) -> list[Any]:
        found = self.said.get(name)
        return found if isinstance(found, list) else []
