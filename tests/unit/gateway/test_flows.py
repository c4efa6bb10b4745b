"""Which flows a change makes stale."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cachegate_agent import flows
from cachegate_agent.backend import Live
from cachegate_agent.conntrack import ESTABLISHED, End, Flow
from cachegate_agent.rules import Forward, Rules, Target

if TYPE_CHECKING:
    from collections.abc import Mapping

A, B, C = (Target(IPv4Address(f"10.0.0.{last}"), 6379) for last in (1, 2, 3))
Targets = dict[int, tuple[Target, ...]]


def rules(targets: Mapping[int, tuple[Target, ...]], *sources: str) -> Rules:
    return Rules(
        owner="stack",
        generation=1,
        digest="0" * 64,
        targets_within=(),
        sources=tuple(map(IPv4Network, sources)),
        forwards=tuple(Forward(port, "readers", "", some) for port, some in targets.items()),
    )


def live(targets: Targets, *sources: str) -> Live:
    held = rules(targets, *sources)
    return Live(held.identity, held.admitted, held.targets, frozenset(), "shape")


def flow(listen: int, target: Target, client: str = "192.0.2.7") -> Flow:
    nat = IPv4Address("10.0.9.9")
    return Flow(
        client=End(IPv4Address(client), 40000),
        listen=End(nat, listen),
        target=target,
        masked=End(nat, 40000),
        state=ESTABLISHED,
        key=b"",
    )


@pytest.mark.parametrize(
    ("before", "after", "ports"),
    [
        ({1: (A,)}, {1: (A,)}, set()),
        ({1: (A,)}, {1: (B,)}, {1}),
        ({1: (A,)}, {1: ()}, {1}),
        ({1: (A,)}, {}, {1}),
        ({1: (A,)}, {1: (A,), 2: (B,)}, set()),
        ({1: ()}, {1: (A,)}, set()),
        ({1: (A,)}, {1: (A, B)}, set()),
        ({1: (A, B)}, {1: (B,)}, {1}),
        ({1: (A, B), 2: (A,), 3: (C,)}, {1: (B, A), 2: (B,), 3: (C,)}, {2}),
    ],
)
def test_only_ports_that_lost_a_target_are_suspects(
    before: Targets, after: Targets, ports: set[int]
) -> None:
    everybody = "0.0.0.0/0"

    found = flows.suspects(live(before, everybody), rules(after, everybody)).ports

    assert found is not None
    assert set(found) == ports


@pytest.mark.parametrize(
    ("before", "after", "everywhere"),
    [
        (["10.0.0.0/8"], ["10.0.0.0/8"], False),
        (["10.0.0.0/8"], ["0.0.0.0/0"], False),
        (["10.0.0.0/9", "10.128.0.0/9"], ["10.0.0.0/8"], False),
        ([], ["10.0.0.0/8"], False),
        (["10.0.0.0/8"], ["10.0.0.0/9"], True),
        (["10.0.0.0/8"], [], True),
        (["10.0.0.0/8"], ["11.0.0.0/8"], True),
    ],
)
def test_a_source_that_is_no_longer_trusted_makes_every_port_suspect(
    before: list[str], after: list[str], *, everywhere: bool
) -> None:
    found = flows.suspects(live({1: (A,)}, *before), rules({1: (A,)}, *after))

    assert (found.ports is None) == everywhere


def test_where_it_is_not_known_what_was_in_force_every_port_is_suspect() -> None:
    assert flows.suspects(None, rules({1: (A,)}, "0.0.0.0/0")).ports is None


@pytest.mark.parametrize(
    ("tracked", "stale"),
    [
        (flow(1, A), False),
        (flow(1, B), True),  # a target of another port
        (flow(2, B), False),
        (flow(3, A), True),  # at rest
        (flow(4, A), True),  # not in the rule set
        (flow(1, A, client="198.51.100.1"), True),  # no longer trusted
        (flow(1, Target(A.address, 7000)), True),
    ],
)
def test_a_flow_is_stale_where_the_rule_set_does_not_admit_it(
    tracked: Flow, *, stale: bool
) -> None:
    admission = flows.Admission(rules({1: (A,), 2: (B, C), 3: ()}, "192.0.2.0/24"))

    assert admission.is_stale(tracked) is stale


some_targets = st.dictionaries(
    st.integers(1, 4), st.sets(st.sampled_from([A, B, C])).map(lambda some: tuple(sorted(some)))
)
some_sources = st.lists(st.sampled_from(["192.0.2.0/25", "192.0.2.128/25", "192.0.2.0/24"]))


@given(some_targets, some_targets, some_sources, some_sources)
def test_no_flow_that_was_admitted_and_is_stale_escapes_the_suspects(
    before: Targets, after: Targets, old: list[str], new: list[str]
) -> None:
    suspects = flows.suspects(live(before, *old), rules(after, *new))
    was = flows.Admission(rules(before, *old))
    now = flows.Admission(rules(after, *new))

    for port in before:
        for target in (A, B, C):
            for client in ("192.0.2.1", "192.0.2.200"):
                tracked = flow(port, target, client)
                if not was.is_stale(tracked) and now.is_stale(tracked):
                    assert suspects.ports is None or port in suspects.ports
