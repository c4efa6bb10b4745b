"""Which space the Internet does not reach, against IANA's rule that the narrowest row decides."""

from __future__ import annotations

from ipaddress import ip_network
from random import Random

import pytest

from cachegate.planning.address_space import Reach, Span, private_part, span_of

# Every row of the two registries, and multicast, but for those judged by their IPv4 part.
ROWS = {
    "0.0.0.0/0": True, "0.0.0.0/8": False, "0.0.0.0/32": False, "10.0.0.0/8": False,
    "100.64.0.0/10": False, "127.0.0.0/8": False, "169.254.0.0/16": False,
    "172.16.0.0/12": False, "192.0.0.0/24": False, "192.0.0.0/29": False,
    "192.0.0.8/32": False, "192.0.0.9/32": True, "192.0.0.10/32": True,
    "192.0.0.170/32": False, "192.0.0.171/32": False, "192.0.2.0/24": False,
    "192.31.196.0/24": True, "192.52.193.0/24": True, "192.88.99.0/24": False,
    "192.88.99.2/32": False, "192.168.0.0/16": False, "192.175.48.0/24": True,
    "198.18.0.0/15": False, "198.51.100.0/24": False, "203.0.113.0/24": False,
    "224.0.0.0/4": False, "240.0.0.0/4": False, "255.255.255.255/32": False,
    "::/0": True, "::1/128": False, "::/128": False, "64:ff9b::/96": True,
    "64:ff9b:1::/48": False, "100::/64": False, "100:0:0:1::/64": False, "2001::/23": False,
    "2001::/32": False, "2001:1::1/128": True, "2001:1::2/128": True, "2001:1::3/128": True,
    "2001:2::/48": False, "2001:3::/32": True, "2001:4:112::/48": True, "2001:10::/28": False,
    "2001:20::/28": True, "2001:30::/28": True, "2001:db8::/32": False,
    "2620:4f:8000::/48": True, "3fff::/20": False, "5f00::/16": False, "fc00::/7": False,
    "fe80::/10": False, "ff00::/8": False,
}  # fmt: skip
# Of each address space: first and last address, and whether they are reachable.
NETWORKS = {
    bits: [
        (int(network[0]), int(network[-1]), reachable)
        for text, reachable in ROWS.items()
        if (network := ip_network(text)).max_prefixlen == bits
    ]
    for bits in (32, 128)
}
EDGES = {bits: [edge for row in rows for edge in row[:2]] for bits, rows in NETWORKS.items()}


def reachable(bits: int, address: int) -> bool:
    """The answer of the narrowest row that holds an address."""
    holders = [row for row in NETWORKS[bits] if row[0] <= address <= row[1]]
    return min(holders, key=lambda row: row[1] - row[0])[2]


@pytest.mark.parametrize("bits", [32, 128])
def test_every_address_at_an_edge_of_a_row_is_what_the_narrowest_row_says(bits: int) -> None:
    edges = {edge + beside for edge in EDGES[bits] for beside in (-1, 0, 1)}
    for address in sorted(edges):
        if 0 <= address < 2**bits and not _mapped(bits, address):
            found = private_part(Span(bits, address, address))
            assert (found is Reach.NONE) == reachable(bits, address), hex(address)


@pytest.mark.parametrize("bits", [32, 128])
def test_a_span_is_wholly_private_only_where_every_edge_inside_it_is(bits: int) -> None:
    chance = Random(7)  # noqa: S311
    edges = EDGES[bits]
    for _ in range(1000):
        middle, reach = chance.choice(edges), 1 << chance.randrange(bits)
        first, last = max(0, middle - chance.randrange(reach)), min(2**bits - 1, middle + reach)
        if any(_mapped(bits, address) for address in (first, last)):
            continue
        inside = [e for e in edges if first <= e <= last]
        beside = [e + 1 for e in inside if e < last] + [e - 1 for e in inside if e > first]
        answers = {reachable(bits, address) for address in (first, last, *inside, *beside)}
        some = Reach.SOME if len(answers) > 1 else None
        expected = some or (Reach.NONE if answers == {True} else Reach.ALL)
        assert private_part(Span(bits, first, last)) is expected, (hex(first), hex(last))


@pytest.mark.parametrize(
    ("network", "stands_for"),
    [
        ("::ffff:10.0.0.0/104", "10.0.0.0/8"),
        ("::ffff:0:0/96", "0.0.0.0/0"),
        ("::ffff:1.2.3.4/128", "1.2.3.4/32"),
        ("2002::/16", "0.0.0.0/0"),
        ("2002:a00::/24", "10.0.0.0/8"),
        ("2002:102:304::/48", "1.2.3.4/32"),
        ("2002:102:304:5::/64", "1.2.3.4/32"),
        ("2002:102:304:5::6/128", "1.2.3.4/32"),
    ],
)
def test_mapped_and_6to4_networks_stand_for_their_ipv4_part(network: str, stands_for: str) -> None:
    assert span_of(ip_network(network)) == span_of(ip_network(stands_for))


@pytest.mark.parametrize("network", ["2000::/15", "::/95", "2003::/16", "::fffe:0:0/96"])
def test_other_ipv6_networks_stand_for_themselves(network: str) -> None:
    assert span_of(ip_network(network)).bits == 128


def _mapped(bits: int, address: int) -> bool:
    return bits == 128 and address >> 32 == 0xFFFF
