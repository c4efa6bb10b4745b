"""Sources that are narrow each and too wide together, case by case."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest

from cachegate.planning.judge import judge
from tests.unit.planning.ingress import POLICY, entries, judged, rule, rules

# Name, the rules of one group, those that must go.
UNIONS: list[tuple[str, list[str], set[str]]] = [
    (
        "two /1 are wide each, so neither is a union",
        ["tcp 6379 0.0.0.0/1", "tcp 6379 128.0.0.0/1"],
        set(),
    ),
    (
        "four /2 are wide each too, and one /9 beside them is not",
        [f"tcp 6379 {net}" for net in ("0.0.0.0/2", "64.0.0.0/2", "128.0.0.0/2", "13.0.0.0/9")],
        set(),
    ),
    (
        "two /9 reach the limit exactly: one must go, the lower",
        ["tcp 6379 14.0.0.0/9", "tcp 6379 13.0.0.0/9"],
        {"tcp 6379 13.0.0.0/9"},
    ),
    (
        "a /9 and a /10 stay below it",
        ["tcp 6379 13.0.0.0/9", "tcp 6379 14.0.0.0/10"],
        set(),
    ),
    (
        "the widest goes, and the offices stay",
        [f"tcp 6379 {net}" for net in ("14.0.0.0/10", "13.0.0.0/9", "16.0.0.0/10", "8.8.8.8/32")],
        {"tcp 6379 13.0.0.0/9"},
    ),
    (
        "an office beside the world is not its companion",
        ["tcp 6379 0.0.0.0/0", "tcp 6379 203.0.114.5/32", "tcp 6379 13.0.0.0/9"],
        set(),
    ),
    (
        "an office beside wide sources is not their companion",
        ["tcp 6379 13.0.0.0/8", "tcp 6379 203.0.114.5/32"],
        set(),
    ),
    (
        "overlaps count once: a network inside another adds nothing",
        ["tcp 6379 13.0.0.0/9", "tcp 6379 13.0.0.0/9", "tcp 6379 13.64.0.0/10"],
        set(),
    ),
    (
        "a network whose halves must stay anyway need not go",
        [f"tcp 6379 {net}" for net in ("13.0.0.0/9", "13.0.0.0/10", "13.64.0.0/10", "14.0.0.0/9")],
        {"tcp 6379 14.0.0.0/9"},
    ),
    (
        "spilling sources count, private space in them too",
        ["tcp 6379 100.0.0.0/9", "tcp 6379 13.0.0.0/9"],
        {"tcp 6379 13.0.0.0/9"},
    ),
    (
        "private sources do not count",
        ["tcp 6379 10.0.0.0/8", "tcp 6379 13.0.0.0/9", "tcp 6379 100.64.0.0/10"],
        set(),
    ),
    (
        "sources of different protected ports do not add up",
        ["tcp 6379 13.0.0.0/9", "tcp 11211 14.0.0.0/9"],
        set(),
    ),
    (
        "sources that share one port add up, whatever else they reach",
        ["tcp 6379-6380 13.0.0.0/9", "tcp 6380-11211 14.0.0.0/9"],
        {"tcp 6379-6380 13.0.0.0/9"},
    ),
    (
        "of equal widths the one that reaches more ports goes, and saves the others",
        ["tcp 6379 13.0.0.0/9", "tcp 11211 14.0.0.0/9", "-1 15.0.0.0/9"],
        {"-1 15.0.0.0/9"},
    ),
    (
        "those that reach none add up among themselves",
        ["tcp 443 13.0.0.0/9", "udp 6379 14.0.0.0/9"],
        {"tcp 443 13.0.0.0/9"},
    ),
    (
        "those that reach none do not add to those that do",
        ["tcp 443 13.0.0.0/9", "tcp 6379 14.0.0.0/9"],
        set(),
    ),
    (
        "the families have a space each",
        ["tcp 6379 13.0.0.0/9", "tcp 6379 2600::/33"],
        set(),
    ),
    (
        "two IPv6 /33 reach the limit exactly",
        ["tcp 6379 2600::/33", "tcp 6379 2600:1::/33"],
        {"tcp 6379 2600::/33"},
    ),
    (
        "mapped and 6to4 networks count as IPv4",
        ["tcp 6379 ::ffff:13.0.0.0/105", "tcp 6379 2002:e00::/25"],
        {"tcp 6379 ::ffff:13.0.0.0/105"},
    ),
]  # fmt: skip


@pytest.mark.parametrize(
    ("texts", "gone"), [case[1:] for case in UNIONS], ids=[case[0] for case in UNIONS]
)
def test_those_of_a_union_go_that_must(texts: list[str], gone: set[str]) -> None:
    named = {
        text
        for text, judgement in zip(texts, judged(texts), strict=True)
        if judgement.source_class == "union"
    }

    assert named == gone


def test_sixty_networks_of_one_ninth_bit_are_cut_down_to_one() -> None:
    judgements = judged([f"tcp 6379 {first}.0.0.0/9" for first in range(11, 71)])

    assert [judgement.source_class for judgement in judgements] == ["union"] * 59 + ["public"]
    assert {judgement.verdict for judgement in judgements[:59]} == {"revoke"}


def test_a_union_on_other_ports_is_only_reported() -> None:
    judgements = judged(["tcp 443 13.0.0.0/9", "tcp 443 14.0.0.0/9"])

    assert [judgement.verdict for judgement in judgements] == ["report", "allow"]


def test_entries_of_a_prefix_list_count_with_the_other_sources() -> None:
    listed = rule("tcp 6379", entries("13.0.0.0/10 13.64.0.0/10 10.0.0.0/8"))

    judgements = judge([listed, rule("tcp 6379 14.0.0.0/9")], POLICY)

    assert [judgement.source_class for judgement in judgements] == ["union", "public"]


def test_groups_do_not_add_up() -> None:
    both = [*rules(["tcp 6379 13.0.0.0/9"], "sg-1"), *rules(["tcp 6379 14.0.0.0/9"], "sg-2")]

    assert {judgement.source_class for judgement in judge(both, POLICY)} == {"public"}


def test_groups_may_be_mixed_and_keep_their_order() -> None:
    mixed = [
        rule("tcp 6379 13.0.0.0/9", number=1, group="sg-1"),
        rule("tcp 6379 sg-9", number=2, group="sg-2"),
        rule("tcp 6379 14.0.0.0/9", number=3, group="sg-1"),
    ]

    judgements = judge(mixed, POLICY)

    assert [judgement.rule for judgement in judgements] == mixed
    assert [judgement.source_class for judgement in judgements] == ["union", "group", "public"]


def test_all_ports_but_the_protected_one_reach_nothing() -> None:
    policy = replace(POLICY, protected=frozenset({6379}))

    judgements = judged(["tcp 0-6378 0.0.0.0/0", "tcp 6380-65535 0.0.0.0/0"], policy)

    assert [(each.reached, each.verdict) for each in judgements] == [((), "report")] * 2


def test_the_knobs_decide() -> None:
    strict = replace(
        POLICY,
        wide_ipv4=16,
        wide_ipv6=48,
        union_ipv4=Fraction(1, 2**16),
        union_ipv6=Fraction(1, 2**48),
        protected=frozenset({443}),
    )
    texts = [
        "tcp 443 13.0.0.0/16",
        "tcp 443 2600::/48",
        "tcp 443 14.0.0.0/17",
        "tcp 443 15.0.0.0/17",
        "tcp 443 2601::/49",
        "tcp 443 2602::/49",
        "tcp 6379 0.0.0.0/0",
    ]

    found = [(each.source_class.value, each.verdict.value) for each in judged(texts, strict)]

    assert found == [
        ("wide", "revoke"),
        ("wide", "revoke"),
        ("union", "revoke"),
        ("public", "allow"),
        ("union", "revoke"),
        ("public", "allow"),
        ("world", "report"),
    ]


TOO_MUCH = "and 1/256 is too much: the widest must go until the rest is less"
REASONS = [
    (["tcp 22 0.0.0.0/0"], "0.0.0.0/0 admits every IPv4 address"),
    (["tcp 22 2000::/3"], "2000::/3 admits 1/8 of all IPv6 addresses"),
    (["tcp 22 172.0.0.0/11"],
     "172.0.0.0/11 holds private space and public addresses beside it, perhaps by mistake"),
    (["tcp 22 10.0.0.0/8"], "10.0.0.0/8 holds no address that the Internet reaches"),
    (["tcp 22 sg-9"], "sg-9 admits its members by their private addresses only"),
    (["tcp 22 pl-9"], "pl-9 has entries that are not known here, and the unknown is not safe"),
    (["tcp 22 8.8.8.8/32"], "8.8.8.8/32 is public, and narrow enough"),
    (["tcp 22 13.0.0.0/9", "tcp 22 14.0.0.0/9"],
     f"13.0.0.0/9 together with 14.0.0.0/9 admits 1/256 of all IPv4 addresses, {TOO_MUCH}"),
    ([f"tcp 22 {first}.0.0.0/9" for first in range(13, 21)],
     ("13.0.0.0/9 together with 14.0.0.0/9, 15.0.0.0/9, 16.0.0.0/9 and 4 more "
      f"admits 1/64 of all IPv4 addresses, {TOO_MUCH}")),
]  # fmt: skip
PORTS = [
    ("tcp 6379", "tcp 6379 reaches the protected port 6379"),
    ("tcp 6000-7000", "tcp 6000-7000 reaches the protected ports 6379-6380"),
    ("-1", "every protocol and port reaches the protected ports 6379-6380, 11211"),
    ("tcp 0-65535", "every tcp port reaches the protected ports 6379-6380, 11211"),
    ("udp", "every udp port reaches no protected port"),
    ("icmp 8-0", "icmp reaches no protected port"),
    ("47", "protocol 47 reaches no protected port"),
]


@pytest.mark.parametrize(("texts", "why"), REASONS, ids=[case[0][0] for case in REASONS])
def test_a_reason_says_how_wide_a_source_is_and_with_whom(texts: list[str], why: str) -> None:
    assert judged(texts)[0].reason == f"{why}; tcp 22 reaches no protected port"


@pytest.mark.parametrize(("traffic", "end"), PORTS, ids=[case[0] for case in PORTS])
def test_a_reason_says_which_protected_ports_are_reached(traffic: str, end: str) -> None:
    assert judged([f"{traffic} sg-9"])[0].reason.endswith(f"private addresses only; {end}")


def test_reasons_of_prefix_lists_name_the_list_and_the_entry() -> None:
    sources = [
        entries("10.0.0.0/8 0.0.0.0/0"),
        entries("0.0.0.0/1 128.0.0.0/1"),
        entries(""),
        entries("13.0.0.0/9 14.0.0.0/9"),
        replace(entries("13.0.0.0/8"), aws_name="com.amazonaws.x"),
    ]

    found = [judge([rule("tcp 22", source)], POLICY)[0].reason for source in sources]

    end = "; tcp 22 reaches no protected port"
    assert found == [
        f"0.0.0.0/0 in pl-1 admits every IPv4 address{end}",
        f"0.0.0.0/1 in pl-1 admits 1/2 of all IPv4 addresses{end}",
        f"pl-1 is empty and admits nobody{end}",
        f"pl-1 admits 1/256 of all IPv4 addresses, {TOO_MUCH}{end}",
        f"pl-1 is AWS's own list com.amazonaws.x, which is not among those allowed{end}",
    ]
