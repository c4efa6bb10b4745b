"""The transactions of a swap, one by one, on an iptables in memory."""

from __future__ import annotations

from ipaddress import IPv4Network
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cachegate_agent.backend import STAMPS
from cachegate_agent.iptables import Iptables
from cachegate_agent.iptables_read import live
from cachegate_agent.iptables_swap import Steps, held, steps
from cachegate_agent.iptables_text import parse
from tests.unit.gateway.iptables_machine import Machine, rule_set

if TYPE_CHECKING:
    from cachegate_agent.rules import Rules

ADDRESSES = st.integers(1, 5).map(lambda last: f"10.0.1.{last}:6379")
PORTS = st.one_of(st.integers(6379, 6420), st.integers(1, 65535))
SOURCES = st.sets(
    st.sampled_from(["0.0.0.0/0", "203.0.113.0/24", "203.0.113.7/32", "198.51.100.0/25"])
)
TARGETS = st.dictionaries(PORTS, st.lists(ADDRESSES, unique=True, max_size=3), max_size=60)


@st.composite
def rule_sets(draw: st.DrawFn, generation: int) -> Rules:
    return rule_set(draw(TARGETS), sorted(draw(SOURCES)), generation)


def holding(rules: Rules) -> Machine:
    machine = Machine()
    machine.restore(Iptables().render(rules).splitlines())
    return machine


def way(machine: Machine, rules: Rules, stamp: int = STAMPS[0]) -> Steps:
    found = parse(machine.save())
    return steps(rules, stamp, live(found), found)


def refused(machine: Machine) -> set[tuple[int, str, str]]:
    """Return what the translation lets in (listen port, target, source) and the filter does not."""
    translated, admitted = translation(machine), filters(machine)
    return {
        (listen, target, str(source))
        for listen, target in translated[0]
        for source in translated[1]
        if (listen, target) not in admitted[0]
        or not any(source.subnet_of(wider) for wider in admitted[1])
    }


def translation(machine: Machine) -> tuple[set[tuple[int, str]], set[IPv4Network]]:
    found = live(parse(machine.save()))
    pairs = {(listen, str(t)) for listen, targets in found.targets.items() for t in targets}
    return pairs, set(found.sources)


def filters(machine: Machine) -> tuple[set[tuple[int, str]], set[IPv4Network]]:
    pairs, sources = set(), set()
    for chain, rules in machine.tables["filter"].items():
        for words in map(str.split, rules):
            if chain == "CACHEGATE-FORWARD" and words[-1] == "CACHEGATE-LIVE":
                source = words[words.index("-s") + 1] if "-s" in words else "0.0.0.0/0"
                sources.add(IPv4Network(source))
            elif chain.startswith("CACHEGATE-LIVE") and "CACHEGATE-STAMP" in words:
                address = words[words.index("-d") + 1].removesuffix("/32")
                port, listen = words[words.index("--dport") + 1], words[-3]
                pairs.add((int(listen), f"{address}:{port}"))
    return pairs, sources


@given(rule_sets(1), rule_sets(2))
@settings(max_examples=200)
def test_a_swap_ends_in_exactly_the_new_rules(old: Rules, new: Rules) -> None:
    machine = holding(old)

    for step in way(machine, new):
        machine.restore(step)

    assert live(parse(machine.save())).holds(new)
    assert machine.tables == {
        table: {chain: unordered[chain] for chain in machine.tables[table]}
        for table, unordered in holding(new).tables.items()
    }


@given(old=rule_sets(1), new=rule_sets(2), few=st.booleans())
@settings(max_examples=200)
def test_the_way_from_what_is_known_is_the_way_from_what_is_read(
    *, old: Rules, new: Rules, few: bool
) -> None:
    if few and old.forwards:
        first, *others = old.forwards
        moved = first._replace(targets=new.forwards[0].targets if new.forwards else ())
        new = new._replace(forwards=(moved, *others))
    machine = holding(old)
    found = parse(machine.save())
    before = live(found)

    known = steps(new, STAMPS[1], before, held(before))

    for ours, read in zip(known, steps(new, STAMPS[1], before, found), strict=True):
        assert sorted(ours) == sorted(read)
    for step in known:
        machine.restore(step)
    assert live(parse(machine.save())).holds(new)


@given(rule_sets(1), rule_sets(2))
@settings(max_examples=200)
def test_at_no_step_does_the_filter_refuse_what_the_translation_lets_in(
    old: Rules, new: Rules
) -> None:
    machine = holding(old)

    for step in way(machine, new):
        machine.restore(step)
        assert refused(machine) == set()


