"""Judge the tag cachegate:port, the first listen port that a person wants for a cache."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cachegate.domain.plan import Problem
from cachegate.planning.text import listing, moment, ports

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from cachegate.domain.ledger import Lease
    from cachegate.planning.ports import PortBook

TAG = "cachegate:port"


@dataclass(frozen=True, slots=True)
class Pin:
    """A new cache's block: as many listen ports as it has keys."""

    cache: str
    block: range


def first_port(cache: str, text: str, allowed: range) -> int | Problem:
    """Read the tag's text: a port of the range, in plain digits."""
    if re.fullmatch(r"[0-9]{1,5}", text) and int(text) in allowed:
        return int(text)
    return Problem(
        code="pin_outside_range",
        cache=cache,
        message=f"{TAG} of {cache} is {text!r}, not a port of {ports(allowed)}",
    )


def place(
    pins: Iterable[Pin], holders: Mapping[int, Lease], book: PortBook
) -> dict[str, Problem | None]:
    """Return for each new pinned cache why it cannot have its block, or None where it can."""
    verdicts: dict[str, Problem | None] = {}
    good = []
    for pin in pins:
        verdicts[pin.cache] = _outside(pin, book) or _taken(pin, holders)
        if verdicts[pin.cache] is None:
            good.append(pin)
    return verdicts | _conflicts(good)


def _outside(pin: Pin, book: PortBook) -> Problem | None:
    if pin.block[-1] in book.ports and 22 not in pin.block:
        return None
    why = "22 is never a listen port" if 22 in pin.block else f"it leaves {ports(book.ports)}"
    message = f"{pin.cache} is pinned to {ports(pin.block)} by {TAG}: {why}"
    return Problem(code="pin_outside_range", cache=pin.cache, message=message)


def _taken(pin: Pin, holders: Mapping[int, Lease]) -> Problem | None:
    held = [holders[port] for port in pin.block if port in holders]
    if not held:
        return None
    names = listing(_holder(lease) for lease in held)
    message = f"{pin.cache} is pinned to {ports(pin.block)} by {TAG}, but {names}"
    return Problem(code="pin_taken", cache=pin.cache, message=message)


def _holder(lease: Lease) -> str:
    rest = "" if lease.resting_since is None else f" (at rest since {moment(lease.resting_since)})"
    return f"{lease.listen} belongs to {lease.key}{rest}"


def _conflicts(pins: Iterable[Pin]) -> dict[str, Problem | None]:
    """Refuse all caches whose blocks meet: who was listed first decides nothing."""
    by_port: dict[int, list[Pin]] = defaultdict(list)
    for pin in pins:
        for port in pin.block:
            by_port[port].append(pin)
    others: dict[str, set[str]] = defaultdict(set)
    for meeting in by_port.values():
        names = {pin.cache for pin in meeting}
        if len(names) > 1:
            for name in names:
                others[name] |= names - {name}
    return {
        name: Problem(
            code="pin_conflict",
            cache=name,
            message=f"{name} and {listing(sorted(met))} are pinned onto each other by {TAG}",
        )
        for name, met in others.items()
    }
