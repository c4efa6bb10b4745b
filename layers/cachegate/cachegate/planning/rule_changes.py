"""What has to change in security groups so that the wanted openings are there. Pure.

Absent is not empty: what is not known for sure removes nothing. Nor does what has no room in its
group: a rule goes only where what replaces it, in part or whole, is there.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network
from typing import TYPE_CHECKING

from cachegate.domain.group_rules import Direction, RulePlan
from cachegate.domain.plan import Problem

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from cachegate.domain.group_rules import GroupRule, Opening, Wanted
    from cachegate.domain.ingress import Source

Side = tuple[str, Direction]


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubt:
    """Why rules may be needed although nothing that is known needs them."""

    unseen: frozenset[str] = frozenset()  # groups that EC2 does not show: nothing is changed there
    no_sides: bool = False  # no NAT instance was ever seen here, say after the ledger was lost
    # Of a cache that has a forward the groups are not known; clients' rules are in these groups.
    only_in: frozenset[str] | None = None
    elsewhere: frozenset[str] = frozenset()  # keys of openings that other VPCs of the stack need

    def keeps(self, opening: Opening) -> bool:
        """Tell whether a rule with this opening stays."""
        if self.no_sides or opening.group_id in self.unseen or opening.key in self.elsewhere:
            return True
        is_clients = opening.direction is Direction.INGRESS and isinstance(
            opening.peer, IPv4Network
        )
        return self.only_in is not None and not (is_clients and opening.group_id in self.only_in)


@dataclass(frozen=True, slots=True, kw_only=True)
class Own:
    """Whose rules may be changed, and how many a group holds."""

    stack: str
    vpc_id: str
    quota: int  # of a group, in each direction and for each version of IP


def plan_rules(
    wanted: Iterable[Wanted],
    rules: Iterable[GroupRule],
    known: Collection[str],
    own: Own,
    doubt: Doubt,
) -> RulePlan:
    """Return what to add and remove so that exactly the wanted openings are ours.

    `rules` are all rules of all groups concerned; `known` are keys of what was in place before.
    Where the result would not fit into a group's quota, nothing is added there.
    """
    existing = {rule.rule_id: rule for rule in rules}
    present = {rule.opening.key for rule in existing.values()}
    needed = {each.opening.key: each for each in wanted}
    lacking = [needed[key] for key in sorted(needed.keys() - present)]
    spare = [
        existing[rule_id]
        for rule_id in sorted(existing)
        if existing[rule_id].managed_by(own.stack, own.vpc_id)
        and existing[rule_id].opening.key not in needed
        and not doubt.keeps(existing[rule_id].opening)
    ]
    room = _Room(existing.values(), own.quota)
    full = room.overfull(spare, lacking)
    add = [each for each in lacking if _side(each.opening) not in full]
    left = [each for each in lacking if _side(each.opening) in full]
    remove = [rule for rule in spare if not stands_in(rule.opening, left)]
    return RulePlan(
        add=tuple(add),
        remove=tuple(remove),
        vanished=tuple(each for each in add if each.opening.key in known),
        # Without a ledger that knows some, as after it was lost, nobody can tell.
        edited=tuple(rule for rule in remove if known and rule.opening.key not in known),
        left=tuple(left),
        in_place=tuple(sorted(needed.keys() & present)),
        problems=tuple(_problem(own, side, full[side]) for side in sorted(full)),
        early=frozenset(room.beside(add)),
    )


def stands_in(opening: Opening, lacking: Iterable[Wanted]) -> bool:
    """Tell whether what an opening lets through is wanted, in part, by others that are not there.

    So it is when a port between neighbours is freed, or comes to be one.
    """
    return any(
        _side(each.opening) == _side(opening)
        and each.opening.peer == opening.peer
        and _overlap(each.opening, opening)
        for each in lacking
    )


class _Room:
    """How many rules a group has in each direction, for IPv4 and for IPv6.

    They are counted apart, and what names a group or a list counts as both
    (https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html).
    """

    def __init__(self, rules: Iterable[GroupRule], quota: int) -> None:
        self.quota = quota
        self.now = _count((rule.opening, rule.weight) for rule in rules)

    def overfull(self, spare: Sequence[GroupRule], lacking: Sequence[Wanted]) -> Mapping[Side, int]:
        """Return the sides that would have more rules than they may, and how many."""
        less = _count((rule.opening, rule.weight) for rule in spare)
        more = _count((each.opening, 1) for each in lacking)
        found: dict[Side, int] = {}
        for (side, version), count in more.items():
            total = self.now[side, version] - less[side, version] + count
            if total > self.quota:
                found[side] = max(total, found.get(side, 0))
        return found

    def beside(self, add: Iterable[Wanted]) -> Iterator[str]:
        """Yield the keys of those that fit while the old rules are still there."""
        now = self.now.copy()
        for each in add:
            places = [(_side(each.opening), version) for version in _versions(each.opening.peer)]
            if all(now[place] < self.quota for place in places):
                yield each.opening.key
                for place in places:
                    now[place] += 1


def _count(weighed: Iterable[tuple[Opening, int]]) -> defaultdict[tuple[Side, int], int]:
    counts: defaultdict[tuple[Side, int], int] = defaultdict(int)
    for opening, weight in weighed:
        for version in _versions(opening.peer):
            counts[_side(opening), version] += weight
    return counts


def _versions(peer: Source) -> tuple[int, ...]:
    if isinstance(peer, IPv4Network | IPv6Network):
        return (peer.version,)
    return (4, 6)


def _side(opening: Opening) -> Side:
    return opening.group_id, opening.direction


def _overlap(one: Opening, other: Opening) -> bool:
    a, b = one.traffic, other.traffic
    if a.first is None or a.last is None or b.first is None or b.last is None:
        return False
    return a.protocol == b.protocol and a.first <= b.last and b.first <= a.last


def _problem(own: Own, side: Side, total: int) -> Problem:
    group_id, direction = side
    fewer = "trust fewer networks" if direction is Direction.INGRESS else "expose fewer caches"
    message = (
        f"{group_id} would need {total} {direction} rules, and its quota is {own.quota}: {fewer}, "
        "remove rules there, or have the quota raised and say so by RulesPerGroup; no rule was "
        "added there"
    )
    return Problem(code="group_full", cache=own.stack, message=message, forwarded=True)
