"""Lease listen ports to the keys that have none: pinned caches, growing ones, then new ones.

A port that was given is never asked for again here: it stays with its key for life.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from cachegate.domain.ledger import Lease
from cachegate.domain.plan import Problem
from cachegate.planning.pins import TAG, Pin, first_port, place
from cachegate.planning.ports import PortBook
from cachegate.planning.text import moment, ports

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cachegate.domain.policy import Policy
    from cachegate.planning.keys import Want
    from cachegate.planning.sighting import Sighting


@dataclass(slots=True)
class Allocation:
    """The new leases of a pass, and the caches that got none or not where a person wanted."""

    leases: dict[str, Lease] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)


def allocate(leases: Mapping[str, Lease], sighting: Sighting, policy: Policy) -> Allocation:
    """Give every observed key that has no lease its listen port, for life."""
    return _Allocator(leases, sighting, policy).run()


class _Allocator:
    def __init__(self, leases: Mapping[str, Lease], sighting: Sighting, policy: Policy) -> None:
        self.sighting, self.policy = sighting, policy
        self.holders = {lease.listen: lease for lease in leases.values()}
        self.own: dict[str, list[int]] = defaultdict(list)
        for lease in leases.values():
            self.own[lease.cache].append(lease.listen)
        self.asking: dict[str, list[Want]] = defaultdict(list)
        for want in sighting.wants.values():
            if want.key not in leases:
                self.asking[want.cache].append(want)
        self.range = range(policy.first_port, policy.last_port + 1)
        self.result = Allocation()

    def run(self) -> Allocation:
        pins = self._pins()
        if not self.asking:
            return self.result
        book = PortBook(self.range, self.holders)
        self._pinned(pins, book)
        for cache in sorted(self.asking.keys() & self.own.keys()):
            self._give(cache, book.beside(self.own[cache], len(self.asking[cache])), book)
        for cache in sorted(self.asking.keys() - self.own.keys()):
            self._give(cache, book.fresh(len(self.asking[cache])), book)
        return self.result

    def _pins(self) -> dict[str, Pin]:
        """Read every tag; a refused new cache asks no more, one with ports goes on as it is."""
        pins = {}
        for cache in self.sighting.caches:
            if cache.pinned_port is None:
                continue
            first = first_port(cache.name, cache.pinned_port, self.range)
            if isinstance(first, Problem):
                self._refuse(first)
            elif cache.name in self.own:
                self._late(cache.name, first)
            elif cache.name in self.asking:
                size = len(self.asking[cache.name])
                pins[cache.name] = Pin(cache.name, range(first, first + size))
        return pins

    def _pinned(self, pins: Mapping[str, Pin], book: PortBook) -> None:
        for cache, problem in place(pins.values(), self.holders, book).items():
            if problem is None:
                self._give(cache, book.take(pins[cache].block), book)
            else:
                self._refuse(problem)

    def _refuse(self, problem: Problem) -> None:
        forwarded = problem.cache in self.own
        self.result.problems.append(replace(problem, forwarded=forwarded))
        if not forwarded:
            self.asking.pop(problem.cache, None)

    def _late(self, cache: str, first: int) -> None:
        own = self.own[cache]
        if first not in own:
            message = f"{TAG} of {cache} is {first}, but it has {ports(own)}: ports never move"
            self.result.problems.append(
                Problem(code="pin_ignored", cache=cache, message=message, forwarded=True)
            )

    def _give(self, cache: str, listens: list[int], book: PortBook) -> None:
        wants = self.asking.pop(cache)
        if not listens:
            self.result.problems.append(self._exhausted(cache, len(wants), book.count))
            return
        for want, listen in zip(wants, listens, strict=True):
            self.result.leases[want.key] = Lease(
                key=want.key,
                cache=want.cache,
                kind=want.kind,
                listen=listen,
                leased_at=self.sighting.at,
                changed_at=self.sighting.at,
                reason="",
            )

    def _exhausted(self, cache: str, needed: int, free: int) -> Problem:
        message = (
            f"{cache} needs {needed} more listen ports, {ports(self.range)} has {free} free: "
            "widen ListenPorts or expose fewer caches"
        )
        resting = {
            port: lease.resting_since
            for port, lease in self.holders.items()
            if lease.resting_since is not None and port in self.range
        }
        if resting:
            first = moment(min(resting.values()) + self.policy.quarantine)
            message += f", or release ports at rest ({ports(resting)}, the first until {first})"
        return Problem(code="range_exhausted", cache=cache, message=message)
