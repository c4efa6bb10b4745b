"""A rule that cannot be read is reported, counts for nothing else, and opens no way of ours."""

from __future__ import annotations

from ipaddress import IPv4Address

import pytest

from cachegate.domain.cache import NatInstance
from cachegate.domain.groups import GuardedCache
from cachegate.domain.ingress import UnknownSource
from cachegate.domain.judgement import SourceClass, Verdict
from cachegate.planning.judge import judge
from cachegate.planning.own_path import Way
from tests.unit.planning.ingress import POLICY, rule, rules

ODD = UnknownSource("the rule cannot be read: it has no kind of source that this version knows")


@pytest.mark.parametrize("traffic", ["tcp 6379", "-1", "tcp 22", "udp 53"])
def test_it_is_reported_with_its_own_words(traffic: str) -> None:
    (judgement,) = judge([rule(traffic, ODD)], POLICY)

    assert (judgement.source_class, judgement.verdict) == (SourceClass.UNREADABLE, Verdict.REPORT)
    assert judgement.reason.startswith(f"{ODD}, and the unknown is not safe; ")


def test_it_makes_no_union_with_others() -> None:
    narrow = rules(f"tcp 6379 198.{n}.0.0/16" for n in range(200, 210))

    alone = judge(narrow, POLICY)
    beside = judge([*narrow, rule("-1", ODD, number=99)], POLICY)

    assert beside[:-1] == alone


def test_it_is_no_way_to_a_cache() -> None:
    instance = NatInstance(
        instance_id="i-1",
        vpc_id="vpc-1",
        state="running",
        private_address=IPv4Address("10.0.255.10"),
        public_address=None,
        stack="cachegate",
        groups=("sg-nat",),
    )
    cache = GuardedCache(
        name="pages",
        groups=frozenset({"sg-1"}),
        ports=frozenset({6379}),
        hosts=frozenset(),
        vpc_id="vpc-1",
        exposed=True,
    )
    way = Way(instance, cache, 6379)

    assert not way.open_by([rule("-1", ODD)])
    assert way.open_by([rule("-1", ODD), rule("tcp 6379 sg-nat")])
