"""Caches that speak without TLS and AUTH are no forwards for wide sources.

Everything of such a cache is decided as for any other one, its listen ports too: only the rule set
leads them nowhere while a source is too wide. So nothing has to be found out anew, nor agreed on,
when the reason goes away.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from cachegate.domain.ledger import Withheld
from cachegate.domain.plan import Problem
from cachegate.planning.text import few

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cachegate.domain.ledger import Ledger
    from cachegate.domain.policy import Policy
    from cachegate.planning.sighting import Sighting

NAMED = 3  # so many of the sources that are too wide are named, the others counted


def withhold(ledger: Ledger, sighting: Sighting, policy: Policy) -> Ledger:
    """Return a planned ledger in which sources that are too wide reach no unprotected cache.

    `ledger` has this pass's leases and sources, and what earlier passes saw of the caches: where
    AWS does not answer for one now, that goes on to count.
    """
    unprotected = tuple(sorted(_unprotected(ledger, sighting)))
    wide = [source for source in ledger.sources if source.prefixlen < policy.widest_plaintext]
    withheld = {
        cache: Withheld(
            since=ledger.withheld[cache].since if cache in ledger.withheld else sighting.at,
            reason=(
                f"{cache} lets clients in without TLS and AUTH, and of the trusted sources "
                f"{few(wide, NAMED)} {'is' if len(wide) == 1 else 'are'} wider than "
                f"/{policy.widest_plaintext}: let the cache require TLS, narrow TrustedCidrs, "
                "or tag it cachegate:plaintext=accepted"
            ),
        )
        for cache in (unprotected if wide else ())
    }
    resumed = ledger.withheld.keys() - withheld.keys()
    leases = {
        key: replace(lease, changed_at=max(lease.changed_at, sighting.at))
        if lease.cache in resumed and lease.targets
        else lease
        for key, lease in ledger.leases.items()
    }
    return replace(ledger, leases=leases, unprotected=unprotected, withheld=withheld)


def _unprotected(ledger: Ledger, sighting: Sighting) -> Iterator[str]:
    """Yield the caches with living ports that are unprotected as far as is known."""
    seen = {cache.name for cache in sighting.caches if cache.unprotected}
    told = sighting.names - {cache.name for cache in sighting.caches if not cache.described}
    for cache in _living(ledger):
        if cache in seen or (cache in ledger.unprotected and cache not in told):
            yield cache


def _living(ledger: Ledger) -> set[str]:
    return {lease.cache for lease in ledger.leases.values() if lease.resting_since is None}


def plaintext_problems(ledger: Ledger, sighting: Sighting) -> Iterator[Problem]:
    """Tell of caches that are withheld, and warn of those that are forwarded in the clear."""
    for name, why in ledger.withheld.items():
        yield Problem(code="plaintext_withheld", cache=name, message=why.reason)
    forwarded = _living(ledger) - ledger.withheld.keys()
    for cache in sighting.caches:
        if cache.in_the_clear and not cache.plaintext_accepted and cache.name in forwarded:
            has = "has TLS that clients may leave out" if cache.tls else "has no TLS"
            message = (
                f"{cache.name} {has}: passwords and data cross the Internet in the clear; "
                f"the tag cachegate:plaintext=accepted ends this warning"
            )
            yield Problem(code="plaintext", cache=cache.name, message=message, forwarded=True)
