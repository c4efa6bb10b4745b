"""The space that the Internet does not reach, from IANA's special-purpose registries.

https://www.iana.org/assignments/iana-ipv4-special-registry/iana-ipv4-special-registry.xhtml
https://www.iana.org/assignments/iana-ipv6-special-registry/iana-ipv6-special-registry.xhtml
Rows as of 2026-07-18. Python's own `is_private` and `is_global` answer for the two ends of a
network only, know no multicast, and differ from version to version.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from enum import Enum, auto
from ipaddress import IPv4Network, IPv6Network
from typing import TYPE_CHECKING, NamedTuple

from cachegate.planning.coverage import disjoint

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cachegate.domain.ingress import Network

# Globally reachable: False, N/A, or blank where a row was terminated.
_NOT_REACHABLE_IPV4 = (
    "0.0.0.0/8",  # this network
    "10.0.0.0/8",  # private use
    "100.64.0.0/10",  # shared address space, of carriers
    "127.0.0.0/8",  # loopback
    "169.254.0.0/16",  # link local
    "172.16.0.0/12",  # private use
    "192.0.0.0/24",  # IETF protocol assignments, with the smaller ones inside
    "192.0.2.0/24",  # documentation
    "192.88.99.0/24",  # 6to4 relay anycast, terminated, with 6a44 relay anycast inside
    "192.168.0.0/16",  # private use
    "198.18.0.0/15",  # benchmarking
    "198.51.100.0/24",  # documentation
    "203.0.113.0/24",  # documentation
    "240.0.0.0/4",  # reserved, with limited broadcast inside
)
_NOT_REACHABLE_IPV6 = (
    "::/128",  # unspecified
    "::1/128",  # loopback
    "::ffff:0:0/96",  # IPv4-mapped; a network inside is judged by its IPv4 part
    "64:ff9b:1::/48",  # local-use IPv4/IPv6 translation
    "100::/64",  # discard only
    "100:0:0:1::/64",  # dummy prefix
    "2001::/23",  # IETF protocol assignments, with Teredo, ORCHID and benchmarking inside
    "2001:db8::/32",  # documentation
    "3fff::/20",  # documentation
    "5f00::/16",  # segment routing identifiers
    "fc00::/7",  # unique local
    "fe80::/10",  # link local
)  # 2002::/16, 6to4, is N/A: a network inside is judged by its IPv4 part

# Globally reachable: True, inside a block above. The other such rows change nothing.
_REACHABLE_INSIDE_IPV4 = (
    "192.0.0.9/32",  # port control protocol anycast
    "192.0.0.10/32",  # TURN anycast
)
_REACHABLE_INSIDE_IPV6 = (
    "2001:1::1/128",  # port control protocol anycast
    "2001:1::2/128",  # TURN anycast
    "2001:1::3/128",  # DNS-SD service registration anycast
    "2001:3::/32",  # AMT
    "2001:4:112::/48",  # AS112
    "2001:20::/28",  # ORCHIDv2
    "2001:30::/28",  # drone remote identification
)

# Of other registries: no connection comes from a multicast address.
_MULTICAST_IPV4 = "224.0.0.0/4"
_MULTICAST_IPV6 = "ff00::/8"

_MAPPED = 0xFFFF  # the 96 bits before the IPv4 address in ::ffff:0:0/96
_SIX_TO_FOUR = 0x2002  # the 16 bits before the IPv4 address in 2002::/16


class Span(NamedTuple):
    """The addresses of one network as numbers, in the space of 2 to the power `bits`."""

    bits: int
    first: int
    last: int


class Reach(Enum):
    """How much of a span the Internet does not reach."""

    NONE = auto()
    SOME = auto()
    ALL = auto()


def span_of(network: Network) -> Span:
    """Return a network's addresses; those that stand for IPv4 addresses become these."""
    first = int(network.network_address)
    if network.version == 4:
        return Span(32, first, first + (1 << (32 - network.prefixlen)) - 1)
    if network.prefixlen >= 96 and first >> 32 == _MAPPED:
        return _ipv4(first & 0xFFFFFFFF, network.prefixlen - 96)
    if network.prefixlen >= 16 and first >> 112 == _SIX_TO_FOUR:
        return _ipv4(first >> 80 & 0xFFFFFFFF, min(network.prefixlen - 16, 32))
    return Span(128, first, first + (1 << (128 - network.prefixlen)) - 1)


def private_part(span: Span) -> Reach:
    """Tell how much of a span the Internet does not reach."""
    space = _PRIVATE[span.bits]
    place = bisect_left(space.lasts, span.first)
    if place == len(space.lasts) or space.firsts[place] > span.last:
        return Reach.NONE
    if space.firsts[place] <= span.first and span.last <= space.lasts[place]:
        return Reach.ALL
    return Reach.SOME


def _ipv4(first: int, length: int) -> Span:
    return Span(32, first, first + (1 << (32 - length)) - 1)


@dataclass(frozen=True, slots=True)
class _Space:
    """Disjoint runs of addresses in ascending order, none touching the next."""

    firsts: list[int]
    lasts: list[int]


def _space(blocks: Iterable[Network], holes: Iterable[Network]) -> _Space:
    runs = disjoint((int(block[0]), int(block[-1])) for block in blocks)
    for first, last in ((int(hole[0]), int(hole[-1])) for hole in holes):
        runs = [
            part
            for start, end in runs
            for part in ((start, min(end, first - 1)), (max(start, last + 1), end))
            if part[0] <= part[1]
        ]
    return _Space([first for first, _ in runs], [last for _, last in runs])


_PRIVATE = {
    32: _space(
        map(IPv4Network, (*_NOT_REACHABLE_IPV4, _MULTICAST_IPV4)),
        map(IPv4Network, _REACHABLE_INSIDE_IPV4),
    ),
    128: _space(
        map(IPv6Network, (*_NOT_REACHABLE_IPV6, _MULTICAST_IPV6)),
        map(IPv6Network, _REACHABLE_INSIDE_IPV6),
    ),
}
