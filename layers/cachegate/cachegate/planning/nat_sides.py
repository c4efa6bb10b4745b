"""Which security group of each NAT instance is for us to open. Pure.

What is opened for clients is open on everything that has the group, so it has to be one that
nothing but NAT instances has. One that was chosen stays: clients must not be cut off because
somebody gives the group to something else. That is reported.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from cachegate.domain.ledger import NatSide
from cachegate.domain.plan import Problem
from cachegate.planning.agreement import agreed, first_seen
from cachegate.planning.text import few, listing

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from cachegate.domain.cache import NatInstance
    from cachegate.domain.groups import Interface, SecurityGroup
    from cachegate.domain.ledger import Ledger

NAMED = 3  # so many interfaces are named in a message, the others counted


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """What EC2 shows of the NAT instances of a VPC and of the security groups of both sides."""

    at: float  # seconds since the epoch
    account: str  # whose groups may be changed
    instances: Sequence[NatInstance]
    groups: Mapping[str, SecurityGroup]  # by id; one that is not shown is left out
    interfaces: Sequence[Interface]  # all that have any group of a NAT instance

    @property
    def changeable(self) -> frozenset[str]:
        """Return the groups that are shown and belong to this account."""
        return frozenset(i for i, each in self.groups.items() if each.owner == self.account)


@dataclass(frozen=True, slots=True, kw_only=True)
class SideChoice:
    """The sides, as the ledger keeps them, and what a person has to do about them."""

    sides: Mapping[str, NatSide]  # by instance
    problems: tuple[Problem, ...] = ()


def choose_sides(ledger: Ledger, sight: Sight, *, stack: str, agreement: float) -> SideChoice:
    """Choose a group for each NAT instance.

    One that is gone keeps its side until a second pass agrees, and while there is no other:
    nobody is let in by rules of a group that nothing has, and its successor has the same group.
    """
    chooser = _Chooser(ledger, sight, stack)
    sides: dict[str, NatSide] = {}
    problems: list[Problem] = []
    for instance in sight.instances:
        group = chooser.group_of(instance)
        sides[instance.instance_id] = NatSide(address=instance.private_address, group=group)
        problems += chooser.problems(instance, group)
    for instance_id, side in ledger.nat_sides.items():
        if instance_id in sides:
            continue
        since = first_seen(side.gone_since, sight.at)
        if not sight.instances or not agreed(since, sight.at, agreement):
            sides[instance_id] = replace(side, gone_since=since)
    return SideChoice(sides=dict(sorted(sides.items())), problems=tuple(problems))


class _Chooser:
    def __init__(self, ledger: Ledger, sight: Sight, stack: str) -> None:
        self.stack = stack
        self.former = {side.group for side in ledger.nat_sides.values()}
        ours = {instance.instance_id for instance in sight.instances} | set(ledger.nat_sides)
        self.others = [each for each in sight.interfaces if each.attached_to not in ours]
        shared = {group_id for each in self.others for group_id in each.groups}
        self.changeable = {each for each in sight.changeable if not sight.groups[each].is_default}
        self.own = self.changeable - shared

    def group_of(self, instance: NatInstance) -> str | None:
        """Return the group to open; the one that was chosen before is preferred."""
        kept = [each for each in instance.groups if each in self.former & self.changeable]
        own = [each for each in instance.groups if each in self.own]
        both = [each for each in kept if each in self.own]
        return next(iter([*both, *own, *kept]), None)

    def problems(self, instance: NatInstance, group: str | None) -> Iterable[Problem]:
        if group is None:
            message = (
                f"{instance.instance_id} has no security group of its own, so none is opened for "
                f"clients: {listing(instance.groups)} would open the same on others, or is not "
                "this account's; give it a group that nothing else has"
            )
            yield self._problem("no_own_group", message)
        elif group not in self.own:
            others = [each.interface_id for each in self.others if group in each.groups]
            message = (
                f"{group} of {instance.instance_id} is open for clients, and {few(others, NAMED)} "
                "has it too: give that another group"
            )
            yield self._problem("shared_nat_group", message)

    def _problem(self, code: str, message: str) -> Problem:
        return Problem(code=code, cache=self.stack, message=message, forwarded=True)


def nat_groups(ledger: Ledger, instances: Iterable[NatInstance]) -> set[str]:
    """Return the groups that NAT instances have, or were opened for them."""
    known = {side.group for side in ledger.nat_sides.values() if side.group}
    return known | {group_id for each in instances for group_id in each.groups}
