"""Ways to break the product on purpose, each with a sequence in which a property notices it."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import cachegate.batch
import cachegate.beat
import cachegate.chain
import cachegate.domain.trigger
import cachegate.planning.absence
import cachegate.prepare
import cachegate.prove
import cachegate_agent.apply
from cachegate.domain.cache import Evidence
from cachegate.domain.ledger import Ledger as Record
from cachegate.planning.claims import Claims
from cachegate.planning.sighting import Sighting
from cachegate.push import InstanceResult, InstanceState
from cachegate.sync import sync
from tests.faults.sequences import Stage
from tests.faults.steps import Change, DnsFault, Instance, Ledger, Meanwhile, Queue, Ssm, Step, Wait
from tests.faults.table import Table

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

    from cachegate.protocols import Heartbeat


@dataclass(frozen=True, kw_only=True)
class Break:
    """One way, the words of the violation that it leads to, and a short sequence to see it by."""

    name: str
    noticed: str
    apply: Callable[[pytest.MonkeyPatch], None]
    stage: Stage
    steps: tuple[Step, ...]


def _any_generation(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(cachegate_agent.apply, "_accept", lambda *_: None)


def _outside(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Sighting, "within", lambda *_: True)
    patch.setattr(Sighting, "evidence", lambda *_: Evidence.PRESENT)


def _keeps_addresses(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Claims, "_loss", lambda *_, **_named: "")


def _no_quarantine(patch: pytest.MonkeyPatch) -> None:
    real = cachegate.planning.absence._rest

    def rest(lease: Any, sighting: Any, policy: Any, attendance: Any) -> None:
        real(lease, sighting, replace(policy, quarantine=0.0), attendance)

    patch.setattr(cachegate.planning.absence, "_rest", rest)


def _never_agreed(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(cachegate.planning.absence, "agreed", lambda *_: False)


def _no_token(patch: pytest.MonkeyPatch) -> None:
    real = cachegate.batch.answer

    def answer(triggers: Any, adapters: Any, settings: Any) -> Any:
        if any(trigger.vpc_id is None for trigger in triggers):
            return real(triggers, adapters, settings)
        return sync(adapters, settings, only=frozenset(t.vpc_id for t in triggers))

    patch.setattr("functions.sync_forwards.app.answer", answer)


def _endless_chain(patch: pytest.MonkeyPatch) -> None:
    real = cachegate.chain.next_link

    def link(former: Heartbeat, motion: float | None, policy: Any, *rest: Any) -> Any:
        return real(
            replace(former, rechecks=min(former.rechecks, 5)), motion or 30.0, policy, *rest
        )

    patch.setattr(cachegate.beat, "next_link", link)


def _trusts_success(patch: pytest.MonkeyPatch) -> None:
    def judge(reply: Any, _ledger: Any) -> Any:
        return InstanceResult(instance_id=reply.instance_id, state=InstanceState.VERIFIED)

    patch.setattr(cachegate.prove, "judge", judge)


def _no_compare_and_set(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Table, "_holds", lambda *_: True)


def _no_recovery(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(
        cachegate.prepare, "recover", lambda _adapters, _settings, vpc, *_, **__: Record(vpc_id=vpc)
    )


def _never_looks_again(patch: pytest.MonkeyPatch) -> None:
    real = cachegate.prove.Prover.prove

    def prove(self: Any, ledger: Any, payload: str, running: list[str], former: Any) -> Any:
        if former.generation == ledger.generation and set(former.proved) >= set(running):
            return tuple(
                InstanceResult(instance_id=i, state=InstanceState.VERIFIED) for i in running
            )
        return real(self, ledger, payload, running, former)

    patch.setattr(cachegate.prove.Prover, "prove", prove)


def _never_overtakes(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(cachegate.prove.Prover, "_overtake", lambda *_: None)


def _chokes_on_junk(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(cachegate.domain.trigger, "opened", json.loads)


CART, TWO = Stage(("cart",), 1), Stage(("cart", "users"), 1)
MOVE = Change("replace", event="sent")
BREAKS = (
    Break(
        name="the agent takes a rule set of any generation",
        noticed="went back to generation",
        apply=_any_generation,
        stage=CART,
        steps=(MOVE, Ssm(0, "doubled late"), Wait(31.0), MOVE, Wait(310.0)),
    ),
    Break(
        name="an address outside the VPC may be a target",
        noticed="outside the VPC",
        apply=_outside,
        stage=CART,
        steps=(DnsFault(0, "outside the VPC"), Wait(310.0)),
    ),
    Break(
        name="a key keeps an address that is known to be another's now",
        noticed="known to be a node of",
        apply=_keeps_addresses,
        stage=TWO,
        steps=(
            DnsFault(0, "fails"),
            Change("replace", cache=0, event="lost"),
            Change("replace", cache=1),
            Wait(61.0),
        ),
    ),
    Break(
        name="a listen port rests for no time",
        noticed="rested",
        apply=_no_quarantine,
        stage=TWO,
        steps=(Change("delete"), Wait(130.0), Wait(310.0)),
    ),
    Break(
        name="two passes never agree that a key is gone",
        noticed="not right",
        apply=_never_agreed,
        stage=TWO,
        steps=(Change("delete"), Wait(31.0)),
    ),
    Break(
        name="a re-check's token is not compared",
        noticed="old chain",
        apply=_no_token,
        stage=CART,
        steps=(MOVE, Wait(1.0), Wait(1.0), Queue("double"), Wait(310.0)),
    ),
    Break(
        name="a chain of re-checks never ends",
        noticed="not quiet",
        apply=_endless_chain,
        stage=CART,
        steps=(),
    ),
    Break(
        name="a command counts as verified before its report is read",
        noticed="went back to generation",
        apply=_trusts_success,
        stage=CART,
        steps=(MOVE, Ssm(0, "killed before swap", 2), Wait(31.0)),
    ),
    Break(
        name="the ledger is written without comparing versions",
        noticed="two rule sets",
        apply=_no_compare_and_set,
        stage=TWO,
        steps=(MOVE, Meanwhile(12, Change("replace", cache=1)), Wait(31.0)),
    ),
    Break(
        name="a lost ledger begins anew",
        noticed="taken from",
        apply=_no_recovery,
        stage=Stage(("users",), 1),
        steps=(Change("create", cache=2), Wait(31.0), Ledger(heartbeats=False), Wait(310.0)),
    ),
    Break(
        name="what an instance proved once is not looked at again",
        noticed="not right",
        apply=_never_looks_again,
        stage=CART,
        steps=(Instance("reboot without disk"), Wait(31.0)),
    ),
    Break(
        name="the count of a former ledger is not overtaken",
        noticed="failed although nothing was wrong",
        apply=_never_overtakes,
        stage=CART,
        steps=(MOVE, Wait(31.0), Instance("stop"), Ledger(heartbeats=False), Wait(310.0)),
    ),
    Break(
        name="a message that is no JSON raises",
        noticed="the function raised",
        apply=_chokes_on_junk,
        stage=CART,
        steps=(Queue("junk"), Wait(1.0)),
    ),
)
