"""What holds for any account: only what the judge named goes, and nobody else loses anything."""

from __future__ import annotations

import random
from collections import defaultdict
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from cachegate.domain.finding import EXEMPT, Step, Use
from cachegate.domain.ingress import GroupReference, IngressRule, PrefixList
from cachegate.domain.judgement import CACHE_PORTS, Verdict
from cachegate.domain.traffic import TCP, Traffic
from cachegate.planning.findings import find
from cachegate.planning.judge import judge
from cachegate.planning.own_path import ways
from tests.unit.planning.guarded import (
    AT,
    DAY,
    DOUBTFUL,
    EXCLUSIVE,
    EXPOSED,
    OURS,
    POLICY,
    SHARED,
    THEIRS,
    applied,
    cache,
    group,
    nat,
    policy,
    revocation,
    view,
)
from tests.unit.planning.ingress import network

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from cachegate.domain.finding import Finding
    from cachegate.domain.groups import GuardedCache
    from cachegate.domain.guard_policy import GuardPolicy
    from cachegate.domain.guard_view import GuardView
    from cachegate.domain.ingress import Source
    from cachegate.planning.own_path import Way

GROUPS = ("sg-1", "sg-2", "sg-3")
# Ports at which anything may differ: the bounds of every traffic below, and their neighbours.
PORTS = (0, 22, 443, 6378, 6379, 6380, 6381, 6999, 7000, 7001, 11210, 11211, 11212, 65535)

TRAFFICS = (
    *[Traffic(TCP, 6379, 6379)] * 3,
    Traffic(TCP, 6378, 6380),
    Traffic(TCP, 6381, 7000),
    Traffic(TCP, 443, 443),
    Traffic(TCP, 0, 65535),
    Traffic(TCP, 7000, 11211),
    Traffic.of("udp", 0, 65535),
    Traffic.of("-1", None, None),
)
_NETWORKS = """
    0.0.0.0/0 ::/0 0.0.0.0/1 128.0.0.0/1 13.0.0.0/8 10.0.0.0/7 10.0.0.0/8 2000::/3
    13.0.0.0/9 14.0.0.0/9 15.0.0.0/9 15.128.0.0/9 16.0.0.0/10 16.64.0.0/10 17.0.0.0/24
    172.16.0.0/11 203.0.114.5/32 10.0.255.10/32 2600::/33 2601::/33
"""
SOURCES: tuple[Source, ...] = (
    *map(network, _NETWORKS.split()),
    PrefixList(list_id="pl-1", entries=(network("10.0.0.0/8"), network("18.0.0.0/9"))),
    PrefixList(list_id="pl-2", entries=(network("0.0.0.0/0"),)),
    PrefixList(list_id="pl-3"),
    PrefixList(list_id="pl-4", entries=(network("0.0.0.0/0"),), aws_name="com.amazonaws.x"),
    GroupReference("sg-nat"),
    GroupReference("sg-1"),
)
TAGS = (*[""] * 5, "ann|2027-01-31|moves", "ann|2020-01-31|over", "ann|9999-12-31|x", "nonsense")


@st.composite
def views(draw: st.DrawFn) -> GuardView:
    owners = st.sampled_from([OURS, OURS, OURS, THEIRS])
    groups = [group(each, owner=draw(owners)) for each in GROUPS]
    shared = st.sampled_from([SHARED, SHARED, EXPOSED, EXCLUSIVE, DOUBTFUL])
    rules = draw(
        st.lists(_rules, max_size=14, unique_by=lambda r: (r.group_id, r.traffic, str(r.source)))
    )
    rules = [replace(each, rule_id=f"sgr-{number:02}") for number, each in enumerate(rules)]
    returned = draw(st.lists(st.sampled_from(rules), max_size=4)) if rules else []
    return view(
        rules,
        groups=groups,
        sharing={each: draw(shared) for each in GROUPS},
        caches=tuple(draw(st.lists(_caches, min_size=1, max_size=3))),
        instances=tuple(draw(st.lists(_instances, max_size=2))),
        revocations=tuple(
            revocation(replace(each, rule_id=f"old-{number}"), revoked_at=AT - DAY)
            for number, each in enumerate(returned)
        ),
    )  # fmt: skip


