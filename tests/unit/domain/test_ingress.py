"""Ingress rules that cannot be are not built, and every spelling of one is the same value."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest

from cachegate.domain.ingress import (
    GroupReference,
    IngressRule,
    PrefixList,
    ipv4_network,
    ipv6_network,
)
from cachegate.domain.judgement import IngressPolicy
from cachegate.domain.traffic import Traffic, protocol_number
from cachegate.errors import CachegateError, ConfigurationError, InvalidRuleError

SPELLINGS = [
    (("tcp", 6379, 6380), Traffic(6, 6379, 6380)),
    (("TCP", 6379, 6379), Traffic(6, 6379, 6379)),
    (("6", 6379, 6379), Traffic(6, 6379, 6379)),
    (("006", 6379, 6379), Traffic(6, 6379, 6379)),
    ((17, None, None), Traffic(17, 0, 65535)),
    (("tcp", -1, -1), Traffic(6, 0, 65535)),
    (("tcp", None, 6379), Traffic(6, 0, 6379)),
    (("tcp", 6379, None), Traffic(6, 6379, 65535)),
    (("-1", 22, 22), Traffic(-1)),
    ((-1, None, None), Traffic(-1)),
    (("All", 0, 0), Traffic(-1)),
    (("icmp", 8, 0), Traffic(1)),
    (("icmpv6", -1, -1), Traffic(58)),
    (("IPv6-ICMP", None, None), Traffic(58)),
    (("esp", None, None), Traffic(50)),
    (("47", 6379, 6379), Traffic(47)),
    (("0", None, None), Traffic(0)),
]


@pytest.mark.parametrize(("written", "traffic"), SPELLINGS, ids=[str(s[0]) for s in SPELLINGS])
def test_every_spelling_of_protocol_and_ports(written: tuple[Any, ...], traffic: Traffic) -> None:
    assert Traffic.of(*written) == traffic


@pytest.mark.parametrize(
    ("number", "name"),
    [(6, "tcp"), (17, "udp"), (1, "icmp"), (58, "icmpv6"), (-1, "-1"), (47, "47")],
)
def test_a_protocol_is_written_as_ec2_writes_it(number: int, name: str) -> None:
    traffic = Traffic.of(number, None, None)

    assert traffic.protocol_name == name


@pytest.mark.parametrize(
    "protocol", ["", "tpc", "256", "-2", "1.0", "\u0666", " tcp", "1e1", "9" * 5000]
)
def test_there_are_no_other_protocols(protocol: str) -> None:
    with pytest.raises(InvalidRuleError, match="no protocol"):
        Traffic(protocol_number(protocol))


@pytest.mark.parametrize(
    "fields",
    [(6, None, None), (6, 1, None), (6, 2, 1), (6, -1, 5), (17, 0, 65536), (1, 8, 0), (-1, 1, 2)],
)
def test_traffic_that_cannot_be_is_not_built(fields: tuple[Any, ...]) -> None:
    with pytest.raises(InvalidRuleError):
        Traffic(*fields)


@pytest.mark.parametrize(
    ("text", "masked"),
    [("1.0.0.0/0", "0.0.0.0/0"), ("10.1.2.3/8", "10.0.0.0/8"), ("8.8.8.8/32", "8.8.8.8/32")],
)
def test_host_bits_are_masked(text: str, masked: str) -> None:
    assert str(ipv4_network(text)) == masked


def test_host_bits_of_ipv6_are_masked() -> None:
    assert str(ipv6_network("2001:DB8::1/32")) == "2001:db8::/32"


@pytest.mark.parametrize(
    "text",
    ["", "0.0.0.0", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/255.0.0.0", "10.0.0.0/+8", "010.0.0.0/8",
     "10.0.0/8", "::/0", " 10.0.0.0/8", "10.0.0.0/8\n", "\u0661.0.0.0/8"],
)  # fmt: skip
def test_what_is_no_ipv4_block_is_refused(text: str) -> None:
    with pytest.raises(InvalidRuleError, match="no IPv4 CIDR block"):
        ipv4_network(text)


@pytest.mark.parametrize("text", ["", "::", "::/129", "fe80::%eth0/64", "0.0.0.0/0", ":::/0"])
def test_what_is_no_ipv6_block_is_refused(text: str) -> None:
    with pytest.raises(InvalidRuleError, match="no IPv6 CIDR block"):
        ipv6_network(text)


def test_nothing_goes_without_an_id() -> None:
    for build in (
        lambda: PrefixList(list_id=""),
        lambda: GroupReference(""),
        lambda: IngressRule(
            rule_id="", group_id=None, traffic=Traffic(-1), source=GroupReference("sg-1")
        ),
    ):
        with pytest.raises(CachegateError):
            build()


@pytest.mark.parametrize(
    "fields",
    [
        {"protected": frozenset()},
        {"protected": frozenset({0})},
        {"protected": frozenset({65536})},
        {"wide_ipv4": 33},
        {"wide_ipv6": -1},
        {"union_ipv4": Fraction(0)},
        {"union_ipv6": Fraction(2)},
    ],
)
def test_a_policy_that_means_nothing_is_not_built(fields: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        IngressPolicy(**fields)
