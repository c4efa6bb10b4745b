"""What may never happen, watched at every change of the ledger, of a kernel and of the truth.

In some windows nobody can know what is true. These are excused, and nothing else is:

1. An address that another cache's node took, until the first pass that sees that node there (its
   cache is described, its name resolves to the address) has recorded what it saw.
2. From then on until the NAT instance has proved that rule set or a later one to a pass. While a
   command cannot reach it, or it boots from what it saved, it forwards as before.
3. A lost ledger takes along what was known; the passes after it have to see it anew.
4. A pass that does not see the node at its address (its name fails or tells an older place, its
   cache is not described), while the name of a node that left that address tells it still: for
   60 s at least, or nobody would have gone by it. Window 1 begins anew then.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cachegate.domain.cache import Evidence
from tests.faults.truth import NETWORK, POOL

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cachegate.domain.cache import Observation
    from cachegate.domain.ledger import Ledger
    from cachegate.protocols import Heartbeat
    from tests.faults.machine import Machine
    from tests.faults.truth import Place, Truth

MOST_RECHECKS = 20
AGREEMENT = 60.0  # seconds between two passes that have to agree


class ViolationError(AssertionError):
    """Something happened that may never happen."""


@dataclass
class Watch:
    """The watchman, and what he knows that the product knew."""

    truth: Truth
    machines: dict[str, Machine]
    quarantine: float
    ledger: Ledger | None = None
    ports: dict[int, str] = field(default_factory=dict)  # who has a listen port
    forced: bool = False  # a person forces a sync now
    misled: int = 0  # passes that took an old answer for a new one, as in window 4
    # Places whose tenant a recorded pass has seen, and the generation that it recorded.
    known: dict[Place, tuple[tuple[str, int], int]] = field(default_factory=dict)

    # -- the ledger -------------------------------------------------------------------------------

    def recorded(self, ledger: Ledger, seen: Observation | None) -> None:
        """Look at a ledger that was just written."""
        self._ports(ledger)
        self._generations(ledger)
        self.ledger = ledger
        if seen is not None:
            self.learn(ledger, seen)
        shown = {place for place, _ in self._truly_seen(seen)} if seen else set()
        for lease in ledger.leases.values():
            for target in lease.targets:
                if target.address not in NETWORK:
                    raise ViolationError(f"{lease.key} leads to {target}, outside the VPC")
                self._recorded_at(lease.cache, (target.address, target.port), shown)

    def _recorded_at(self, cache: str, place: Place, shown: set[Place]) -> None:
        """Look at one target that a cache has by the ledger."""
        tenure, known = self.truth.tenures.get(place), self.known.get(place)
        if not (tenure and known and known[0] == tenure) or tenure[0] == cache:
            return
        left = self.truth.departures.get((cache, place), float("inf"))
        if place not in shown and self.truth.clock.now - left >= AGREEMENT:
            del self.known[place]
            self.misled += 1
            return
        raise ViolationError(
            f"{cache} is recorded at {place[0]}, known to be a node of {tenure[0]}"
        )

    def learn(self, ledger: Ledger, seen: Observation) -> None:
        """Note which nodes the pass that recorded this saw where they truly are."""
        for place, cache in self._truly_seen(seen):
            tenure = self.truth.tenures[place]
            if tenure[0] == cache and self.known.get(place, (None, 0))[0] != tenure:
                self.known[place] = (tenure, ledger.generation)

    def _truly_seen(self, seen: Observation) -> Iterator[tuple[Place, str]]:
        living = set(self.truth.names_of_caches())
        for cache in seen.caches:
            if cache.name not in living or not cache.whole:
                continue
            true = self.truth.addresses(cache.name)
            for node in cache.nodes:
                address = true.get(f"{cache.name}/{node.id}")
                if address is None or node.endpoint is None:
                    continue
                answered = seen.addresses.get(node.endpoint.host, frozenset())
                absent = seen.evidence.get(address) is Evidence.ABSENT
                place = (address, node.endpoint.port)
                if address in answered and not absent and place in self.truth.tenures:
                    yield place, cache.name

    def _generations(self, ledger: Ledger) -> None:
        """A generation has one rule set, and the count never goes back."""
        before = self.ledger
        if before is None or ledger.generation > before.generation:
            return
        if ledger.generation < before.generation or ledger.rule_set != before.rule_set:
            raise ViolationError(f"generation {ledger.generation} has two rule sets")

    def _ports(self, ledger: Ledger) -> None:
        """No listen port may go to another key while its own lives or rests."""
        held = {lease.listen: key for key, lease in ledger.leases.items()}
        if len(held) != len(ledger.leases):
            raise ViolationError("two keys have one listen port")
        now = self.truth.clock.now
        for listen, key in self.ports.items():
            lease = self.ledger.leases.get(key) if self.ledger else None
            if held.get(listen) == key:
                continue
            if lease is None or lease.resting_since is None:
                raise ViolationError(f"{listen} was taken from {key}, which lives")
            if now - lease.resting_since < self.quarantine:
                raise ViolationError(
                    f"{listen} of {key} rested {now - lease.resting_since:g} s only"
                )
        self.ports = held

    def ledger_lost(self) -> None:
        """Forget what only the ledger knew."""
        self.ledger, self.known = None, {}
        self.memory_lost()

    def memory_lost(self) -> None:
        """Where there is no ledger, only what running NAT instances hold is still known."""
        if self.ledger is not None:
            return
        self.ports = {}
        for machine in () if self.forced else self._newest():
            for forward in machine.saved.rules.forwards if machine.saved else ():
                key = forward.key
                if forward.listen not in self.ports and key not in self.ports.values():
                    self.ports[forward.listen] = key

    def _newest(self) -> list[Machine]:
        return sorted(
            (m for m in self.machines.values() if m.saved and m.state == "running"),
            key=lambda machine: -machine.saved.rules.generation if machine.saved else 0,
        )

    def beaten(self, heartbeat: Heartbeat, seen: Observation | None) -> None:
        """Look at the heartbeat of a VPC that was just written."""
        if heartbeat.rechecks > MOST_RECHECKS:
            raise ViolationError(f"{heartbeat.rechecks} re-checks in one chain")
        if seen is not None and self.ledger is not None:
            self.learn(self.ledger, seen)
        for instance_id in heartbeat.proved:
            machine = self.machines.get(instance_id)
            if machine is not None and machine.state == "running":
                machine.verified = max(machine.verified, heartbeat.generation)
                self.look(machine)

    # -- kernels ----------------------------------------------------------------------------------

    def look(self, machine: Machine) -> None:
        """Look at what a kernel does now."""
        kernel = machine.kernel
        if machine.state != "running" or kernel is None:
            return
        if machine.generation and machine.generation < machine.verified:
            raise ViolationError(
                f"{machine.instance_id} went back to generation {machine.generation}, and had "
                f"proved {machine.verified}"
            )
        for listen, targets in kernel.targets.items():
            for target in targets:
                if target.address not in NETWORK:
                    raise ViolationError(f"{listen} leads to {target}, outside the VPC")
                self._reaches(machine, listen, (target.address, target.port))

    def _reaches(self, machine: Machine, listen: int, place: Place) -> None:
        tenure = self.truth.tenures.get(place)
        cache = machine.keys[listen].partition("/")[0]
        if tenure is None or tenure[0] == cache:
            return
        known = self.known.get(place)
        if known and known[0] == tenure and machine.verified >= known[1]:
            raise ViolationError(
                f"{listen} of {machine.keys[listen]} on {machine.instance_id} leads to {place[0]}, "
                f"known to be a node of {tenure[0]} since generation {known[1]}"
            )

    def look_everywhere(self) -> None:
        for machine in self.machines.values():
            self.look(machine)


assert all(address in NETWORK for address in POOL)
