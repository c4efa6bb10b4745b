"""Keep the security groups of both sides open for what is forwarded, and for nothing else.

Only rules with our tag are ever changed. A person's rule beside them is left alone, also where it
lets the same through.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from cachegate.domain.group_rules import MANAGED_TAG, VPC_TAG, RuleResult
from cachegate.domain.plan import Problem
from cachegate.errors import LedgerConflictError, RuleRefusedError, TransientError
from cachegate.planning.group_rules import Sides, plan_rules, remember_groups, wanted_rules

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cachegate.domain.cache import NatInstance, Observation
    from cachegate.domain.group_rules import GroupRule, RulePlan, Wanted
    from cachegate.domain.ledger import Ledger
    from cachegate.protocols import Adapters, Record
    from cachegate.settings import SyncSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Considered:
    """What has to change, and what was not to be changed."""

    ledger: Ledger  # with the groups of caches as they were seen
    plan: RulePlan
    problems: tuple[Problem, ...] = ()  # groups that are not for us to change


def admit(
    adapters: Adapters,
    settings: SyncSettings,
    record: Record,
    instances: tuple[NatInstance, ...],
    seen: Observation,
) -> tuple[Record, RuleResult]:
    """Add what lacks and remove what nothing needs any more; note what is in place.

    Where AWS does not answer now, the result has an error and the next pass goes on.
    """
    try:
        considered = consider(adapters, settings, record.ledger, instances, seen)
    except TransientError as error:
        return record, RuleResult(errors=(str(error),))
    result = _Changes(adapters, settings, record.ledger.vpc_id).make(considered)
    ledger = replace(considered.ledger, openings=result.in_place)
    if ledger != record.ledger:
        try:
            record = adapters.ledgers.save(ledger, record.version)
        except LedgerConflictError:  # what another pass knows of them is as good
            return record, result
    return record, result


def consider(
    adapters: Adapters,
    settings: SyncSettings,
    ledger: Ledger,
    instances: tuple[NatInstance, ...],
    seen: Observation,
) -> Considered:
    """Decide, and change nothing. Raise TransientError where AWS does not answer."""
    stack, vpc_id = settings.stack, ledger.vpc_id
    groups, problems = _own_groups(adapters, settings, instances)
    ledger = replace(ledger, cache_groups=remember_groups(ledger, seen.caches))
    sides = Sides(
        stack=stack,
        vpc_id=vpc_id,
        instances=instances,
        groups=groups,
        ssh_sources=settings.ssh_sources,
    )
    wanted = wanted_rules(ledger, sides)
    concerned = {each.opening.group_id for each in wanted}
    managed = adapters.group_rules.managed(stack)
    plan = plan_rules(
        wanted,
        [*managed, *adapters.group_rules.rules(sorted(concerned))],
        ledger.openings,
        stack=stack,
        vpc_id=vpc_id,
        quota=settings.policy.rules_per_group,
    )
    return Considered(ledger=ledger, plan=plan, problems=problems)


def withdraw(adapters: Adapters, settings: SyncSettings) -> tuple[str, ...]:
    """Remove every rule that this stack added, in all VPCs; return why some are still there."""
    try:
        rules = adapters.group_rules.managed(settings.stack)
    except TransientError as error:
        return (str(error),)
    errors = []
    for rule in rules:
        try:
            adapters.group_rules.close(rule)
        except (RuleRefusedError, TransientError) as error:
            errors.append(str(error))
    return tuple(errors)


def _own_groups(
    adapters: Adapters, settings: SyncSettings, instances: Iterable[NatInstance]
) -> tuple[dict[str, str], tuple[Problem, ...]]:
    """Return of each NAT instance the group that we may open: one that nothing else has.

    What is opened for clients would be open on everything else that has the group.
    """
    instances = tuple(instances)
    asked = sorted({group_id for each in instances for group_id in each.groups})
    groups = adapters.group_rules.groups(asked) if asked else {}
    ours = {each.instance_id for each in instances}
    shared = {
        group_id
        for each in (adapters.group_rules.interfaces(asked) if asked else ())
        if each.attached_to not in ours
        for group_id in each.groups
    }
    own: dict[str, str] = {}
    problems = []
    for instance in instances:
        able = [
            group_id
            for group_id in instance.groups
            if group_id in groups and not groups[group_id].is_default and group_id not in shared
        ]
        if able:
            own[instance.instance_id] = able[0]
            continue
        message = (
            f"{instance.instance_id} has no security group of its own: "
            f"{', '.join(instance.groups) or 'it has none at all'} would open the same on others; "
            "give it a group that nothing else has"
        )
        problems.append(
            Problem(code="no_own_group", cache=settings.stack, message=message, forwarded=True)
        )
    return own, tuple(problems)


@dataclass(frozen=True, slots=True)
class _Changes:
    """Makes the changes of a plan, one call a rule: one that is refused hinders no other."""

    adapters: Adapters
    settings: SyncSettings
    vpc_id: str

    def make(self, considered: Considered) -> RuleResult:
        plan = considered.plan
        problems, errors = [*considered.problems, *plan.problems], list[str]()
        early = [each for each in plan.add if each.opening.group_id in plan.add_first]
        late = [each for each in plan.add if each.opening.group_id not in plan.add_first]
        added = self._add(early, problems, errors)
        removed = self._remove(plan.remove, problems, errors)
        added += self._add(late, problems, errors)
        return RuleResult(
            added=tuple(added),
            removed=tuple(removed),
            vanished=tuple(each for each in plan.vanished if each in added),
            in_place=tuple(sorted({*plan.in_place, *(each.opening.key for each in added)})),
            problems=tuple(problems),
            errors=tuple(errors),
        )

    def _add(
        self, wanted: Iterable[Wanted], problems: list[Problem], errors: list[str]
    ) -> list[Wanted]:
        tags = {MANAGED_TAG: self.settings.stack, VPC_TAG: self.vpc_id}
        added = []
        for each in wanted:
            try:
                self.adapters.group_rules.open(each, tags)
            except RuleRefusedError as error:
                problems.append(self._refused(error))
            except TransientError as error:
                errors.append(str(error))
            else:
                added.append(each)
        return added

    def _remove(
        self, rules: Iterable[GroupRule], problems: list[Problem], errors: list[str]
    ) -> list[GroupRule]:
        removed = []
        for rule in rules:
            try:
                self.adapters.group_rules.close(rule)
            except RuleRefusedError as error:
                problems.append(self._refused(error))
            except TransientError as error:
                errors.append(str(error))
            else:
                removed.append(rule)
        return removed

    def _refused(self, error: RuleRefusedError) -> Problem:
        return Problem(
            code=error.code, cache=self.settings.stack, message=str(error), forwarded=True
        )
