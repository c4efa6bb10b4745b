"""Ways to break the product on purpose, each of which one of the properties must notice."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import cachegate.aws.gateways
import cachegate.chain
import cachegate.planning.absence
import cachegate.triggers
import cachegate.vpc_pass
import cachegate_agent.apply
from cachegate.domain.cache import Evidence
from cachegate.planning.claims import Claims
from cachegate.planning.sighting import Sighting
from cachegate.sync import sync

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

    from cachegate.protocols import Heartbeat


@dataclass(frozen=True)
class Break:
    """One way, and words of the violation that it leads to."""

    name: str
    noticed: str
    apply: Callable[[pytest.MonkeyPatch], None]


def _any_generation(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(cachegate_agent.apply, "_accept", lambda *_: None)


def _outside(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Sighting, "within", lambda *_: True)
    present = lambda *_: Evidence.PRESENT  # noqa: E731
    patch.setattr(Sighting, "evidence", present)


def _keeps_addresses(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Claims, "_loss", lambda *_: "")


def _no_rivals(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Claims, "_rivals", lambda *_: [])
    patch.setattr(Claims, "_loss", lambda *_: "")


def _no_quarantine(patch: pytest.MonkeyPatch) -> None:
    def rest(lease: Any, sighting: Any, policy: Any, attendance: Any) -> None:
        real(lease, sighting, replace(policy, quarantine=0.0), attendance)

    real = cachegate.planning.absence._rest
    patch.setattr(cachegate.planning.absence, "_rest", rest)


def _no_token(patch: pytest.MonkeyPatch) -> None:
    def answer(triggers: Any, adapters: Any, settings: Any) -> Any:
        if any(trigger.vpc_id is None for trigger in triggers):
            return real(triggers, adapters, settings)
        return sync(adapters, settings, only=frozenset(t.vpc_id for t in triggers))

    real = cachegate.triggers.answer
    from functions.sync_forwards import app

    patch.setattr(app, "answer", answer)


def _no_recheck(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(cachegate.vpc_pass, "in_motion", lambda _result: None)


def _endless_chain(patch: pytest.MonkeyPatch) -> None:
    def link(former: Heartbeat, motion: float | None, policy: Any, most: int) -> Any:
        return real(replace(former, rechecks=min(former.rechecks, 5)), motion or 30.0, policy, most)

    real = cachegate.chain.next_link
    patch.setattr(cachegate.vpc_pass, "next_link", link)


def _trusts_success(patch: pytest.MonkeyPatch) -> None:
    """A command counts as verified though its report was not read."""
    from cachegate.push import InstanceResult, InstanceState

    def judge(reply: Any, ledger: Any) -> Any:
        return InstanceResult(instance_id=reply.instance_id, state=InstanceState.VERIFIED)

    patch.setattr(cachegate.vpc_pass, "judge", judge)


def _no_compare_and_set(patch: pytest.MonkeyPatch) -> None:
    from tests.faults.table import Table

    patch.setattr(Table, "_holds", lambda *_: True)


def _empty_is_gone(patch: pytest.MonkeyPatch) -> None:
    """A cache that AWS shows no nodes of has none."""
    patch.setattr(Sighting, "unknown", lambda *_: None)


def _no_recovery(patch: pytest.MonkeyPatch) -> None:
    import cachegate.prepare
    from cachegate.domain.ledger import Ledger

    patch.setattr(
        cachegate.prepare, "recover", lambda _a, _s, vpc_id, *_x, **_y: Ledger(vpc_id=vpc_id)
    )


def _no_push(patch: pytest.MonkeyPatch) -> None:
    """A pass takes what an instance proved last for what it holds now."""
    from cachegate.push import InstanceResult, InstanceState

    def push(self: Any, ledger: Any, payload: str, running: list[str], former: Any) -> Any:
        if former.generation == ledger.generation and set(former.proved) >= set(running):
            return tuple(
                InstanceResult(instance_id=i, state=InstanceState.VERIFIED) for i in running
            )
        return real(self, ledger, payload, running, former)

    real = cachegate.vpc_pass.VpcPass._push
    patch.setattr(cachegate.vpc_pass.VpcPass, "_push", push)


def _never_overtakes(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(cachegate.vpc_pass.VpcPass, "_overtake", lambda *_: None)


BREAKS = (
    Break("a former ledger's count is not overtaken", "failed although", _never_overtakes),
    Break("the agent takes any generation", "went back", _any_generation),
    Break("an address outside the VPC may be a target", "outside the VPC", _outside),
    Break("a key keeps an address that is another's now", "known to be", _keeps_addresses),
    Break("rivals for an address are not looked for", "known to be", _no_rivals),
    Break("no quarantine", "rested", _no_quarantine),
    Break("a re-check's token is not compared", "", _no_token),
    Break("no re-check follows", "not right", _no_recheck),
    Break("a chain of re-checks never ends", "", _endless_chain),
    Break("a command is taken for verified unread", "", _trusts_success),
    Break("the ledger is written without comparing", "", _no_compare_and_set),
    Break("an unknown answer counts as gone", "", _empty_is_gone),
    Break("a lost ledger begins anew", "taken from", _no_recovery),
    Break("what was proved once is not looked at again", "", _no_push),
)
