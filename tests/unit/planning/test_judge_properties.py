"""What holds for any rules: arithmetic against brute force, and what a verdict never does."""

from __future__ import annotations

import random
from collections import Counter
from ipaddress import IPv4Network, IPv6Network
from typing import TYPE_CHECKING

from hypothesis import assume, given
from hypothesis import strategies as st

from cachegate.domain.ingress import GroupReference, IngressRule, PrefixList
from cachegate.domain.judgement import Verdict
from cachegate.domain.traffic import Traffic
from cachegate.planning.address_space import Reach, private_part, span_of
from cachegate.planning.coverage import Coverage, disjoint, width
from cachegate.planning.judge import judge
from cachegate.planning.union import Claim, must_go
from tests.unit.planning.ingress import POLICY

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cachegate.domain.ingress import Network, Source
    from cachegate.domain.judgement import Judgement
    from cachegate.planning.coverage import Run

SEVERITY = [Verdict.ALLOW, Verdict.REPORT, Verdict.REVOKE]

small_runs = st.lists(
    st.tuples(st.integers(0, 63), st.integers(0, 63)).map(lambda ends: (min(ends), max(ends))),
    max_size=8,
)
# Networks in few places, so that they meet: around 8.0.0.0/5 and around private space.
ipv4 = st.builds(
    lambda base, offset, length: IPv4Network((base + offset, length), strict=False),
    st.sampled_from([8 << 24, 100 << 24, 172 << 24, 0]),
    st.integers(0, 2**27 - 1).map(lambda offset: offset & ~0xFFFFF),
    st.sampled_from([0, 1, 7, 8, 9, 9, 10, 10, 11, 12, 16, 24, 32]),
)
ipv6 = st.builds(
    lambda base, offset, length: IPv6Network((base + (offset << 92), length), strict=False),
    st.sampled_from([0x2600 << 112, 0x2001 << 112, 0xFC00 << 112, 0x2002 << 112]),
    st.integers(0, 31),
    st.sampled_from([3, 16, 31, 32, 33, 33, 34, 35, 48, 64, 128]),
)
networks = st.one_of(ipv4, ipv4, ipv4, ipv6)
sources: st.SearchStrategy[Source] = st.one_of(
    networks,
    networks,
    networks,
    st.builds(
        lambda entries: PrefixList(list_id="pl-1", entries=tuple(entries)),
        st.lists(networks, max_size=4),
    ),
    st.just(PrefixList(list_id="pl-2")),
    st.just(GroupReference("sg-2")),
)
traffics = st.sampled_from(
    [
        Traffic.of("tcp", 6379, 6379),
        Traffic.of("tcp", 6379, 6380),
        Traffic.of("tcp", 11211, 11211),
        Traffic.of("tcp", 0, 65535),
        Traffic.of("-1", None, None),
        Traffic.of("tcp", 443, 443),
        Traffic.of("udp", 6379, 6379),
    ]
)
groups = st.lists(st.tuples(traffics, sources), max_size=14)


def rules_of(pairs: Sequence[tuple[Traffic, Source]]) -> list[IngressRule]:
    return [
        IngressRule(rule_id=f"sgr-{number}", group_id="sg-1", traffic=traffic, source=source)
        for number, (traffic, source) in enumerate(pairs)
    ]


def worst(judgements: Sequence[Judgement]) -> int:
    return max((SEVERITY.index(judgement.verdict) for judgement in judgements), default=0)


def numbers(runs: Sequence[Run]) -> set[int]:
    return {number for first, last in runs for number in range(first, last + 1)}


@given(small_runs, small_runs)
def test_a_union_is_as_wide_as_counting_its_members_says(first: list[Run], more: list[Run]) -> None:
    covered = Coverage()
    covered.add(disjoint(first))

    assert width(disjoint(first)) == len(numbers(first))
    assert covered.gain(disjoint(more)) == len(numbers(more) - numbers(first))
    covered.add(disjoint(more))
    assert covered.width == len(numbers(first) | numbers(more))


claims = st.builds(
    lambda runs, start, length: Claim(
        tuple(disjoint(runs)), width(disjoint(runs)), range(start, start + length)
    ),
    small_runs.filter(bool),
    st.integers(0, 2),
    st.integers(1, 3),
)


@given(st.lists(claims, max_size=10), st.integers(1, 70))
def test_what_stays_is_below_the_limit_and_nothing_goes_that_need_not(
    claimed: list[Claim], limit: int
) -> None:
    gone = must_go(claimed, limit)

    def covered(pool: int, stays: set[int]) -> int:
        return len(numbers([r for i in stays if pool in claimed[i].pools for r in claimed[i].runs]))

    stays = set(range(len(claimed))) - gone.keys()
    assert all(covered(pool, stays) < limit for pool in range(6))
    for index, crowd in gone.items():
        assert any(covered(pool, stays | {index}) >= limit for pool in claimed[index].pools)
        assert index in crowd.members
        assert crowd.width >= limit


