"""Whether what clients say to a cache can be read on its way, and who may speak with it. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cachegate.domain.cache import CacheKind
from cachegate.domain.ledger import Ledger
from cachegate.planning.text import few

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cachegate.domain.cache import Cache
    from cachegate.domain.check import Check
    from cachegate.planning.checks.facts import Facts

NAMED = 3


def tls(facts: Facts) -> Iterator[Check]:
    """Check that each cache speaks TLS alone, or that a person has accepted that it does not."""
    withheld = facts.ledger.withheld if isinstance(facts.ledger, Ledger) else {}
    for cache in facts.caches:
        has = "TLS that clients may leave out" if cache.tls else "no TLS"
        has += ", but AUTH" if cache.auth else ", and no AUTH"
        if not cache.described:
            says = "AWS does not describe it now"
            yield facts.unknown("tls", cache.name, says, "cachegate doctor, in a minute")
        elif not cache.in_the_clear:
            yield facts.passed(
                "tls",
                cache.name,
                f"it speaks TLS alone, {'with' if cache.auth else 'without'} AUTH",
            )
        elif cache.name in withheld:
            says = f"it is not forwarded: {withheld[cache.name].reason}"
            yield facts.failed("tls", cache.name, says, _encrypt(cache))
        elif cache.plaintext_accepted:
            yield facts.passed("tls", cache.name, f"it has {has}, accepted by its tag")
        else:
            trusted = few(facts.terms.sources, NAMED) or "nobody, as yet"
            says = f"it has {has}: whoever is on the way from {trusted} can read along"
            yield facts.failed("tls", cache.name, says, _encrypt(cache))


def _encrypt(cache: Cache) -> str:
    """Return how a cache comes to speak TLS; only a group can be changed while it is in use.

    https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/in-transit-encryption-enable.html
    """
    if cache.kind is not CacheKind.REPLICATION_GROUP:
        return (
            "make it anew with --transit-encryption-enabled, or tag it cachegate:plaintext=accepted"
        )
    change = f"aws elasticache modify-replication-group --replication-group-id {cache.name}"
    if cache.tls:
        return f"{change} --transit-encryption-mode required --apply-immediately; if all use TLS"
    return (
        f"{change} --transit-encryption-enabled --transit-encryption-mode preferred "
        "--apply-immediately; move the clients to TLS, then the same with the mode required; "
        "Redis OSS below 7.0 has to be upgraded before"
    )
