"""Which class a source is in by itself, apart from the other sources of its group."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from cachegate.domain.ingress import GroupReference, PrefixList, UnknownSource
from cachegate.domain.judgement import SourceClass
from cachegate.planning.address_space import Reach, Span, private_part, span_of

if TYPE_CHECKING:
    from cachegate.domain.ingress import Network, Source
    from cachegate.domain.judgement import IngressPolicy

# A prefix list is what the worst of its entries is; an empty one admits nobody.
_WORST_FIRST = (
    SourceClass.WORLD,
    SourceClass.WIDE,
    SourceClass.SPILL,
    SourceClass.PUBLIC,
    SourceClass.PRIVATE,
)
_NARROW = frozenset({SourceClass.SPILL, SourceClass.PUBLIC})


class Seen(NamedTuple):
    """A source by itself.

    `network` is the one that decides the class: None for references, and for prefix lists that
    are unreadable or empty. `spans` is what the source brings into a union: its public and spill
    networks. A source that is too wide by itself brings none, nor does a list of AWS's own, which
    is decided by its name.
    """

    source_class: SourceClass
    network: Network | None = None
    spans: tuple[Span, ...] = ()


def see(source: Source, policy: IngressPolicy) -> Seen:
    """Classify one source."""
    if isinstance(source, PrefixList):
        return _see_list(source, policy)
    if isinstance(source, GroupReference):
        return Seen(SourceClass.GROUP)
    if isinstance(source, UnknownSource):
        return Seen(SourceClass.UNREADABLE)
    return _see_network(source, policy)


def _see_network(network: Network, policy: IngressPolicy) -> Seen:
    span = span_of(network)
    source_class = _class_of(span, policy)
    return Seen(source_class, network, (span,) if source_class in _NARROW else ())


def _see_list(source: PrefixList, policy: IngressPolicy) -> Seen:
    if source.entries is None:
        return Seen(SourceClass.UNREADABLE)
    entries = sorted(source.entries, key=lambda entry: (entry.prefixlen, str(entry)))
    seen = [_see_network(entry, policy) for entry in entries]
    for worst in _WORST_FIRST:
        deciding = next((entry.network for entry in seen if entry.source_class is worst), None)
        if deciding is not None:
            counted = worst in _NARROW and source.aws_name is None
            spans = tuple(span for entry in seen for span in entry.spans) if counted else ()
            return Seen(worst, deciding, spans)
    return Seen(SourceClass.PRIVATE)


def _class_of(span: Span, policy: IngressPolicy) -> SourceClass:
    length = span.bits + 1 - (span.last - span.first + 1).bit_length()
    if length == 0:
        return SourceClass.WORLD
    private = private_part(span)
    if private is Reach.ALL:
        return SourceClass.PRIVATE
    if length <= (policy.wide_ipv4 if span.bits == 32 else policy.wide_ipv6):
        return SourceClass.WIDE
    return SourceClass.SPILL if private is Reach.SOME else SourceClass.PUBLIC
