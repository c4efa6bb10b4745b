"""One row a case: every shape of rule at which the tools of the field fail, and then some."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from cachegate.domain.ingress import GroupReference, PrefixList
from cachegate.planning.judge import judge
from tests.unit.planning.ingress import POLICY, entries, judged, network, rule

if TYPE_CHECKING:
    from cachegate.domain.ingress import Source

# Name, rule, class, verdict.
RULES = [
    # The whole Internet, in every spelling of protocol and port
    ("the world", "tcp 6379 0.0.0.0/0", "world", "revoke"),
    ("the world by IPv6", "tcp 6379 ::/0", "world", "revoke"),
    ("a range that merely contains the port", "tcp 6000-7000 0.0.0.0/0", "world", "revoke"),
    ("a range that begins at the port", "tcp 11211-11300 0.0.0.0/0", "world", "revoke"),
    ("a range that ends at the port", "tcp 6000-6379 0.0.0.0/0", "world", "revoke"),
    ("a range that ends just below", "tcp 0-6378 0.0.0.0/0", "world", "report"),
    ("a range between the ports", "tcp 6381-11210 0.0.0.0/0", "world", "report"),
    ("ports 1-65535", "tcp 1-65535 0.0.0.0/0", "world", "revoke"),
    ("ports 0-65534", "tcp 0-65534 0.0.0.0/0", "world", "revoke"),
    ("ports 6380-65535, beside 6379", "tcp 6380-65535 0.0.0.0/0", "world", "revoke"),
    ("every protocol", "-1 0.0.0.0/0", "world", "revoke"),
    ("every protocol with ports that mean nothing", "-1 22-22 0.0.0.0/0", "world", "revoke"),
    ("every protocol, by name", "ALL 0.0.0.0/0", "world", "revoke"),
    ("tcp as a number", "6 6379 0.0.0.0/0", "world", "revoke"),
    ("tcp in capitals", "TCP 6379 0.0.0.0/0", "world", "revoke"),
    ("tcp without bounds", "tcp 0.0.0.0/0", "world", "revoke"),
    ("udp to Memcached's port", "udp 11211 0.0.0.0/0", "world", "report"),
    ("udp as a number", "17 6379 0.0.0.0/0", "world", "report"),
    ("icmp", "icmp 0.0.0.0/0", "world", "report"),
    ("an icmp type that looks like a port range", "icmp 0-7000 0.0.0.0/0", "world", "report"),
    ("icmpv6 as a number", "58 ::/0", "world", "report"),
    ("GRE, which has no ports", "47 6379-6379 0.0.0.0/0", "world", "report"),
    ("ESP by name", "esp 0.0.0.0/0", "world", "report"),
    ("a web server's port", "tcp 443 0.0.0.0/0", "world", "report"),
    # Non-canonical spellings
    ("the world with host bits", "tcp 6379 1.0.0.0/0", "world", "revoke"),
    ("the world by IPv6, in full", "tcp 6379 0:0:0:0:0:0:0:0/0", "world", "revoke"),
    ("every IPv4 address, mapped", "tcp 6379 ::ffff:0:0/96", "world", "revoke"),
    ("every IPv4 address, dotted", "tcp 6379 ::ffff:0.0.0.0/96", "world", "revoke"),
    ("every IPv4 address by 6to4", "tcp 6379 2002::/16", "world", "revoke"),
    ("host bits in a private network", "tcp 6379 10.1.2.3/8", "private", "allow"),
    # Too wide by itself
    ("half the world", "tcp 6379 0.0.0.0/1", "wide", "revoke"),
    ("the other half", "tcp 6379 128.0.0.0/1", "wide", "revoke"),
    ("a quarter", "tcp 6379 64.0.0.0/2", "wide", "revoke"),
    ("a public /8", "tcp 6379 13.0.0.0/8", "wide", "revoke"),
    ("a public /9 alone", "tcp 6379 13.0.0.0/9", "public", "allow"),
    ("10.0.0.0/7 spills, and is wide", "tcp 6379 10.0.0.0/7", "wide", "revoke"),
    ("all global unicast IPv6", "tcp 6379 2000::/3", "wide", "revoke"),
    ("an IPv6 /32", "tcp 6379 2600::/32", "wide", "revoke"),
    ("an IPv6 /33", "tcp 6379 2600::/33", "public", "allow"),
    ("a mapped /8", "tcp 6379 ::ffff:13.0.0.0/104", "wide", "revoke"),
    ("a mapped /9", "tcp 6379 ::ffff:13.0.0.0/105", "public", "allow"),
    ("a 6to4 /8", "tcp 6379 2002:d00::/24", "wide", "revoke"),
    ("a 6to4 /16: no IPv6 /32", "tcp 6379 2002:d0d::/32", "public", "allow"),
    ("wide to another port", "tcp 22 13.0.0.0/8", "wide", "report"),
    # Private space, and what Python's own properties say wrongly of it
    ("10/8", "tcp 6379 10.0.0.0/8", "private", "allow"),
    ("172.16/12", "tcp 6379 172.16.0.0/12", "private", "allow"),
    ("192.168/16", "tcp 6379 192.168.0.0/16", "private", "allow"),
    ("carriers' space", "tcp 6379 100.64.0.0/10", "private", "allow"),
    ("benchmarking space", "tcp 6379 198.18.0.0/15", "private", "allow"),
    ("reserved space", "tcp 6379 240.0.0.0/4", "private", "allow"),
    ("multicast", "tcp 6379 224.0.0.0/4", "private", "allow"),
    ("multicast and reserved together", "tcp 6379 224.0.0.0/3", "private", "allow"),
    ("loopback", "tcp 6379 127.0.0.0/8", "private", "allow"),
    ("link local", "tcp 6379 169.254.0.0/16", "private", "allow"),
    ("documentation", "tcp 6379 203.0.113.0/24", "private", "allow"),
    ("this network", "tcp 6379 0.0.0.0/8", "private", "allow"),
    ("deprecated relays", "tcp 6379 192.88.99.0/24", "private", "allow"),
    ("unique local", "tcp 6379 fc00::/7", "private", "allow"),
    ("link local by IPv6", "tcp 6379 fe80::/10", "private", "allow"),
    ("multicast by IPv6", "tcp 6379 ff00::/8", "private", "allow"),
    ("documentation by IPv6", "tcp 6379 2001:db8::/32", "private", "allow"),
    ("new documentation by IPv6", "tcp 6379 3fff::/20", "private", "allow"),
    ("segment routing", "tcp 6379 5f00::/16", "private", "allow"),
    ("10/8, mapped", "tcp 6379 ::ffff:10.0.0.0/104", "private", "allow"),
    ("10/8 by 6to4", "tcp 6379 2002:a00::/24", "private", "allow"),
    ("one private host by 6to4", "tcp 6379 2002:a01:203:4::/64", "private", "allow"),
    ("one public host by 6to4", "tcp 6379 2002:808:808:4::/64", "public", "allow"),
    ("an anycast hole in private space", "tcp 6379 192.0.0.9/32", "public", "allow"),
    ("the block around that hole", "tcp 6379 192.0.0.0/24", "spill", "report"),
    ("ORCHIDv2, a hole in IPv6", "tcp 6379 2001:20::/28", "wide", "revoke"),
    ("AS112, a narrow hole in IPv6", "tcp 6379 2001:4:112::/48", "public", "allow"),
    # Private space and more
    ("172.16/11", "tcp 6379 172.16.0.0/11", "spill", "report"),
    ("192.168/15", "tcp 6379 192.168.0.0/15", "spill", "report"),
    ("100.64/9", "tcp 6379 100.64.0.0/9", "spill", "report"),
    ("198.18/14", "tcp 6379 198.18.0.0/14", "spill", "report"),
    ("more than all mapped addresses", "tcp 6379 ::/80", "spill", "report"),
    ("172.16/11, mapped", "tcp 6379 ::ffff:172.16.0.0/107", "spill", "report"),
    # Narrow
    ("an office", "tcp 6379 203.0.114.5/32", "public", "allow"),
    ("an office by IPv6", "tcp 6379 2600:1f14::/48", "public", "allow"),
    # No addresses of their own
    ("a group", "tcp 6379 sg-9", "group", "allow"),
    ("the default group's own reference", "-1 sg-1", "group", "allow"),
    ("a prefix list that nobody opened", "tcp 6379 pl-9", "unreadable", "report"),
    ("the same, to another port", "tcp 443 pl-9", "unreadable", "report"),
]  # fmt: skip

# Name, source, class, verdict for tcp 6379.
LISTS = [
    ("public entries", entries("203.0.114.0/24 2600::/48"), "public", "allow"),
    ("the world in an entry", entries("10.0.0.0/8 0.0.0.0/0"), "world", "revoke"),
    ("the IPv6 world in an entry", entries("::/0"), "world", "revoke"),
    ("a wide entry", entries("10.0.0.0/8 13.0.0.0/8"), "wide", "revoke"),
    ("entries that add up", entries("13.0.0.0/9 14.0.0.0/9"), "union", "revoke"),
    ("private entries only", entries("10.0.0.0/8 fc00::/7"), "private", "allow"),
    ("private space does not add up", entries("10.0.0.0/8 13.0.0.0/9"), "public", "allow"),
    ("an entry that spills", entries("172.16.0.0/11"), "spill", "report"),
    ("no entries", entries(""), "private", "allow"),
    ("not readable", PrefixList(list_id="pl-1"), "unreadable", "report"),
    (
        "AWS's own",
        PrefixList(list_id="pl-1", entries=(network("13.0.0.0/8"),), aws_name="com.amazonaws.x"),
        "wide",
        "report",
    ),
    (
        "AWS's own does not add up",
        PrefixList(
            list_id="pl-1",
            entries=(network("13.0.0.0/9"), network("14.0.0.0/9")),
            aws_name="com.amazonaws.x",
        ),
        "public",
        "report",
    ),
    (
        "AWS's own, allowed",
        PrefixList(list_id="pl-1", entries=(network("13.0.0.0/8"),), aws_name="com.amazonaws.ok"),
        "wide",
        "allow",
    ),
    (
        "AWS's own, allowed but not read",
        PrefixList(list_id="pl-1", aws_name="com.amazonaws.ok"),
        "unreadable",
        "allow",
    ),
    ("a group's own reference", GroupReference("sg-1"), "group", "allow"),
]


@pytest.mark.parametrize(
    ("text", "source_class", "verdict"),
    [case[1:] for case in RULES],
    ids=[case[0] for case in RULES],
)
def test_each_shape_of_rule_gets_its_class_and_verdict(
    text: str, source_class: str, verdict: str
) -> None:
    (judgement,) = judged([text])

    assert (judgement.source_class, judgement.verdict) == (source_class, verdict)


@pytest.mark.parametrize(
    ("source", "source_class", "verdict"),
    [case[1:] for case in LISTS],
    ids=[case[0] for case in LISTS],
)
def test_each_source_that_has_no_network_of_its_own(
    source: Source, source_class: str, verdict: str
) -> None:
    policy = replace(POLICY, aws_lists=frozenset({"com.amazonaws.ok"}))

    (judgement,) = judge([rule("tcp 6379", source)], policy)

    assert (judgement.source_class, judgement.verdict) == (source_class, verdict)
