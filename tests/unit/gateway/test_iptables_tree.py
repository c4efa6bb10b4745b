from __future__ import annotations

from ipaddress import IPv4Address
from typing import TYPE_CHECKING

from hypothesis import example, given
from hypothesis import strategies as st

from cachegate_agent.iptables_tree import Chains, Entries, Tree, grow, runs, singles
from cachegate_agent.rules import Target

if TYPE_CHECKING:
    from collections.abc import Iterable

PORTS = st.frozensets(st.integers(1, 65535), max_size=300)
# 6144 begins a branch: one run ends with it, among many others.
OVER_THE_EDGE = frozenset({*range(6000, 6143, 3), 6143, 6144, *range(6150, 6300, 3)})
# Near each other, so that there are branches; a change of many or few, of ports or of targets.
TO = st.sampled_from([(), *((Target(IPv4Address("10.0.1.1"), port),) for port in (1, 2))])
TARGETS = st.dictionaries(st.integers(6300, 6700), TO, max_size=120)
LONGEST_NAME = 28  # characters, the limit of iptables


def tree(entries: Entries, others: Entries | None = None) -> Chains:
    grammar = Tree(
        "CACHEGATE-LISTEN",
        lambda low, high, to: [" ".join(map(str, (low, high, *to)))],
        lambda low, high: f"{low} {high}",
    )
    return grow(grammar, entries, others)


def at_rest(ports: Iterable[int]) -> Entries:
    return singles(dict.fromkeys(ports, ()))


def walk(chains: Chains, port: int) -> tuple[list[str], int]:
    """Return the entries that a packet to the port meets, and how many rules it was shown."""
    met: list[str] = []
    shown = 0
    chain = "CACHEGATE-LISTEN"
    while True:
        for rule in chains[chain]:
            shown += 1
            low, high, *branch = rule.split()
            if int(low) <= port <= int(high):
                if branch:
                    chain = branch[1]
                    break
                met.append(rule)
        else:
            return met, shown


@given(PORTS, st.integers(1, 65535))
def test_a_packet_meets_the_rule_of_its_port_and_no_other(ports: frozenset[int], port: int) -> None:
    chains = tree(at_rest(ports))

    for there in [port, *sorted(ports)[:20]]:
        assert walk(chains, there)[0] == ([f"{there} {there}"] if there in ports else [])


@given(PORTS)
@example(OVER_THE_EDGE)
@example(OVER_THE_EDGE | {6145})
def test_runs_of_ports_admit_the_same_packets_as_their_ports(ports: frozenset[int]) -> None:
    chains = tree(runs(ports))

    for port in {*ports, *(port + 1 for port in ports)}:
        assert len(walk(chains, port)[0]) == (port in ports)


@given(PORTS)
def test_the_names_of_all_chains_fit(ports: frozenset[int]) -> None:
    assert all(len(name) <= LONGEST_NAME for name in tree(at_rest(ports)))


def test_one_of_5000_ports_is_found_within_40_rules() -> None:
    chains = tree(at_rest(range(6379, 11379)))

    assert max(walk(chains, port)[1] for port in range(6379, 11379)) <= 40


def test_neighbouring_ports_are_one_rule() -> None:
    assert tree(runs(range(6379, 11379))) == {"CACHEGATE-LISTEN": ("6379 11378",)}


def test_a_port_more_changes_one_chain() -> None:
    ports = set(range(6379, 7379)) - {6500}

    before, after = tree(at_rest(ports)), tree(at_rest(ports | {6500}))

    assert len({name for name in after if after[name] != before.get(name)}) == 1


@given(TARGETS, TARGETS, st.lists(st.tuples(st.integers(0, 119), TO), max_size=3))
def test_what_two_trees_have_in_common_is_left_out_of_both_and_nothing_else_is(
    ours: dict[int, tuple[Target, ...]],
    added: dict[int, tuple[Target, ...]],
    moved: list[tuple[int, tuple[Target, ...]]],
) -> None:
    ports = sorted(ours)
    changed = {ports[place % len(ports)]: to for place, to in moved if ports}
    old, new = singles(ours), singles(ours | (changed or added))
    whole, others = tree(new), tree(old)

    grown, known = tree(new, old), tree(old, new)

    assert grown.items() <= whole.items()
    assert known.items() <= others.items()
    left_out = whole.keys() - grown.keys()
    assert left_out == others.keys() - known.keys()
    assert all(whole[chain] == others[chain] for chain in left_out)


@given(PORTS, PORTS)
@example(OVER_THE_EDGE, OVER_THE_EDGE | {6145})
def test_runs_leave_out_only_what_is_the_same(ours: frozenset[int], theirs: frozenset[int]) -> None:
    whole, others = tree(runs(ours)), tree(runs(theirs))

    left_out = whole.keys() - tree(runs(ours), runs(theirs)).keys()

    assert left_out == others.keys() - tree(runs(theirs), runs(ours)).keys()
    assert all(whole[chain] == others[chain] for chain in left_out)


def test_one_changed_target_among_5000_grows_a_few_chains_alone() -> None:
    old = dict.fromkeys(range(6379, 11379), (Target(IPv4Address("10.0.1.1"), 1),))
    new = old | {7000: ()}

    assert len(tree(singles(new))) > 400
    assert len(tree(singles(new), singles(old))) < 8
