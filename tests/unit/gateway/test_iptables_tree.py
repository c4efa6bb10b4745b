from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from cachegate_agent.iptables_tree import Chains, Range, Tree, grow, runs, singles

PORTS = st.frozensets(st.integers(1, 65535), max_size=300)
# 6144 begins a branch: one run ends with it, among many others.
OVER_THE_EDGE = frozenset({*range(6000, 6143, 3), 6143, 6144, *range(6150, 6300, 3)})
LONGEST_NAME = 28  # characters, the limit of iptables


def tree(entries: list[Range]) -> Chains:
    grammar = Tree(
        "CACHEGATE-LISTEN", lambda low, high: [f"{low} {high}"], lambda low, high: f"{low} {high}"
    )
    return grow(grammar, entries)


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
    chains = tree(singles(ports))

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
    assert all(len(name) <= LONGEST_NAME for name in tree(singles(ports)))


def test_one_of_5000_ports_is_found_within_40_rules() -> None:
    chains = tree(singles(range(6379, 11379)))

    assert max(walk(chains, port)[1] for port in range(6379, 11379)) <= 40


def test_neighbouring_ports_are_one_rule() -> None:
    assert tree(runs(range(6379, 11379))) == {"CACHEGATE-LISTEN": ("6379 11378",)}


def test_a_port_more_changes_one_chain() -> None:
    ports = set(range(6379, 7379)) - {6500}

    before, after = tree(singles(ports)), tree(singles(ports | {6500}))

    assert len({name for name in after if after[name] != before.get(name)}) == 1
