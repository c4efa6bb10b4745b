"""The check-up (`doctor`): look at all that forwarding rests on, change nothing, judge each thing.

What AWS, or an agent, does not answer leaves the checks that need it unknown, and no other.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cachegate.domain.check import Check, CheckState, Unanswered
from cachegate.domain.ledger import Ledger
from cachegate.observe import survey
from cachegate.peering import peering_problems
from cachegate.planning.checks.every import check
from cachegate.planning.checks.facts import Facts, Terms
from cachegate.planning.checks.place import TAG_ONE, homeless
from cachegate.planning.nat_network import Ground

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from concurrent.futures import Future

    from cachegate.domain.address import ElasticIp
    from cachegate.domain.agent import Reply
    from cachegate.domain.cache import Cache
    from cachegate.domain.group_rules import GroupRule
    from cachegate.domain.machine import Machine
    from cachegate.observe import Survey
    from cachegate.protocols import Adapters, Record
    from cachegate.settings import SyncSettings


@dataclass(frozen=True, slots=True)
class CheckUp:
    """Looks for one stack."""

    adapters: Adapters
    settings: SyncSettings

    def look(self, *, probe: bool) -> tuple[Check, ...]:
        """Return every check of every VPC of the stack."""
        seen = self.adapters.ask(lambda: survey(self.adapters, self.settings))
        if isinstance(seen, Unanswered):
            return (self._unseen(seen),)
        found = list(homeless(seen.problems, self.settings.stack))
        if not seen.observations and not found:
            found.append(self._nothing())
        running = [each.instance_id for each in seen.instances if each.state == "running"]
        # The agents take seconds, and one that hangs much longer: all are asked together and first.
        with ThreadPoolExecutor(max_workers=1) as pool:
            replies = pool.submit(self.adapters.gateways.run, running, "inspect")
            for vpc_id in seen.observations:
                found += check(self._facts(vpc_id, seen, replies), probe=probe)
        return tuple(found)

    def _facts(self, vpc_id: str, seen: Survey, replies: Future[Mapping[str, Reply]]) -> Facts:
        ask, adapters = self.adapters.ask, self.adapters
        instances = seen.instances_in(vpc_id)
        caches = seen.observations[vpc_id].caches
        ledger = _ledger(ask(lambda: adapters.ledgers.load(vpc_id)))
        heartbeat = ask(lambda: adapters.ledgers.heartbeat(vpc_id))
        machines = ask(lambda: adapters.machines([each.instance_id for each in instances]))
        return Facts(
            vpc=vpc_id,
            at=seen.at,
            terms=self._terms(vpc_id),
            caches=caches,
            instances=tuple(sorted(instances, key=lambda each: each.instance_id)),
            ledger=ledger,
            verified_at=heartbeat if isinstance(heartbeat, Unanswered) else heartbeat.verified_at,
            machines=machines,
            rules=self._rules(caches, machines),
            ground=self._ground(vpc_id, machines),
            address=self._address(vpc_id),
            ways=peering_problems(
                adapters,
                seen,
                vpc_id,
                ledger if isinstance(ledger, Ledger) else Ledger(vpc_id=vpc_id),
            ),
            replies=replies.result(),
        )

    def _terms(self, vpc_id: str) -> Terms:
        settings = self.settings
        return Terms(
            stack=settings.stack,
            topic=settings.topic,
            sources=settings.policy.sources,
            ssh_sources=settings.ssh_sources,
            manages_groups=settings.manage_groups,
            allocation=settings.address if settings.holds_address_in(vpc_id) else None,
        )

    def _address(self, vpc_id: str) -> ElasticIp | Unanswered | None:
        allocation = self.settings.address
        if allocation is None or not self.settings.holds_address_in(vpc_id):
            return None
        return self.adapters.ask(lambda: self.adapters.addresses.find(allocation))

    def _ground(
        self, vpc_id: str, machines: Mapping[str, Machine] | Unanswered
    ) -> Ground | Unanswered:
        """Look at the subnets in which clients reach the NAT instances."""
        if isinstance(machines, Unanswered):
            return machines
        ids = sorted({card.subnet_id for each in machines.values() if (card := each.outer)})
        subnets = self.adapters.subnets
        return self.adapters.ask(
            lambda: Ground(
                subnets={each.subnet_id: each for each in subnets.named(ids)},
                tables=subnets.tables([vpc_id]),
                interfaces={each: subnets.interfaces(each) for each in ids},
            )
        )

    def _rules(
        self, caches: Iterable[Cache], machines: Mapping[str, Machine] | Unanswered
    ) -> tuple[GroupRule, ...] | Unanswered:
        """Return the rules of the groups of both sides, whoever added them."""
        if isinstance(machines, Unanswered):
            return machines
        ids = {group for cache in caches for group in cache.groups}
        ids |= {group for each in machines.values() for card in each.cards for group in card.groups}
        return self.adapters.ask(lambda: self.adapters.group_rules.rules(sorted(ids)))

    def _unseen(self, seen: Unanswered) -> Check:
        return Check(
            check="look",
            subject=self.settings.stack,
            state=CheckState.UNKNOWN,
            says=f"AWS did not show the stack's caches and NAT instances: {seen.why}",
            fix="cachegate doctor, in a minute; where it is denied, deploy the stack again",
        )

    def _nothing(self) -> Check:
        return Check(
            check="nat-instance",
            subject=self.settings.stack,
            state=CheckState.FAIL,
            says="the stack has no NAT instance, and no cache is tagged for it",
            fix=TAG_ONE.format(stack=self.settings.stack),
        )


def _ledger(record: Record | Unanswered | None) -> Ledger | Unanswered | None:
    return record if record is None or isinstance(record, Unanswered) else record.ledger


def describe_check(each: Check) -> dict[str, Any]:
    """Return one check as a direct invocation shows it."""
    return {
        "check": each.check,
        "vpc": each.vpc,
        "subject": each.subject,
        "state": each.state.value,
        "says": each.says,
        "fix": each.fix,
    }
