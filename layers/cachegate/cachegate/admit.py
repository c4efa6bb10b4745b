"""Keep the security groups of both sides open for what is forwarded, and for nothing else.

Only rules with our tag are ever changed. A person's rule beside them is left alone, also where it
lets the same through.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeVar

from cachegate.domain.group_rules import MANAGED_TAG, VPC_TAG, RuleResult
from cachegate.domain.ledger import Ledger
from cachegate.domain.plan import Problem
from cachegate.errors import (
    LedgerConflictError,
    NotVerifiedError,
    RuleRefusedError,
    TransientError,
)
from cachegate.planning.group_rules import (
    Sides,
    out_of_hand,
    remember_groups,
    unknown_caches,
    wanted_rules,
)
from cachegate.planning.nat_sides import Sight, choose_sides, nat_groups
from cachegate.planning.rule_changes import Doubt, Own, plan_rules, stands_in
from cachegate.withdraw import withdraw

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from cachegate.domain.cache import NatInstance, Observation
    from cachegate.domain.group_rules import GroupRule, RulePlan, Wanted
    from cachegate.protocols import Adapters, Record
    from cachegate.settings import SyncSettings

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Considered:
    """What has to change, and what was not to be changed."""

    ledger: Ledger  # with the groups of both sides as they were seen
    plan: RulePlan
    managed: tuple[GroupRule, ...]  # all that carry our tag, in every VPC, as EC2 shows them
    problems: tuple[Problem, ...] = ()  # groups that are not for us to change


def admit(
    adapters: Adapters,
    settings: SyncSettings,
    record: Record,
    instances: tuple[NatInstance, ...],
    seen: Observation,
) -> tuple[Record, RuleResult]:
    """Add what lacks and remove what nothing needs any more; note what is in place.

    Where AWS does not answer now, the result has an error and the next pass goes on. Where another
    pass wrote the ledger after this one, it knows better what is needed: nothing is changed, and a
    later look decides. Raise LedgerConflictError where somebody detached.
    """
    try:
        considered = consider(adapters, settings, record.ledger, instances, seen)
    except TransientError as error:
        return record, RuleResult(errors=(str(error),))
    plan = considered.plan
    # After the look: whoever writes later than this adds later too, so it was not seen.
    if not plan.quiet and not _still(adapters, record):
        return record, RuleResult(
            in_place=plan.in_place,
            problems=(*considered.problems, *plan.problems),
            recheck_after=settings.policy.disagreement_recheck,
        )
    result = _Changes(adapters, settings, record.ledger.vpc_id).make(considered)
    if result.added:
        _take_back(adapters, settings, record.ledger.vpc_id)
    # What is wanted and could not come back is still missed: it is told when it does.
    missed = set(record.ledger.openings) & {each.opening.key for each in (*plan.add, *plan.left)}
    openings = tuple(sorted({*result.in_place, *missed}))
    ledger = replace(considered.ledger, openings=openings)
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
    ledger = replace(ledger, cache_groups=remember_groups(ledger, seen.caches))
    asked = {group_id for each in ledger.cache_groups.values() for group_id in each.groups}
    asked |= nat_groups(ledger, instances)
    sight = _look(adapters, settings, ledger, instances, asked, seen.at)
    choice = choose_sides(ledger, sight, stack=settings.stack, agreement=settings.policy.agreement)
    ledger = replace(ledger, nat_sides=choice.sides)
    sides = Sides(
        stack=settings.stack,
        vpc_id=ledger.vpc_id,
        instances=choice.sides,
        changeable=sight.changeable,
        ssh_sources=settings.ssh_sources,
    )
    doubt = Doubt(
        unseen=frozenset(asked - sight.groups.keys()),
        no_sides=not choice.sides,
        only_in=frozenset(sides.nat_groups) if unknown_caches(ledger) else None,
    )
    managed = adapters.group_rules.managed(settings.stack)
    plan = _plan(adapters, settings, ledger, wanted_rules(ledger, sides), managed, doubt)
    problems = (*choice.problems, *out_of_hand(ledger, sides))
    return Considered(ledger=ledger, plan=plan, managed=managed, problems=problems)


def let_out(
    adapters: Adapters, settings: SyncSettings, vpc_id: str, instances: tuple[NatInstance, ...]
) -> RuleResult:
    """Let NAT instances reach Systems Manager, where a lost ledger cannot be had without.

    Nothing else is opened, and nothing is taken away: what is needed is not known.
    """
    ledger = Ledger(vpc_id=vpc_id)
    try:
        sight = _look(
            adapters, settings, ledger, instances, nat_groups(ledger, instances), adapters.clock()
        )
        choice = choose_sides(ledger, sight, stack=settings.stack, agreement=0.0)
        sides = Sides(
            stack=settings.stack,
            vpc_id=vpc_id,
            instances=choice.sides,
            changeable=sight.changeable,
        )
        managed, doubt = adapters.group_rules.managed(settings.stack), Doubt(no_sides=True)
        plan = _plan(adapters, settings, ledger, wanted_rules(ledger, sides), managed, doubt)
    except TransientError as error:
        return RuleResult(errors=(str(error),))
    considered = Considered(ledger=ledger, plan=plan, managed=managed, problems=choice.problems)
    return _Changes(adapters, settings, vpc_id).make(considered)


def _look(
    adapters: Adapters,
    settings: SyncSettings,
    ledger: Ledger,
    instances: tuple[NatInstance, ...],
    asked: set[str],
    at: float,
) -> Sight:
    sending = nat_groups(ledger, instances)
    return Sight(
        at=at,
        account=settings.account,
        instances=instances,
        groups=adapters.group_rules.groups(sorted(asked)) if asked else {},
        interfaces=adapters.group_rules.interfaces(sorted(sending)) if sending else (),
    )


def _plan(
    adapters: Adapters,
    settings: SyncSettings,
    ledger: Ledger,
    wanted: tuple[Wanted, ...],
    managed: tuple[GroupRule, ...],
    doubt: Doubt,
) -> RulePlan:
    """Plan with all rules of the groups concerned, and all that carry our tag anywhere."""
    own = Own(stack=settings.stack, vpc_id=ledger.vpc_id, quota=settings.policy.rules_per_group)
    concerned = sorted({each.opening.group_id for each in wanted})
    rules = [
        *managed,
        *(adapters.group_rules.rules(concerned) if concerned else ()),
    ]
    plan = plan_rules(wanted, rules, ledger.openings, own, doubt)
    others = sorted(adapters.ledgers.vpc_ids() - {ledger.vpc_id}) if plan.remove else ()
    if not others:
        return plan
    records = [adapters.ledgers.load(vpc_id) for vpc_id in others]
    elsewhere = {key for each in records if each is not None for key in each.ledger.openings}
    return plan_rules(
        wanted, rules, ledger.openings, own, replace(doubt, elsewhere=frozenset(elsewhere))
    )


def _still(adapters: Adapters, record: Record) -> bool:
    """Tell whether the ledger is still what this pass decided by."""
    now = adapters.ledgers.load(record.ledger.vpc_id)
    return now is not None and now.version == record.version


def _take_back(adapters: Adapters, settings: SyncSettings, vpc_id: str) -> None:
    """Take the rules away again where somebody detached while this pass added some.

    Raise LedgerConflictError then: the next look finds the VPC detached.
    """
    record = adapters.ledgers.load(vpc_id)
    if record is None or not record.ledger.detached:
        return
    mine = withdraw(adapters, settings, lambda rule: rule.managed_by(settings.stack, vpc_id))
    if mine.left:
        raise NotVerifiedError(
            f"{vpc_id} was detached meanwhile, and rules that this pass added are still there: "
            f"{'; '.join(mine.left)}: detach again"
        )
    raise LedgerConflictError(f"{vpc_id} was detached while this pass opened security groups")


@dataclass(slots=True)
class _Changes:
    """Makes the changes of a plan, one call a rule: one that is refused hinders no other."""

    adapters: Adapters
    settings: SyncSettings
    vpc_id: str
    problems: list[Problem] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    added: list[Wanted] = field(default_factory=list)
    there: list[Wanted] = field(default_factory=list)  # added, or found by the call itself
    removed: list[GroupRule] = field(default_factory=list)

    def make(self, considered: Considered) -> RuleResult:
        plan = considered.plan
        self.problems += [*considered.problems, *plan.problems]
        early = [each for each in plan.add if each.opening.key in plan.early]
        self._add(early)
        lacking = [each for each in early if each not in self.there]
        # What was to take its place did not come: better it stays until a later pass.
        self._remove([rule for rule in plan.remove if not stands_in(rule.opening, lacking)])
        self._add(each for each in plan.add if each.opening.key not in plan.early)
        return RuleResult(
            added=tuple(self.added),
            removed=tuple(self.removed),
            vanished=_both(plan.vanished, self.added),
            edited=_both(plan.edited, self.removed),
            in_place=tuple(sorted({*plan.in_place, *(each.opening.key for each in self.there)})),
            problems=tuple(self.problems),
            errors=tuple(self.errors),
        )

    def _add(self, wanted: Iterable[Wanted]) -> None:
        tags = {MANAGED_TAG: self.settings.stack, VPC_TAG: self.vpc_id}
        for each in wanted:
            with self._noted():
                # EC2 may not show yet what an earlier pass has added: that is no news.
                if self.adapters.group_rules.open(each, tags):
                    self.added.append(each)
                self.there.append(each)

    def _remove(self, rules: Sequence[GroupRule]) -> None:
        ours = self._still_ours() if rules else frozenset()
        for rule in rules:
            if rule.rule_id not in ours:
                continue
            with self._noted():
                self.adapters.group_rules.close(rule)
                self.removed.append(rule)

    def _still_ours(self) -> frozenset[str]:
        """Look again: by additions time has gone by, and a person may have taken a tag off.

        A revocation names the rule alone, so AWS cannot be asked to heed the tag
        (https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonec2.html).
        """
        stack = self.settings.stack
        with self._noted():
            found = self.adapters.group_rules.managed(stack)
            return frozenset(rule.rule_id for rule in found if rule.managed_by(stack, self.vpc_id))
        return frozenset()

    @contextmanager
    def _noted(self) -> Iterator[None]:
        """Note what AWS says against one change, and let the others be made."""
        try:
            yield
        except RuleRefusedError as error:
            self.problems.append(
                Problem(
                    code=error.code, cache=self.settings.stack, message=str(error), forwarded=True
                )
            )
        except TransientError as error:
            self.errors.append(str(error))


def _both(some: Iterable[T], done: Collection[T]) -> tuple[T, ...]:
    return tuple(each for each in some if each in done)
