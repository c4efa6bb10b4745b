"""Judging ingress rules: as many groups as an account has, each as full as it may be."""

from __future__ import annotations

import random
import time
import tracemalloc
from ipaddress import IPv4Network, IPv6Network
from typing import TYPE_CHECKING

from benchmarks.rows import Rows
from cachegate.domain.ingress import GroupReference, IngressRule, PrefixList
from cachegate.domain.judgement import IngressPolicy
from cachegate.domain.traffic import Traffic
from cachegate.planning.judge import judge

if TYPE_CHECKING:
    from collections.abc import Callable

    from cachegate.domain.ingress import Source

RULES_A_GROUP = 60  # EC2's default quota; an account has 2,500 groups in a Region by default

MIXED = "groups of mixed rules"
UNION = "groups that are one union each"

_TRAFFIC = (
    Traffic.of("tcp", 6379, 6379),
    Traffic.of("tcp", 6000, 7000),
    Traffic.of("tcp", 443, 443),
    Traffic.of("udp", 11211, 11211),
    Traffic.of("-1", None, None),
)


def measure(sizes: tuple[int, ...], repetitions: int) -> Rows:
    """Judge groups of mixed rules, and groups whose rules are too wide only all together."""
    rows = Rows("judging")
    for repetition in range(repetitions):
        for size in sizes:
            for way, source in _WAYS.items():
                rules = account(size, source)
                started = time.process_time()
                judge(rules, IngressPolicy())
                rows.add(way, size, repetition, (time.process_time() - started) * 1000)
    return rows


def memory(size: int) -> tuple[float, float]:
    """Return the MB that the rules of mixed groups take, and the most that judging them adds."""
    tracemalloc.start()
    rules = account(size, _mixed)
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.reset_peak()
    judge(rules, IngressPolicy())
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return held / 1e6, (peak - held) / 1e6


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


_WAYS: dict[str, Callable[[random.Random, int], Source]] = {
    MIXED: _mixed,
    UNION: _union,
}
