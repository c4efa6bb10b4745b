"""Why an ingress rule got its class, in words for the person who has to answer for it."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from cachegate.domain.ingress import PrefixList, UnknownSource
from cachegate.domain.judgement import SourceClass
from cachegate.planning.address_space import span_of
from cachegate.planning.text import listing

if TYPE_CHECKING:
    from collections.abc import Collection

    from cachegate.domain.ingress import Network, Source

COMPANIONS = 3  # so many of those in a union are named, the others counted

_FAMILY = {32: "IPv4", 128: "IPv6"}
_ALONE = {
    SourceClass.GROUP: "admits its members by their private addresses only",
    SourceClass.UNREADABLE: "has entries that are not known here, and the unknown is not safe",
    SourceClass.PRIVATE: "holds no address that the Internet reaches",
    SourceClass.SPILL: "holds private space and public addresses beside it, perhaps by mistake",
    SourceClass.PUBLIC: "is public, and narrow enough",
}


def why_alone(source: Source, source_class: SourceClass, network: Network | None) -> str:
    """Say why a source has its class by itself; `network` is the one that decides it, if any."""
    if isinstance(source, UnknownSource):
        return f"{source}, and the unknown is not safe"
    if network is None:
        empty = source_class is SourceClass.PRIVATE
        return f"{source} {'is empty and admits nobody' if empty else _ALONE[source_class]}"
    subject = f"{network} in {source}" if isinstance(source, PrefixList) else str(network)
    if source_class in _ALONE:
        return f"{subject} {_ALONE[source_class]}"
    bits, first, last = span_of(network)
    return f"{subject} admits {_share(last - first + 1, bits)}"


def why_together(source: Source, crowd: Collection[str], width: int, limit: int, bits: int) -> str:
    """Say with whom a source is too wide: `crowd` names the union once each, widest first."""
    own = str(source)
    others = islice((name for name in crowd if name != own), COMPANIONS)
    more = len(crowd) - 1 - COMPANIONS
    company = f" together with {listing(others)}" if len(crowd) > 1 else ""
    return (
        f"{own}{company}{f' and {more} more' if more > 0 else ''} admits {_share(width, bits)}, "
        f"and 1/{_parts(limit, bits):,} is too much: the widest must go until the rest is less"
    )


def why_by_name(source: PrefixList, *, allowed: bool) -> str:
    """Say how a prefix list of AWS's own was decided."""
    verb = "is" if allowed else "is not"
    return f"{source} is AWS's own list {source.aws_name}, which {verb} among those allowed"


def _share(width: int, bits: int) -> str:
    """Write a number of addresses as a part of their space."""
    parts = _parts(width, bits)
    if parts == 1:
        return f"every {_FAMILY[bits]} address"
    return f"1/{parts:,} of all {_FAMILY[bits]} addresses"


def _parts(width: int, bits: int) -> int:
    return (1 << bits) // width
