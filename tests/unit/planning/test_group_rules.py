"""Which rules both sides need, and what has to change for it."""

from __future__ import annotations

from ipaddress import IPv4Network
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cachegate.domain.cache import Cache, CacheKind
from cachegate.domain.group_rules import MANAGED_TAG, VPC_TAG, GroupRule, RulePlan, Wanted
from cachegate.domain.ingress import PrefixList
from cachegate.domain.ledger import CacheGroups, Ledger, NatSide
from cachegate.domain.traffic import ALL, Traffic
from cachegate.planning.group_rules import (
    out_of_hand,
    remember_groups,
    runs,
    unknown_caches,
    wanted_rules,
)
from cachegate.planning.rule_changes import Doubt, Own, plan_rules, stands_in
from tests.unit.planning.rules import (
    STACK,
    VPC,
    lease,
    ledger,
    opening,
    ours,
    rule,
    short,
    sides,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

CLIENTS = "203.0.113.0/24"
OWN = Own(stack=STACK, vpc_id=VPC, quota=60)


def needed(found: Ledger, where: Any) -> set[str]:
    return {short(each.opening) for each in wanted_rules(found, where)}


# -- what is needed ------------------------------------------------------------------------------


def test_one_forward_needs_clients_in_the_cache_and_https_out_and_the_way_to_the_cache() -> None:
    found = ledger(lease("cart", 6379), cart="sg-a")

    assert needed(found, sides()) == {
        f"sg-nat in 6379 {CLIENTS}",
        "sg-nat out 443 0.0.0.0/0",
        "sg-nat out 6379 sg-a",
        "sg-a in 6379 sg-nat",
    }


def test_every_rule_says_why_it_is_there_in_words_that_ec2_takes() -> None:
    found = ledger(lease("cart", 6379), cart="sg-a")
    allowed = set("._-:/()#,@[]+=&;{}!$* ")

    for each in wanted_rules(found, sides(ssh_sources=(IPv4Network(CLIENTS),))):
        assert each.why.startswith("cachegate: ")
        assert len(each.why) <= 255
        assert all(letter.isalnum() or letter in allowed for letter in each.why)


def test_a_port_at_rest_stays_open_for_clients_who_get_its_reset_and_its_cache_does_not() -> None:
    resting = lease("old", 6380, "", resting_since=1.0, lost=())
    found = ledger(lease("cart", 6379), resting, cart="sg-a", old="sg-b")

    assert f"sg-nat in 6379-6380 {CLIENTS}" in needed(found, sides())
    assert not any("sg-b" in each for each in needed(found, sides()))


def test_a_node_that_is_gone_keeps_no_way_of_its_own_beside_those_of_its_cache() -> None:
    resting = lease(
        "cart", 6380, "", resting_since=1.0, lost=lease("x", 1, "10.0.1.6:7000").targets
    )
    found = ledger(lease("cart", 6379), resting, cart="sg-a")

    assert not any("7000" in each for each in needed(found, sides()))


def test_a_cache_whose_address_is_in_doubt_keeps_its_way() -> None:
    doubtful = lease("cart", 6379, "", lost=lease("x", 1, "10.0.1.5:7000").targets)

    assert "sg-a in 7000 sg-nat" in needed(ledger(doubtful, cart="sg-a"), sides())


def test_a_cache_that_never_had_a_target_needs_no_way() -> None:
    found = ledger(lease("cart", 6379, ""), cart="sg-a")

    assert needed(found, sides()) == {f"sg-nat in 6379 {CLIENTS}", "sg-nat out 443 0.0.0.0/0"}


def test_each_group_of_a_cache_and_each_of_its_ports_is_opened() -> None:
    found = ledger(lease("cart", 6379), lease("cart", 6380, "10.0.1.5:6380"), cart="sg-a sg-b")

    ways = {each for each in needed(found, sides()) if CLIENTS not in each}
    assert ways == {
        "sg-nat out 443 0.0.0.0/0",
        *(f"{g} in {p} sg-nat" for g in ("sg-a", "sg-b") for p in (6379, 6380)),
        *(f"sg-nat out {p} {g}" for g in ("sg-a", "sg-b") for p in (6379, 6380)),
    }


def test_two_caches_of_one_group_and_port_need_one_rule() -> None:
    found = ledger(lease("a", 6379), lease("b", 6380, "10.0.1.6:6379"), a="sg-a", b="sg-a")

    assert [short(each.opening) for each in wanted_rules(found, sides())].count(
        "sg-a in 6379 sg-nat"
    ) == 1


def test_in_a_peered_vpc_addresses_stand_for_groups_on_both_sides() -> None:
    found = ledger(lease("cart", 6379, "10.9.1.5:6379"), cart="vpc-9 sg-a")

    ways = needed(found, sides("10.0.255.10 sg-nat", "10.0.255.11 sg-nat"))

    assert ways == {
        f"sg-nat in 6379 {CLIENTS}",
        "sg-nat out 443 0.0.0.0/0",
        "sg-nat out 6379 10.9.1.5/32",
        "sg-a in 6379 10.0.255.10/32",
        "sg-a in 6379 10.0.255.11/32",
    }


def test_a_nat_instance_without_a_group_of_its_own_is_admitted_by_its_address() -> None:
    found = ledger(lease("cart", 6379), cart="sg-a")

    assert needed(found, sides("10.0.255.10")) == {"sg-a in 6379 10.0.255.10/32"}


def test_a_group_that_is_not_for_us_to_change_gets_nothing_and_is_reached_by_address() -> None:
    found = ledger(lease("cart", 6379), cart="sg-a")
    where = sides(changeable="sg-nat")

    assert needed(found, where) == {
        f"sg-nat in 6379 {CLIENTS}",
        "sg-nat out 443 0.0.0.0/0",
        "sg-nat out 6379 10.0.1.5/32",
    }
    (problem,) = out_of_hand(found, where)
    assert (problem.code, problem.cache) == ("foreign_group", "cart")
    assert "sg-a" in problem.message
    assert "(sg-nat)" in problem.message


def test_a_cache_with_one_group_of_ours_is_no_problem() -> None:
    found = ledger(lease("cart", 6379), cart="sg-a sg-x")

    assert list(out_of_hand(found, sides())) == []
    assert not any("sg-x" in each for each in needed(found, sides()))


def test_a_nat_group_that_is_gone_gets_nothing() -> None:
    found = ledger(lease("cart", 6379), cart="sg-a")

    assert needed(found, sides(changeable="sg-a")) == {"sg-a in 6379 10.0.255.10/32"}


def test_ssh_is_open_for_those_who_are_trusted_with_it_and_else_for_nobody() -> None:
    admins = IPv4Network("198.51.100.7/32")

    assert "sg-nat in 22 198.51.100.7/32" in needed(ledger(), sides(ssh_sources=(admins,)))
    assert not any(" 22 " in each for each in needed(ledger(), sides()))


def test_nobody_trusted_means_nobody_is_let_in() -> None:
    assert needed(ledger(lease("cart", 6379), sources=""), sides()) == {"sg-nat out 443 0.0.0.0/0"}


@given(st.lists(st.integers(1, 40)))
def test_merging_of_ports_is_exact_and_leaves_no_two_neighbours(ports: list[int]) -> None:
    found = runs(ports)

    covered = [port for each in found for port in range(each.first or 0, (each.last or 0) + 1)]
    assert covered == sorted(set(ports))
    for one, next_one in pairwise(found):
        assert (one.last or 0) + 1 < (next_one.first or 0)


def test_500_forwards_of_neighbouring_ports_need_one_rule_a_source() -> None:
    found = ledger(
        *(lease("cart", 6379 + n) for n in range(500)), sources="10.1.0.0/16 10.2.0.0/16"
    )

    assert needed(found, sides()) == {
        "sg-nat in 6379-6878 10.1.0.0/16",
        "sg-nat in 6379-6878 10.2.0.0/16",
        "sg-nat out 443 0.0.0.0/0",
    }


# -- what is remembered of caches ----------------------------------------------------------------


def cache(name: str, groups: str, kind: CacheKind = CacheKind.CLUSTER, vpc: str = VPC) -> Cache:
    return Cache(
        name=name,
        kind=kind,
        engine="redis",
        status="available",
        vpc_id=vpc or None,
        expose="true",
        groups=frozenset(groups.split()),
    )


SEEN = [
    ("seen anew", [cache("cart", "sg-b sg-c")], ("sg-b", "sg-c")),
    ("not seen", [], ("sg-a",)),
    ("seen without groups", [cache("cart", "")], ("sg-a",)),
    ("its describe failed", [cache("cart", "sg-b", vpc="")], ("sg-a",)),
    (
        "two of one name",
        [cache("cart", "sg-b"), cache("cart", "sg-c", CacheKind.SERVERLESS)],
        ("sg-b", "sg-c"),
    ),
]


@pytest.mark.parametrize(("seen", "groups"), [case[1:] for case in SEEN], ids=[c[0] for c in SEEN])
def test_the_groups_of_a_cache_are_those_last_seen(seen: list[Cache], groups: Any) -> None:
    found = ledger(lease("cart", 6379), cart="sg-a")

    assert remember_groups(found, seen) == {"cart": CacheGroups(vpc_id=VPC, groups=groups)}


def test_the_groups_of_a_cache_without_a_forward_are_forgotten() -> None:
    found = ledger(lease("cart", 6379, "", resting_since=1.0), cart="sg-a", gone="sg-b")

    assert remember_groups(found, [cache("cart", "sg-a")]) == {}
    assert unknown_caches(found) == []


def test_a_cache_whose_groups_no_pass_has_seen_is_told() -> None:
    found = ledger(lease("cart", 6379))

    assert unknown_caches(found) == ["cart"]
    assert [each.code for each in out_of_hand(found, sides())] == ["unknown_groups"]


# -- what has to change --------------------------------------------------------------------------


def plan(
    wanted: str,
    rules: Iterable[GroupRule] = (),
    known: str = "",
    *,
    quota: int = 60,
    doubt: Doubt | None = None,
) -> RulePlan:
    """Plan for openings that stand in lines."""
    return plan_rules(
        [Wanted(opening=opening(line), why="why") for line in lines(wanted)],
        rules,
        [opening(line).key for line in lines(known)],
        Own(stack=STACK, vpc_id=VPC, quota=quota),
        doubt or Doubt(),
    )


def lines(text: str) -> list[str]:
    return [line.strip() for line in text.split(";") if line.strip()]


def added(found: RulePlan) -> list[str]:
    return [short(each.opening) for each in found.add]


def removed(found: RulePlan) -> list[str]:
    return [each.rule_id for each in found.remove]


A, B, C = (f"sg-nat in {port} {CLIENTS}" for port in (6379, 6381, 6383))


def test_what_lacks_is_added_and_what_nothing_needs_is_removed() -> None:
    found = plan(f"{A};{B}", [ours("sgr-1", A), ours("sgr-2", C)])

    assert (added(found), removed(found)) == ([B], ["sgr-2"])
    assert found.in_place == (opening(A).key,)
    assert not found.quiet


@pytest.mark.parametrize(
    "tags",
    [
        {},
        {MANAGED_TAG: "other", VPC_TAG: VPC},
        {MANAGED_TAG: STACK, VPC_TAG: "vpc-2"},
        {MANAGED_TAG: STACK},
        {VPC_TAG: VPC},
    ],
    ids=["people's", "another stack's", "another VPC's", "without a VPC", "without our tag"],
)
def test_a_rule_that_is_not_ours_is_left_alone_and_counts_where_it_is_wanted(tags: Any) -> None:
    theirs = rule("sgr-1", A, tags)

    assert removed(plan(B, [theirs])) == []
    assert added(plan(A, [theirs])) == []
    assert plan(A, [theirs]).in_place == (opening(A).key,)


def test_a_rule_that_vanished_comes_back_and_is_told_each_time() -> None:
    for _ in range(3):
        found = plan(f"{A};{B}", [ours("sgr-1", B)], known=f"{A};{B}")
        assert [short(each.opening) for each in found.vanished] == [A]


def test_a_new_opening_did_not_vanish() -> None:
    assert plan(A, known=B).vanished == ()


def test_an_edited_rule_of_ours_goes_and_the_wanted_one_comes_back() -> None:
    edited = ours("sgr-1", f"sg-nat in 6379 {'0.0.0.0/0'}")

    found = plan(A, [edited], known=A)

    assert (added(found), removed(found)) == ([A], ["sgr-1"])
    assert found.edited == (edited,)
    assert [short(each.opening) for each in found.vanished] == [A]


def test_a_rule_that_nothing_needs_any_more_was_not_edited_nor_one_of_a_lost_ledger() -> None:
    assert plan(A, [ours("sgr-1", B)], known=f"{A};{B}").edited == ()
    assert plan(A, [ours("sgr-1", B)]).edited == ()


DOUBTS = [
    ("a group that is not shown", Doubt(unseen=frozenset({"sg-nat"})), A, True),
    ("another group is not shown", Doubt(unseen=frozenset({"sg-b"})), A, False),
    ("no NAT instance was ever seen", Doubt(no_sides=True), A, True),
    ("another VPC needs it", Doubt(elsewhere=frozenset({opening(A).key})), A, True),
    ("another VPC needs another", Doubt(elsewhere=frozenset({opening(B).key})), A, False),
    ("groups unknown: clients", Doubt(only_in=frozenset({"sg-nat"})), A, False),
    ("groups unknown: way in", Doubt(only_in=frozenset({"sg-nat"})), "sg-a in 6379 sg-nat", True),
    (
        "groups unknown: way in by address",
        Doubt(only_in=frozenset({"sg-nat"})),
        "sg-a in 6379 10.0.0.9/32",
        True,
    ),
    ("groups unknown: way out", Doubt(only_in=frozenset({"sg-nat"})), "sg-nat out 1 sg-a", True),
    (
        "groups unknown: out by address",
        Doubt(only_in=frozenset({"sg-nat"})),
        "sg-nat out 1 10.9.1.5/32",
        True,
    ),
]


@pytest.mark.parametrize(
    ("doubt", "text", "stays"), [case[1:] for case in DOUBTS], ids=[case[0] for case in DOUBTS]
)
def test_what_is_in_doubt_stays(doubt: Doubt, text: str, *, stays: bool) -> None:
    found = plan(B, [ours("sgr-1", text)], doubt=doubt)

    assert removed(found) == ([] if stays else ["sgr-1"])
    assert added(found) == [B]


# -- quota ---------------------------------------------------------------------------------------


def people(count: int, where: str = "sg-nat in", **more: Any) -> list[GroupRule]:
    return [rule(f"sgr-p{n}", f"{where} {100 + n} 192.0.2.0/24", **more) for n in range(count)]


def test_what_does_not_fit_is_told_with_figures_and_nothing_is_added_there() -> None:
    found = plan(f"{A};{B};sg-a in 1 sg-nat", people(9), quota=10)

    assert added(found) == ["sg-a in 1 sg-nat"]
    assert [short(each.opening) for each in found.left] == [A, B]
    (problem,) = found.problems
    assert problem.code == "group_full"
    assert "sg-nat would need 11 ingress rules, and its quota is 10" in problem.message
    assert "trust fewer networks" in problem.message


def test_a_full_group_is_full_in_one_direction_and_for_one_version_of_ip() -> None:
    v6 = [rule(f"sgr-6{n}", f"sg-nat in {n + 1} 2001:db8::/32") for n in range(10)]

    assert added(plan(f"{A};sg-nat out 1 10.0.0.1/32", [*v6, *people(9)], quota=10)) == [
        "sg-nat out 1 10.0.0.1/32",
        A,
    ]
    assert (
        "expose fewer caches"
        in plan("sg-nat out 1 sg-a", people(10, "sg-nat out"), quota=10).problems[0].message
    )


def test_what_names_a_group_counts_for_both_versions_of_ip() -> None:
    v6 = [rule(f"sgr-6{n}", f"sg-a in {n + 1} 2001:db8::/32") for n in range(10)]

    assert added(plan("sg-a in 6379 sg-nat", v6, quota=10)) == []
    assert added(plan("sg-a in 6379 sg-nat", v6, quota=11)) == ["sg-a in 6379 sg-nat"]


def test_a_prefix_list_counts_as_its_most_entries() -> None:
    listed = GroupRule(
        rule_id="sgr-l",
        opening=opening(A).__class__(
            group_id="sg-nat",
            direction=opening(A).direction,
            traffic=opening(A).traffic,
            peer=PrefixList(list_id="pl-1"),
        ),
        weight=9,
    )

    assert added(plan(A, [listed], quota=10)) == [A]
    assert added(plan(f"{A};{B}", [listed], quota=10)) == []


def test_removals_are_done_in_a_full_group() -> None:
    gone = ours("sgr-1", "sg-nat in 6379 198.51.100.0/24")  # of a network that is trusted no more

    found = plan(f"{A};{B}", [gone, *people(9)], quota=10)

    assert (added(found), removed(found)) == ([], ["sgr-1"])


def test_in_a_full_group_a_port_that_is_in_use_stays_open_by_the_old_rule() -> None:
    merged = ours("sgr-1", f"sg-nat in 6379-6383 {CLIENTS}")  # now 6379, 6381, 6383

    found = plan(f"{A};{B};{C}", [merged, *people(8)], quota=10)

    assert (added(found), removed(found)) == ([], [])
    assert found.problems


def test_room_that_removals_make_is_used() -> None:
    found = plan(A, [ours("sgr-1", B), *people(9)], quota=10)

    assert (added(found), removed(found), found.problems) == ([A], ["sgr-1"], ())
    assert found.early == frozenset()  # not before the old one is gone


def test_new_rules_come_before_old_ones_go_as_far_as_there_is_room() -> None:
    old = [ours("sgr-1", f"sg-nat in 6379-6383 {CLIENTS}"), ours("sgr-2", f"sg-nat in 1 {CLIENTS}")]

    assert plan(f"{A};{B}", old).early == {opening(A).key, opening(B).key}
    assert plan(f"{A};{B}", [*old, *people(7)], quota=10).early == {opening(A).key}


def test_a_rule_stands_in_for_a_lacking_one_of_the_same_peer_and_ports_only() -> None:
    lacking = [Wanted(opening=opening(f"sg-nat in 10-20 {CLIENTS}"), why="")]

    for text, stands in (
        (f"sg-nat in 20-30 {CLIENTS}", True),
        (f"sg-nat in 1-10 {CLIENTS}", True),
        (f"sg-nat in 12 {CLIENTS}", True),
        (f"sg-nat in 21 {CLIENTS}", False),
        (f"sg-nat in 9 {CLIENTS}", False),
        ("sg-nat in 12 198.51.100.0/24", False),
        (f"sg-nat out 12 {CLIENTS}", False),
        (f"sg-a in 12 {CLIENTS}", False),
    ):
        assert stands_in(opening(text), lacking) is stands, text


def test_a_rule_of_every_protocol_stands_in_for_nothing_that_is_ours() -> None:
    every = opening(A)
    edited = every.__class__(
        group_id="sg-nat", direction=every.direction, traffic=Traffic(ALL), peer=every.peer
    )

    assert not stands_in(edited, [Wanted(opening=opening(A), why="")])


# -- properties ----------------------------------------------------------------------------------

PORTS = st.frozensets(st.integers(1, 12))
PEERS = st.sampled_from([CLIENTS, "198.51.100.0/24", "sg-a"])


@st.composite
def openings(draw: st.DrawFn) -> str:
    first = draw(st.integers(1, 12))
    last = draw(st.integers(first, 12))
    way = draw(st.sampled_from(["in", "out"]))
    return f"{draw(st.sampled_from(['sg-nat', 'sg-b']))} {way} {first}-{last} {draw(PEERS)}"


@st.composite
def rule_sets(draw: st.DrawFn) -> list[GroupRule]:
    texts = draw(st.lists(openings(), unique=True, max_size=12))
    kinds = [ours if draw(st.booleans()) else rule for _ in texts]
    return [kind(f"sgr-{n}", text) for n, (kind, text) in enumerate(zip(kinds, texts, strict=True))]


def carried_out(found: RulePlan, rules: Iterable[GroupRule]) -> list[GroupRule]:
    gone = {each.rule_id for each in found.remove}
    new = [ours(f"sgr-new{n}", short(each.opening)) for n, each in enumerate(found.add)]
    return [*(each for each in rules if each.rule_id not in gone), *new]


@given(rule_sets(), st.lists(openings(), max_size=8), st.integers(1, 12))
@settings(max_examples=200)
def test_a_plan_carried_out_leaves_nothing_to_plan_and_no_group_over_its_quota(
    rules: list[GroupRule], wanted: list[str], quota: int
) -> None:
    found = plan(";".join(wanted), rules, quota=quota)
    after = carried_out(found, rules)

    again = plan(";".join(wanted), after, quota=quota)

    # What is left over of a full group may come to fit once others are gone: so one pass more.
    last = plan(";".join(wanted), carried_out(again, after), quota=quota)
    assert last.quiet
    assert all(each.managed_by(STACK, VPC) for each in found.remove)
    for group_id in ("sg-nat", "sg-b"):
        grown = [short(each.opening) for each in found.add if each.opening.group_id == group_id]
        for way in ("in", "out"):
            if any(f" {way} " in text for text in grown):
                held = [e for e in after if short(e.opening).startswith(f"{group_id} {way}")]
                assert len(held) <= quota


@given(rule_sets(), st.lists(openings(), max_size=8), st.randoms(), st.integers(1, 12))
@settings(max_examples=100)
def test_the_plan_does_not_depend_on_any_order(
    rules: list[GroupRule], wanted: list[str], random: Any, quota: int
) -> None:
    mixed, asked = list(rules), list(wanted)
    random.shuffle(mixed)
    random.shuffle(asked)

    assert plan(";".join(wanted), rules, quota=quota) == plan(
        ";".join(asked), [*mixed, *rules], quota=quota
    )


@given(PORTS, PORTS, st.integers(0, 4), st.booleans())
@settings(max_examples=300)
def test_a_port_that_stays_in_use_is_open_at_every_moment_where_there_is_room(
    before: frozenset[int],
    after: frozenset[int],
    freed: int,
    tight: bool,  # noqa: FBT001
) -> None:
    def wanted(ports: Iterable[int]) -> str:
        return ";".join(f"sg-nat in {r.first}-{r.last} {CLIENTS}" for r in runs(ports))

    held = [ours(f"sgr-{n}", text) for n, text in enumerate(lines(wanted(before)))]
    others = people(12 - len(held) - freed) if tight else []
    found = plan(wanted(after), [*held, *others], quota=24 if not tight else 12)
    room_for_all = not tight or len(found.add) <= freed

    gone = {each.rule_id for each in found.remove}
    rules_now = list(held)
    rules_now += [
        ours("sgr-n", short(e.opening)) for e in found.add if e.opening.key in found.early
    ]
    rules_now = [each for each in rules_now if each.rule_id not in gone]
    open_now = {
        port
        for each in rules_now
        for port in range(each.opening.traffic.first or 0, (each.opening.traffic.last or 0) + 1)
    }
    if room_for_all or found.problems:
        assert before & after <= open_now


def test_sides_of_instances_that_are_one_group_are_one_source() -> None:
    found = ledger(lease("cart", 6379), cart="sg-a")
    twins = sides("10.0.255.10 sg-nat", "10.0.255.11 sg-nat")

    assert isinstance(twins.instances["i-0"], NatSide)
    assert needed(found, twins) == needed(found, sides())
