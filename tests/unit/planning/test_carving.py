"""What a carved rule opens again: all its ports but the caches', against counting them."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cachegate.domain.traffic import LAST_PORT, TCP, Traffic
from cachegate.planning.carving import beside, beside_in_words


@pytest.mark.parametrize(
    ("first", "last", "protected", "pieces"),
    [
        (6379, 6379, {6379}, ""),
        (6379, 6380, {6379, 6380}, ""),
        (6379, 6380, {6379}, "tcp 6380"),
        (6378, 6379, {6379}, "tcp 6378"),
        (6000, 7000, {6379, 6380}, "tcp 6000-6378, tcp 6381-7000"),
        (6378, 6381, {6379, 6380}, "tcp 6378, tcp 6381"),
        (0, 65535, {6379, 11211}, "tcp 0-6378, tcp 6380-11210, tcp 11212-65535"),
        (0, 65535, {1, 65535}, "tcp 0, tcp 2-65534"),
        (1, 65535, {65534}, "tcp 1-65533, tcp 65535"),
        (6000, 7000, {22, 6379, 9000}, "tcp 6000-6378, tcp 6380-7000"),
    ],
)
def test_the_ports_beside_the_protected_ones_are_kept(
    first: int, last: int, protected: set[int], pieces: str
) -> None:
    assert ", ".join(map(str, beside(Traffic(TCP, first, last), protected))) == pieces


@pytest.mark.parametrize(
    ("traffic", "words"),
    [
        (Traffic(TCP, 6379, 6380), ""),
        (Traffic(TCP, 443, 6379), "tcp 443-6378"),
        (Traffic.of("-1", None, None), "every other port and protocol"),
    ],
)
def test_what_goes_with_the_protected_ports_is_said(traffic: Traffic, words: str) -> None:
    assert beside_in_words(traffic, {6379, 6380}) == words


@pytest.mark.parametrize(
    ("traffic", "why"),
    [
        (Traffic.of("-1", None, None), "no set of rules admits what every protocol does"),
        (Traffic.of("udp", 0, 65535), "a cache's port is TCP"),
        (Traffic.of("icmp", 8, 0), "ICMP has no ports"),
    ],
)
def test_traffic_without_tcp_ports_leaves_nothing_to_carve(traffic: Traffic, why: str) -> None:
    assert beside(traffic, {6379}) == (), why


ports = st.integers(0, 40).map(lambda port: port if port < 35 else LAST_PORT - 40 + port)


@given(ports, ports, st.sets(ports))
def test_pieces_and_protected_ports_together_are_the_range_and_apart_from_each_other(
    one: int, other: int, protected: set[int]
) -> None:
    first, last = min(one, other), max(one, other)

    pieces = beside(Traffic(TCP, first, last), protected)

    edges = [(each.first or 0, each.last or 0) for each in pieces]
    kept = [port for start, end in edges for port in range(start, end + 1)]
    assert kept == [port for port in range(first, last + 1) if port not in protected]
    assert all(before + 1 < after for (_, before), (after, _) in pairwise(edges)), (
        "two pieces that touch are two rules where one does"
    )