def given_by(machine: Machine) -> set[str]:
    """Return the stamps that the filter gives."""
    return {
        rule.rpartition(" ")[2].partition("/")[0]
        for rule in machine.tables["filter"]["CACHEGATE-STAMP"]
        if "--set-xmark" in rule
    }


@given(rule_sets(1), rule_sets(2))
@settings(max_examples=200)
def test_the_filter_stamps_no_flow_while_it_admits_more_than_the_new_rules(
    old: Rules, new: Rules
) -> None:
    machine = holding(old)
    admitted = filters(holding(new))

    for step in way(machine, new, STAMPS[1])[:-1]:
        machine.restore(step)
        if f"{STAMPS[1]:#x}" in given_by(machine):
            assert filters(machine) == admitted
        if f"{STAMPS[0]:#x}" in given_by(machine):
            assert filters(machine) == filters(holding(old))


@given(rule_sets(1))
def test_what_was_written_reads_back(rules: Rules) -> None:
    machine = holding(rules)

    found = live(parse(machine.save()))

    assert found.holds(rules)
    assert found.shape == live(parse(holding(rule_set({})).save())).shape


@given(rule_sets(1), st.data())
@settings(max_examples=200)
def test_a_rule_of_ours_that_is_lost_changes_what_is_read(
    rules: Rules, data: st.DataObject
) -> None:
    machine = holding(rules)
    whole = live(parse(machine.save()))
    table = data.draw(st.sampled_from(sorted(machine.tables)))
    chain = data.draw(st.sampled_from([c for c, kept in machine.tables[table].items() if kept]))
    kept = machine.tables[table][chain]

    kept.pop(data.draw(st.integers(0, len(kept) - 1)))

    assert live(parse(machine.save())) != whole


@pytest.mark.parametrize(
    ("table", "chain", "rule"),
    [
        (
            "nat",
            "CACHEGATE-TARGET",
            "-p tcp --dport 1 -j DNAT --to-destination 10.0.0.1-10.0.0.9:1",
        ),
        ("nat", "CACHEGATE-TARGET", "-p tcp --dport 1 -j DNAT --to-destination 10.0.0.1:1-9"),
        (
            "nat",
            "CACHEGATE-TARGET",
            "-p tcp --dport 1 -j DNAT --to-destination 10.0.0.1:1 --random",
        ),
        ("nat", "CACHEGATE-PREROUTING", "-s 10.0.0.0/255.0.255.0 -p tcp -j CACHEGATE-ADMIT"),
        ("nat", "CACHEGATE-PREROUTING", "! -s 10.0.0.0/8 -p tcp -j CACHEGATE-ADMIT"),
        ("filter", "CACHEGATE-LISTEN", "-p tcp --dport 5:9 -j REJECT --reject-with tcp-reset"),
        ("filter", "CACHEGATE-IDENTITY", '-m comment --comment "cachegate a b c"'),
        ("filter", "CACHEGATE-IDENTITY", ""),
    ],
)
def test_a_rule_that_somebody_put_into_our_chains_changes_what_is_read(
    table: str, chain: str, rule: str
) -> None:
    rules = rule_set({6379: ["10.0.1.1:6379"], 6380: []})
    machine = holding(rules)
    whole = live(parse(machine.save()))

    machine.tables[table][chain].insert(0, rule)
    found = live(parse(machine.save()))

    assert not (found.holds(rules) and found.shape == whole.shape)


def test_a_jump_that_is_missing_is_never_the_shape_of_anything() -> None:
    machine = holding(rule_set({6379: ["10.0.1.1:6379"]}))

    machine.tables["filter"]["FORWARD"].clear()

    assert live(parse(machine.save())).shape == ""


def test_one_changed_target_among_5000_rewrites_no_more_than_nine_chains() -> None:
    targets = {6379 + place: [f"10.0.{place % 200}.9:6379"] for place in range(5000)}
    old, new = rule_set(targets), rule_set(targets | {7000: ["10.0.250.1:6379"]}, generation=2)
    machine = holding(old)

    lines = [line for step in way(machine, new, STAMPS[1]) for line in step]

    # The leaf, the two chains that know the stamp, and the identity; in the filter twice.
    assert len([line for line in lines if line.startswith(":")]) == 9


def test_a_new_generation_of_the_same_rules_rewrites_the_identity_alone() -> None:
    old, new = (
        rule_set({6379: ["10.0.1.1:6379"]}),
        rule_set({6379: ["10.0.1.1:6379"]}, generation=2),
    )
    machine = holding(old)

    assert [step for step in way(machine, new) if step] == [
        [
            "*filter",
            ":CACHEGATE-IDENTITY - [0:0]",
            f'-A CACHEGATE-IDENTITY -m comment --comment "{new.identity}"',
            "COMMIT",
        ]
    ]
