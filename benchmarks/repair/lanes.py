"""Which ways are measured, each in a lab of its own, so that they may wait side by side."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from benchmarks.programs import find
from benchmarks.repair.haproxy import Haproxy
from benchmarks.repair.watched import ACTIVE, CLIENTS, NEW
from benchmarks.repair.ways import Ours, Swap, SwapAndCut, Way
from tests.integration.gateway.lab import Gateway, gateway

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

NOTHING, SWAP, CUT = "nothing", "swap alone", "swap + `conntrack -D`"
NFTABLES, IPTABLES = "ours, nftables", "ours, iptables"
ORDERED, DEFAULT, EAGER = (
    "haproxy, told to mark it down",
    "haproxy, own checks: inter 2s fall 3 (default)",
    "haproxy, own checks: inter 500ms fall 2",
)
WAYS = (NOTHING, SWAP, CUT, NFTABLES, IPTABLES, ORDERED, DEFAULT, EAGER)
DEATH, LATE, SOON = WHEN = ("from the death", "late", "soon")
# Seconds from the death to the order, at least; twice as much at most.
AFTER = {LATE: 3.0, SOON: 0.5}


@dataclass(frozen=True, slots=True)
class Kind:
    """A way, and what it needs."""

    make: Callable[[Gateway], Way]
    orders: tuple[str, ...] = (LATE, SOON)  # when its order comes; DEATH: there is no order
    tells: tuple[str, ...] = CLIENTS  # whom it is known to tell; others are waited for but rarely
    backend: str = "nftables"  # of the lab
    program: str = "nft"
    period: float = 0.0  # seconds between its own looks at the node
    most: int = 99  # repetitions of one that takes long

    @property
    def tells_all(self) -> bool:
        """Whether no client is left to its own TCP."""
        return set(self.tells) >= set(CLIENTS)


KINDS = {
    NOTHING: Kind(Swap, (DEATH,), ()),
    SWAP: Kind(Swap, (SOON,), (NEW,)),
    CUT: Kind(SwapAndCut, tells=(NEW, ACTIVE), program="conntrack"),
    NFTABLES: Kind(Ours),
    IPTABLES: Kind(Ours, backend="iptables"),
    ORDERED: Kind(Haproxy, program="haproxy"),
    DEFAULT: Kind(
        lambda lab: Haproxy(lab, "check inter 2s fall 3"),
        (DEATH,),
        program="haproxy",
        period=2.0,
        most=4,
    ),
    EAGER: Kind(
        lambda lab: Haproxy(lab, "check inter 500ms fall 2"),
        (DEATH,),
        program="haproxy",
        period=0.5,
    ),
}


@dataclass(frozen=True, slots=True)
class Lane:
    """One way with one kind of order, in its lab."""

    name: str
    kind: Kind
    when: str
    way: Way

    def waits_for(self, repetition: int, capped: int) -> tuple[str, ...]:
        """Return the clients to wait for: in vain only as often as shows that they never know."""
        return CLIENTS if repetition < capped and self.when != LATE else self.kind.tells

    def takes_part(self, repetition: int, capped: int) -> bool:
        """Tell whether anything is left to learn: ways that never tell the active one cost much."""
        return repetition < capped or (ACTIVE in self.kind.tells and repetition < self.kind.most)

    def delay(self, share: float) -> float:
        """Return the seconds that pass before the order, or else before the death.

        The shares of a run are spread evenly, so that no way is favoured by a moment: TCP doubles
        the time between its attempts, and checks come round.
        """
        if self.when == DEATH:
            return self.kind.period * share
        return float(AFTER[self.when] * 2**share)


@contextlib.contextmanager
def lanes(*, leave_out: frozenset[str]) -> Iterator[list[Lane]]:
    """Set all up whose program is here, but for these ways and kinds of order; longest first."""
    with contextlib.ExitStack() as stack:
        yield [
            _lane(stack, name, when)
            for when in WHEN
            if when not in leave_out
            for name, kind in KINDS.items()
            if name not in leave_out and when in kind.orders and find(kind.program)
        ]


def _lane(stack: contextlib.ExitStack, name: str, when: str) -> Lane:
    kind = KINDS[name]
    folder = Path(stack.enter_context(TemporaryDirectory()))
    prefix = f"rp{WAYS.index(name)}{WHEN.index(when)}"
    way = kind.make(stack.enter_context(gateway(folder, kind.backend, prefix)))
    return Lane(name, kind, when, way)