_rules = st.builds(
    lambda group_id, traffic, source, tag: IngressRule(
        rule_id="sgr",
        group_id=group_id,
        traffic=traffic,
        source=source,
        tags={EXEMPT: tag} if tag else {},
    ),
    st.sampled_from(GROUPS),
    st.sampled_from(TRAFFICS),
    st.sampled_from(SOURCES),
    st.sampled_from(TAGS),
)
_caches: st.SearchStrategy[GuardedCache] = st.builds(
    lambda name, groups, ports, vpc_id, exposed: cache(
        name, " ".join(sorted(groups)), ports=ports, vpc_id=vpc_id, exposed=exposed
    ),
    st.sampled_from(["a", "b", "c"]),
    st.sets(st.sampled_from(GROUPS), min_size=1),
    st.frozensets(st.sampled_from([6379, 6380, 7000]), max_size=2),
    st.sampled_from(["vpc-1", "vpc-1", "vpc-peer", None]),
    st.sampled_from([True, True, False]),
)
_instances = st.builds(
    lambda number, groups, stack: nat(
        f"i-{number}",
        private_address=IPv4Address("10.0.255.10") + number,
        groups=tuple(groups),
        stack=stack,
    ),
    st.integers(0, 1),
    st.sampled_from([["sg-nat"], ["sg-1", "sg-nat"], []]),
    st.sampled_from(["gate", "gate", "other"]),
)
policies: st.SearchStrategy[GuardPolicy] = st.builds(
    lambda exclusive, carve, path, most, returns: policy(
        revoke_exclusive=exclusive,
        carve_ranges=carve,
        add_own_path=path,
        most_revocations=most,
        most_returns=returns,
        peered={"vpc-peer": "vpc-1"},
    ),
    st.booleans(),
    st.booleans(),
    st.booleans(),
    st.sampled_from([1, 2, 20]),
    st.integers(1, 3),
)


def ports_of(seen: GuardView, group_id: str | None) -> frozenset[int]:
    """The caches' ports of a group."""
    members = [each for each in seen.caches if group_id in each.groups]
    return CACHE_PORTS.union(*(each.ports for each in members))


def named(seen: GuardView) -> set[str]:
    """The rules of which the judge itself says that they should go from a shared group."""
    found = set()
    for group_id in seen.groups:
        rules = [each for each in seen.rules if each.group_id == group_id]
        by = replace(POLICY.judge, protected=ports_of(seen, group_id))
        verdicts = judge(rules, by)
        found |= {each.rule.rule_id for each in verdicts if each.verdict is Verdict.REVOKE}
    return found


def acting(findings: Iterable[Finding]) -> list[Finding]:
    return [each for each in findings if each.step.acts]


def open_ways(seen: GuardView) -> set[Way]:
    every = ways(seen.caches, seen.instances, stack="gate", peered={"vpc-peer": "vpc-1"})
    return {way for way in every if way.open_by(seen.rules)}


def open_beside(seen: GuardView, rules: Sequence[IngressRule]) -> set[tuple[str, str, int]]:
    """Who may reach which TCP port that is no cache's, by rules that have ports."""
    return {
        (each.group_id or "", str(each.source), port)
        for each in rules
        for port in PORTS
        if each.traffic.protocol == TCP
        and (each.traffic.first or 0) <= port <= (each.traffic.last or 0)
        and port not in ports_of(seen, each.group_id)
    }


@given(views(), policies)
def test_only_what_the_judge_named_goes_from_groups_that_are_ours_to_change(
    seen: GuardView, by: GuardPolicy
) -> None:
    going = acting(find(seen, by))

    assert {each.rule.rule_id for each in going} <= named(seen)
    for finding in going:
        assert finding.group is seen.groups[finding.rule.group_id or ""]
        assert finding.group.owner == OURS
        allowed = {Use.SHARED, Use.EXCLUSIVE} if by.revoke_exclusive else {Use.SHARED}
        assert seen.sharing[finding.group.group_id].use in allowed
        assert finding.rule.tags.get(EXEMPT, "") not in {"ann|2027-01-31|moves", "ann|9999-12-31|x"}


@given(views(), policies)
def test_each_rule_that_the_judge_does_not_allow_has_exactly_one_finding(
    seen: GuardView, by: GuardPolicy
) -> None:
    found = [each.rule.rule_id for each in find(seen, by)]

    assert len(found) == len(set(found))
    assert named(seen) <= set(found)


@given(views(), policies)
def test_what_is_named_and_stays_says_why(seen: GuardView, by: GuardPolicy) -> None:
    for finding in find(seen, by):
        assert finding.reason
        assert (finding.step is Step.CARVE) is bool(finding.carved)
        assert (finding.step is Step.EXEMPT) is (finding.exemption is not None)
        assert (finding.step is Step.REFUSE) is bool(finding.advice)
        assert finding.step.acts or not finding.paths


@given(views(), policies)
def test_no_pass_revokes_more_than_its_cap(seen: GuardView, by: GuardPolicy) -> None:
    found = find(seen, by)

    assert len(acting(found)) <= by.most_revocations
    if any(each.step is Step.WAIT for each in found):
        assert len(acting(found)) == by.most_revocations


@given(views(), policies, st.data())
def test_no_way_of_ours_is_cut_whatever_of_a_pass_is_carried_out(
    seen: GuardView, by: GuardPolicy, data: st.DataObject
) -> None:
    going = acting(find(seen, by))
    failed = data.draw(st.sets(st.sampled_from(range(len(going))))) if going else set()

    after = applied(seen, [each for place, each in enumerate(going) if place not in failed])

    assert open_ways(seen) <= open_ways(after)


