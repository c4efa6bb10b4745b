"""Put a rule set into force: swap, cut, tell, read back, save."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Dict, List, NamedTuple, Optional

from cachegate_agent import conntrack, flows, preflight, stamps
from cachegate_agent.errors import AgentError, Failed, Refused
from cachegate_agent.rules import fingerprint
from cachegate_agent.state import Saved, State
from cachegate_agent.tell import tell

if TYPE_CHECKING:
    from cachegate_agent.backend import Backend, Live
    from cachegate_agent.rules import Rules


# Seconds between finding stale flows and cutting them. A client that was just connecting when the
# rules changed has its connection by then, and sees it reset rather than refused.
SETTLE = 0.02


class Order(NamedTuple):
    """A checked rule set, and the form in which it came."""

    rules: Rules
    document: Dict[str, Any]

    @property
    def adopted(self) -> Optional[str]:
        """The owner whose rule set is to be taken over, None where there is none."""
        return self.document.get("adopt")


class Outcome(NamedTuple):
    """What putting a rule set into force did."""

    rules: Rules
    backend: str
    changed: bool
    stale: int
    told: int
    warnings: List[str]
    elapsed: float  # seconds

    def report(self) -> Dict[str, Any]:
        """Return the report of the contract, as far as it is known without a probe."""
        return {
            "generation": self.rules.generation,
            "digest": self.rules.digest,
            "backend": self.backend,
            "changed": self.changed,
            "forwards": len(self.rules.forwards),
            "flows_stale": self.stale,
            "flows_told": self.told,
            "unreachable": [],
            "warnings": self.warnings,
            "elapsed_ms": round(self.elapsed * 1000),
        }


class Cut(NamedTuple):
    """How many flows were stale, and how many of their clients were told."""

    stale: int
    told: int


def put(order: Order, state: State) -> Outcome:
    """Accept and put into force a rule set that came from outside."""
    started = time.monotonic()
    warnings: List[str] = []
    try:
        saved = state.load()
    except Failed as error:
        # The kernel still knows whose rules it holds, and the file is about to be written anew.
        saved = None
        warnings.append(error.message)
    choice = preflight.choose()
    held = _read(choice)
    _accept(order, saved, held.live or held.other)
    return _Swap(order, state, saved, choice).run(held, warnings, started)


def renew(state: State, saved: Saved) -> Outcome:
    """Put the saved rule set into force again where the kernel differs."""
    started = time.monotonic()
    choice = preflight.choose()
    order = Order(saved.rules, saved.document)
    return _Swap(order, state, saved, choice).run(_read(choice), [], started)


def cut(rules: Rules, suspects: flows.Suspects) -> Cut:
    """Delete the stale flows among the suspects from the kernel, and tell their ends."""
    if suspects.are_none:
        return Cut(0, 0)
    admission = flows.Admission(rules)
    if not any(admission.is_stale(flow) for flow in conntrack.flows(suspects.ports)):
        return Cut(0, 0)
    time.sleep(SETTLE)
    stale = [flow for flow in conntrack.flows(suspects.ports) if admission.is_stale(flow)]
    conntrack.delete(stale)
    return Cut(sum(flow.is_open for flow in stale), tell(stale))


class _Held(NamedTuple):
    """What the kernel holds: of the back-end that is used, and what is left of the other."""

    live: Optional[Live]
    other: Optional[Live]


def _read(choice: preflight.Choice) -> _Held:
    return _Held(choice.backend.read(), choice.other.read())


def _accept(order: Order, saved: Optional[Saved], live: Optional[Live]) -> None:
    """Raise Refused where the order may not follow what is in force."""
    rules = order.rules
    known = [live.identity] if live and live.identity else []
    if saved:
        known.append(saved.rules.identity)
    allowed = {fingerprint(rules.owner)}
    if order.adopted is not None:
        allowed.add(fingerprint(order.adopted))
    for held in known:
        if held.owner not in allowed:
            owner = saved.rules.owner if saved else held.owner
            raise Refused("foreign_owner", f"owner: the rule set in force belongs to {owner}")
        if rules.generation < held.generation:
            raise Refused(
                "stale_generation", f"generation: {rules.generation} came after {held.generation}"
            )
        if rules.generation == held.generation and rules.digest != held.digest:
            raise Refused(
                "stale_generation",
                f"digest: generation {held.generation} is in force with {held.digest}",
            )


class _Swap:
    """One change of the kernel, and the way back from it."""

    def __init__(
        self, order: Order, state: State, saved: Optional[Saved], choice: preflight.Choice
    ) -> None:
        self._order, self._state, self._saved = order, state, saved
        self._backend, self._other = choice.backend, choice.other
        self._warnings = choice.warnings

    def run(self, held: _Held, warnings: List[str], started: float) -> Outcome:
        rules = self._order.rules
        intact = held.live if self._is_intact(held) else None
        holds = intact is not None and intact.holds(rules)
        known = self._saved.rules.identity if self._saved else None
        settled = holds and known == rules.identity
        done = Cut(0, 0) if settled else self._force(held, intact, swap=not holds)
        return Outcome(
            rules=rules,
            backend=self._backend.name,
            changed=not settled,
            stale=done.stale,
            told=done.told,
            warnings=[*warnings, *self._warnings, *preflight.warnings(rules)],
            elapsed=time.monotonic() - started,
        )

    @property
    def _is_same_backend(self) -> bool:
        """Tell whether the last good rule set came into force by this back-end."""
        return self._saved is not None and self._saved.backend == self._backend.name

    def _is_intact(self, held: _Held) -> bool:
        """Tell whether the kernel holds what some run of ours left there, content aside."""
        live = held.live
        return (
            live is not None
            and held.other is None
            and self._saved is not None
            and self._is_same_backend
            and bool(live.shape)
            and live.shape == self._saved.shape
        )

    def _force(self, held: _Held, intact: Optional[Live], *, swap: bool) -> Cut:
        rules = self._order.rules
        # Only where the kernel held exactly what was saved is it known where stale flows can be.
        before = intact if intact and self._saved and intact.holds(self._saved.rules) else None
        suspects = flows.suspects(before, rules)
        stamp = intact.stamp if intact else 0
        if swap:
            if not suspects.are_none:
                stamp = stamps.prepare(rules, held)
            self._backend.swap(rules, stamp, intact)
        try:
            done = cut(rules, suspects)
            if held.other is not None or not self._is_same_backend:
                self._other.remove()
            self._state.save(self._verified(intact, stamp))
        except (AgentError, OSError) as error:
            # Only those rules gave it, and only to whom they admit: the kernel need not be asked.
            self._go_back(error, before.stamp if before and before.stamp != stamp else 0)
        return done

    def _verified(self, intact: Optional[Live], stamp: int) -> Saved:
        """Read the kernel back and return what to save; raise Failed where it differs."""
        rules = self._order.rules
        seen = self._backend.read()
        if seen is None or not seen.holds(rules) or seen.stamp != stamp or not seen.shape:
            raise Failed("kernel_refused", "the kernel does not hold what was written to it")
        if intact is not None and seen.shape != intact.shape:
            raise Failed("kernel_refused", "somebody else changes our rules at the same time")
        known = self._saved
        return Saved(
            document=self._order.document,
            rules=rules,
            backend=self._backend.name,
            shape=seen.shape,
            instance=known.instance if known else "",
            boot=known.boot if known else "",
        )

    def _go_back(self, error: Exception, stamp: int) -> None:
        """Put the last good rule set back, under this stamp unless it is 0; then raise."""
        message = error.message if isinstance(error, AgentError) else str(error)
        code = error.code if isinstance(error, AgentError) else "state_unusable"
        try:
            if self._saved is None:
                self._backend.remove()
            else:
                good = _backend_named(self._saved.backend, self._backend, self._other)
                rules = self._saved.rules
                if not stamp:
                    stamp = stamps.prepare(rules, (self._backend.read(), self._other.read()))
                good.swap(rules, stamp, None)
                if good is not self._backend:
                    self._backend.remove()
        except Failed as second:
            message += f"; the last good rule set could not be put back: {second.message}"
        raise Failed(code, message) from error


def _backend_named(name: str, *backends: Backend) -> Backend:
    return next(backend for backend in backends if backend.name == name)