@given(st.lists(st.integers(0, 6), max_size=12), st.integers(1, 200))
def test_where_nothing_overlaps_those_that_go_are_the_widest(
    lengths: list[int], limit: int
) -> None:
    """The contract's words, done naively: take the widest away until the rest is below."""
    claimed = [
        Claim(((start << 10, (start << 10) + (1 << length) - 1),), 1 << length, range(1))
        for start, length in enumerate(lengths)
    ]
    rest = sorted(range(len(claimed)), key=lambda index: (-claimed[index].width, index))
    taken = set()
    while sum(claimed[index].width for index in rest) >= limit:
        taken.add(rest.pop(0))

    assert must_go(claimed, limit).keys() == taken


@given(groups, st.randoms(use_true_random=False))
def test_the_order_of_rules_does_not_matter(
    pairs: list[tuple[Traffic, Source]], shuffle: random.Random
) -> None:
    rules = rules_of(pairs)
    shuffled = shuffle.sample(rules, len(rules))

    before = {judgement.rule.rule_id: judgement for judgement in judge(rules, POLICY)}

    assert {each.rule.rule_id: each for each in judge(shuffled, POLICY)} == before


@given(groups, traffics, ipv4, st.integers(1, 4), st.integers(0, 13))
def test_splitting_a_source_that_holds_no_private_space_never_lowers_the_worst_verdict(
    pairs: list[tuple[Traffic, Source]],
    traffic: Traffic,
    network: IPv4Network,
    bits: int,
    place: int,
) -> None:
    assume(private_part(span_of(network)) is Reach.NONE and network.prefixlen + bits <= 32)
    parts: list[tuple[Traffic, Source]] = [
        (traffic, part) for part in network.subnets(prefixlen_diff=bits)
    ]

    whole = judge(rules_of([*pairs[:place], (traffic, network), *pairs[place:]]), POLICY)
    split = judge(rules_of([*pairs[:place], *parts, *pairs[place:]]), POLICY)

    assert worst(split) >= worst(whole)


@given(groups, traffics, networks)
def test_adding_a_private_source_changes_no_other_verdict(
    pairs: list[tuple[Traffic, Source]], traffic: Traffic, network: Network
) -> None:
    assume(private_part(span_of(network)) is Reach.ALL)

    before = judge(rules_of(pairs), POLICY)
    after = judge(rules_of([*pairs, (traffic, network)]), POLICY)

    assert after[:-1] == before
    assert after[-1].verdict == "allow"


@given(groups)
def test_judging_what_stays_revokes_nothing_more(pairs: list[tuple[Traffic, Source]]) -> None:
    rules = rules_of(pairs)
    stays = [each.rule for each in judge(rules, POLICY) if each.verdict != "revoke"]

    assert worst(judge(stays, POLICY)) < SEVERITY.index(Verdict.REVOKE)


def test_of_a_thousand_random_groups_only_what_is_named_is_too_wide() -> None:
    """The removal is what is named; what stays reaches the limit nowhere, by brute force."""
    chance = random.Random(4)  # noqa: S311
    verdicts: Counter[str] = Counter()
    for number in range(1000):
        pairs = [(_traffic(chance), _network(chance)) for _ in range(chance.choice((1, 3, 10, 60)))]
        rules = rules_of(pairs)
        judgements = judge(rules, POLICY)
        verdicts.update(judgement.verdict for judgement in judgements)
        removed = {each.rule.rule_id for each in judgements if each.verdict == "revoke"}
        stays = [rule for rule in rules if rule.rule_id not in removed]
        assert [each.rule for each in judgements] == rules
        assert all(_below(stays, port) for port in (6379, 6380, 11211)), number
        for each in judgements:
            if each.source_class == "union" and each.verdict == "revoke":
                back = [*stays, each.rule]
                assert not all(_below(back, port) for port in each.reached), number

    assert min(verdicts[verdict] for verdict in Verdict) > 1000


def _traffic(chance: random.Random) -> Traffic:
    first = chance.choice((0, 443, 6379, 6380, 11211))
    return Traffic.of(
        chance.choice(("tcp", "tcp", "udp", "-1")), first, max(first, chance.choice((443, 7000)))
    )


def _network(chance: random.Random) -> IPv4Network:
    length = chance.choice((7, 8, 9, 10, 11, 12, 16, 24, 32))
    return IPv4Network((chance.getrandbits(32), length), strict=False)


def _below(rules: Sequence[IngressRule], port: int) -> bool:
    """Tell whether those that reach a port, private sources apart, cover less than 1/256."""
    runs = []
    for rule in rules:
        traffic = rule.traffic
        reaches = traffic.protocol == -1 or (
            traffic.protocol == 6 and (traffic.first or 0) <= port <= (traffic.last or 0)
        )
        assert isinstance(rule.source, IPv4Network)
        span = span_of(rule.source)
        if reaches and private_part(span) is not Reach.ALL:
            runs.append((span.first, span.last))
    covered, end = 0, -1
    for first, last in sorted(runs):
        covered += max(0, last - max(first, end + 1) + 1)
        end = max(end, last)
    return covered < 2**24