@given(views(), policies)
def test_carving_closes_no_port_that_is_no_caches_and_a_pass_opens_none(
    seen: GuardView, by: GuardPolicy
) -> None:
    by = replace(by, carve_ranges=True)

    after = applied(seen, find(seen, by))

    before, then = open_beside(seen, seen.rules), open_beside(seen, after.rules)
    assert before <= then
    assert then <= before, "and nothing but what was open"


@given(views(), policies)
def test_carrying_out_a_pass_makes_the_judge_name_nothing_new(
    seen: GuardView, by: GuardPolicy
) -> None:
    found = find(seen, by)

    after = applied(seen, found)

    gone = {each.rule.rule_id for each in acting(found)}
    assert named(after) <= named(seen) - gone


@given(views(), policies)
def test_passes_come_to_rest_with_nothing_gone_that_the_first_did_not_name(
    seen: GuardView, by: GuardPolicy
) -> None:
    before, first = seen, named(seen)

    for _ in range(len(seen.rules) + 1):
        found = find(seen, by)
        if not acting(found):
            break
        seen = applied(seen, found)

    assert not acting(find(seen, by))
    assert {each.rule_id for each in before.rules} - {each.rule_id for each in seen.rules} <= first
    assert not any(each.step is Step.WAIT for each in find(seen, by))


@given(views(), policies, st.randoms(use_true_random=False))
def test_findings_do_not_hang_on_the_order_in_which_aws_lists_things(
    seen: GuardView, by: GuardPolicy, chance: random.Random
) -> None:
    rules = list(seen.rules)
    chance.shuffle(rules)
    mixed = replace(
        seen,
        rules=tuple(rules),
        caches=seen.caches[::-1],
        groups=dict(reversed(list(seen.groups.items()))),
    )

    assert find(mixed, by) == find(seen, by)


# One account


def account(chance: random.Random, size: int) -> GuardView:
    """So many groups of one cache each, with up to 30 mixed rules; every fifth is no business."""
    ids = [f"sg-{number:04}" for number in range(size)]
    whose = (SHARED, EXPOSED, SHARED, EXCLUSIVE, DOUBTFUL)
    rules: dict[tuple[str, Traffic, str], IngressRule] = {}
    for group_id in ids:
        for _ in range(chance.randrange(31)):
            traffic, source = chance.choice(TRAFFICS), _any_source(chance)
            tag = chance.choice(TAGS) if chance.random() < 0.2 else ""
            fresh = IngressRule(
                rule_id=f"sgr-{len(rules):06}",
                group_id=group_id,
                traffic=traffic,
                source=source,
                tags={EXEMPT: tag} if tag else {},
            )
            rules.setdefault((group_id, traffic, str(source)), fresh)
    return view(
        rules.values(),
        groups=[group(each, owner=THEIRS if n % 50 == 0 else OURS) for n, each in enumerate(ids)],
        sharing={each: chance.choice(whose) for each in ids},
        caches=tuple(
            cache(f"c{n}", each, ports=frozenset({chance.choice((6379, 7000))}))
            for n, each in enumerate(ids)
        ),
        instances=(nat(),),
    )


def _any_source(chance: random.Random) -> Source:
    if chance.random() < 0.4:
        return chance.choice(SOURCES)
    length = chance.choice((8, 9, 10, 11, 12, 16, 24, 32, 32, 32))
    return IPv4Network((chance.getrandbits(32), length), strict=False)


def test_of_a_thousand_random_groups_nothing_goes_that_the_verdict_did_not_name() -> None:
    before = account(random.Random(4), 1000)  # noqa: S311
    by = policy(most_revocations=500, carve_ranges=True, add_own_path=True)
    seen, removed = before, 0

    while going := acting(find(seen, by)):
        removed += len(going)
        seen = applied(seen, going)

    gone = {each.rule_id for each in before.rules} - {each.rule_id for each in seen.rules}
    verdicts = named(before)
    assert gone <= verdicts
    assert removed == len(gone) > 1000
    kept = [each for each in before.rules if each.rule_id not in gone]
    assert [each for each in seen.rules if each.rule_id.startswith("sgr-")] == kept
    still = named(seen)
    left = defaultdict(set)
    for finding in find(seen, by):
        if finding.rule.rule_id in still:
            left[finding.step].add(finding.group.group_id)
    assert set(left) == {Step.REPORT, Step.EXEMPT}
    assert all(
        seen.groups[each].owner == THEIRS or seen.sharing[each].use is not Use.SHARED
        for each in left[Step.REPORT]
    )
    assert open_ways(before) <= open_ways(seen)
    assert open_beside(before, before.rules) == open_beside(before, seen.rules)
