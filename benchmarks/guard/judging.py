"""Judging ingress rules: as many groups as an account has, each as full as it may be."""

from __future__ import annotations

import random
import time
import tracemalloc
from ipaddress import IPv4Address, IPv4Network, IPv6Network
from typing import TYPE_CHECKING

from benchmarks.progress import rounds
from benchmarks.rows import Rows
from cachegate.domain.cache import NatInstance
from cachegate.domain.finding import Sharing, Use
from cachegate.domain.groups import GuardedCache, Interface, SecurityGroup
from cachegate.domain.guard_policy import GuardPolicy
from cachegate.domain.guard_view import GuardView
from cachegate.domain.ingress import GroupReference, IngressRule, PrefixList
from cachegate.domain.judgement import IngressPolicy, Verdict
from cachegate.domain.traffic import Traffic
from cachegate.planning.findings import find
from cachegate.planning.judge import judge

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cachegate.domain.ingress import Source

RULES_A_GROUP = 60  # EC2's default quota
GROUPS_OF_AN_ACCOUNT = 2500  # EC2's default quota for a Region

MIXED = "mixed rules, judged"
UNION = "rules too wide only together, judged"
FINDING = "mixed rules, judged and decided"
HELD = "MB: the rules"
JUDGING_ADDS = "MB: judging adds at most"
FINDING_ADDS = "MB: all decisions add at most"

GROUPS_A_CACHE = 5  # as many as EC2's default quota lets an interface have
POLICY = GuardPolicy(stack="gate", account="123456789012")

_TRAFFIC = (
    Traffic.of("tcp", 6379, 6379),
    Traffic.of("tcp", 6000, 7000),
    Traffic.of("tcp", 443, 443),
    Traffic.of("udp", 11211, 11211),
    Traffic.of("-1", None, None),
)


def measure(*, quick: bool) -> Rows:
    """Judge groups of mixed rules, and groups whose rules are too wide only all together.

    Then decide about the mixed ones all that a pass of the guard decides. What each way finds is
    compared with what it found before: time counts only for the same answer.
    """
    sizes, repetitions = ((10, 100), 2) if quick else ((25, 250, GROUPS_OF_AN_ACCOUNT), 6)
    turns = [(way, size, _WAYS[way](size)) for size in sizes for way in _WAYS]
    rows = Rows("judging")
    found: dict[tuple[str, int], int] = {}
    for repetition in rounds(repetitions):
        for way, size, run in turns[:: 1 if repetition % 2 else -1]:
            started = time.process_time()
            decided = run()
            rows.add(way, size, repetition, (time.process_time() - started) * 1000)
            if found.setdefault((way, size), decided) != decided:
                raise AssertionError(f"{way}: {decided} decided, {found[way, size]} before")
    del turns, run
    for what, megabytes in zip((HELD, JUDGING_ADDS, FINDING_ADDS), memory(sizes[-1]), strict=True):
        rows.add(what, sizes[-1], 0, megabytes)
    return rows


def _judging(source: Callable[[random.Random, int], Source]) -> Callable[[int], Callable[[], int]]:
    def prepared(size: int) -> Callable[[], int]:
        rules = account(size, source)
        return lambda: sum(
            each.verdict is not Verdict.ALLOW for each in judge(rules, IngressPolicy())
        )

    return prepared


def _finding(size: int) -> Callable[[], int]:
    seen = view(account(size, _mixed))
    return lambda: len(find(seen, POLICY))


def memory(size: int) -> tuple[float, float, float]:
    """Return the MB that the rules of mixed groups take, and the most that each step adds.

    The steps are judging them, and all that a pass of the guard decides.
    """
    tracemalloc.start()
    rules = account(size, _mixed)
    held, _ = tracemalloc.get_traced_memory()
    judging = _most(lambda: judge(rules, IngressPolicy()))
    seen = view(rules)
    finding = _most(lambda: find(seen, POLICY))
    tracemalloc.stop()
    return held / 1e6, judging, finding


def _most(run: Callable[[], object]) -> float:
    """Return how many MB more were held at most while it ran."""
    before, _ = tracemalloc.get_traced_memory()
    tracemalloc.reset_peak()
    run()
    return (tracemalloc.get_traced_memory()[1] - before) / 1e6


def view(rules: Sequence[IngressRule]) -> GuardView:
    """Return what a pass sees: each group shared, each cache exposed, and one NAT instance."""
    ids = list(dict.fromkeys(rule.group_id or "" for rule in rules))
    nat = NatInstance(
        instance_id="i-nat",
        vpc_id="vpc-1",
        state="running",
        private_address=IPv4Address("10.0.0.10"),
        public_address=IPv4Address("203.0.113.73"),
        stack=POLICY.stack,
        groups=("sg-nat",),
    )
    function = Interface(
        interface_id="eni-1", groups=frozenset(ids), addresses=frozenset(), kind="lambda"
    )
    shared = Sharing(use=Use.SHARED, reason="a function has it too", others=(function,))
    return GuardView(
        at=1_795_000_000.0,
        groups={
            group_id: SecurityGroup(
                group_id=group_id, name=group_id, vpc_id="vpc-1", owner=POLICY.account
            )
            for group_id in ids
        },
        caches=tuple(
            GuardedCache(
                name=f"c{first:05}",
                groups=frozenset(ids[first : first + GROUPS_A_CACHE]),
                ports=frozenset({6379}),
                hosts=frozenset({f"c{first:05}.h4sh.use1.cache.amazonaws.com"}),
                vpc_id="vpc-1",
                exposed=True,
            )
            for first in range(0, len(ids), GROUPS_A_CACHE)
        ),
        rules=tuple(rules),
        sharing=dict.fromkeys(ids, shared),
        instances=(nat,),
        revocations=(),
    )


def account(size: int, source: Callable[[random.Random, int], Source]) -> list[IngressRule]:
    """Return the rules of so many groups; the same at each call."""
    chance = random.Random(4)  # noqa: S311
    return [
        IngressRule(
            rule_id=f"sgr-{group:05}{place:02}",
            group_id=f"sg-{group:05}",
            traffic=chance.choice(_TRAFFIC),
            source=source(chance, place),
        )
        for group in range(size)
        for place in range(RULES_A_GROUP)
    ]


def _mixed(chance: random.Random, place: int) -> Source:
    """Return addresses of offices mostly, and now and then one of everything else."""
    if place % 20 == 0:
        return GroupReference("sg-1")
    if place % 20 == 1:
        return PrefixList(list_id="pl-1", entries=(_ipv4(chance, 24), _ipv4(chance, 28)))
    if place % 20 == 2:
        return IPv6Network((chance.getrandbits(128), 48), strict=False)
    return _ipv4(chance, chance.choice((8, 12, 16, 24, 24, 32, 32, 32)))


def _union(chance: random.Random, place: int) -> Source:
    return _ipv4(chance, 9 + place % 8)


def _ipv4(chance: random.Random, length: int) -> IPv4Network:
    return IPv4Network((chance.getrandbits(32), length), strict=False)


# Each makes its rules for a number of groups, and returns what is to be timed.
_WAYS: dict[str, Callable[[int], Callable[[], int]]] = {
    MIXED: _judging(_mixed),
    UNION: _judging(_union),
    FINDING: _finding,
}
