"""Decide who holds the address: only a verified NAT instance gets it, and nobody takes it back.

Pure. A holder that EC2 says is gone loses the address at once; one that is in doubt after the
policy's `takeover`, since a restart of the agent or of the instance looks the same at first.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from cachegate.domain.address import AddressDecision, AddressState, Holding

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cachegate.domain.address import Candidate, ElasticIp
    from cachegate.domain.policy import Policy


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What is known when the decision is made."""

    at: float  # seconds since the epoch
    address: ElasticIp
    candidates: Sequence[Candidate]  # the NAT instances of the address's VPC, in any state
    foreign: bool = False  # who has the address lives, and is none of the candidates
    wanted: str | None = None  # a person asked for this instance

    @property
    def by_id(self) -> Mapping[str, Candidate]:
        """Return the candidates by id."""
        return {each.instance_id: each for each in self.candidates}


def decide(former: Holding, scene: Scene, policy: Policy) -> AddressDecision:
    """Return who is to have the address, why, and what the ledger notes."""
    has = scene.address.instance_id
    if former.fenced_until > scene.at and former.instance_id != has:
        return AddressDecision(
            state=AddressState.WAITING,
            holding=former,
            reason=f"another pass moves the address to {former.instance_id}: {former.reason}",
            recheck_after=former.fenced_until - scene.at,
        )
    known = _noted(_settled(former, scene), scene)
    able = sorted(each.instance_id for each in scene.candidates if each.able)
    if scene.wanted is not None and scene.wanted in able and scene.wanted != has:
        return _move(known, scene, policy, scene.wanted, "a person asked for it")
    if scene.foreign:
        place = has or scene.address.interface_id
        return AddressDecision(
            state=AddressState.ELSEWHERE,
            holding=known,
            reason=f"{place} has the address, and is no NAT instance of this stack here: "
            "ask for it by the action move",
        )
    holder = scene.by_id.get(has) if has else None
    if holder is not None and holder.able:
        return AddressDecision(state=AddressState.HELD, holding=known, reason=known.reason)
    return _replace(known, scene, policy, holder, [each for each in able if each != has])


def done(holding: Holding, at: float) -> Holding:
    """Return what to note of a move that EC2 shows done."""
    return replace(holding, moved_at=at, fenced_until=0.0, bad_since=None, unheld_since=None)


def _replace(
    known: Holding,
    scene: Scene,
    policy: Policy,
    holder: Candidate | None,
    able: Sequence[str],
) -> AddressDecision:
    """Find another holder, for the one that there is cannot prove its rule set, or is gone."""
    why = _trouble(scene, holder)
    if not able:
        return AddressDecision(
            state=AddressState.STRANDED,
            holding=known,
            reason=f"{why}; no other NAT instance has proved the rule set, so nothing is moved",
            recheck_after=policy.recheck,
        )
    due = _due(known, scene, policy) if holder is not None and holder.running else scene.at
    if scene.at >= due:
        return _move(known, scene, policy, able[0], why)
    return AddressDecision(
        state=AddressState.WAITING,
        holding=known,
        reason=f"{why}; the address moves to {able[0]} if that lasts",
        recheck_after=due - scene.at,
    )


def _due(known: Holding, scene: Scene, policy: Policy) -> float:
    """Return when a holder in doubt loses the address.

    Later after a fail-over: two instances that flap must not toss the address to and fro.
    """
    since = scene.at if known.bad_since is None else known.bad_since
    rested = 0.0 if known.moved_at is None else known.moved_at + policy.takeover_rest
    return max(since + policy.takeover, rested)


def _move(known: Holding, scene: Scene, policy: Policy, target: str, why: str) -> AddressDecision:
    holding = replace(
        known,
        instance_id=target,
        since=scene.at,
        reason=why,
        moved_from=scene.address.instance_id,
        fenced_until=scene.at + policy.fence,
    )
    return AddressDecision(state=AddressState.MOVED, holding=holding, reason=why, target=target)


def _settled(former: Holding, scene: Scene) -> Holding:
    """Return what is known once EC2 has shown who has the address."""
    has = scene.address.instance_id
    if former.fenced_until and has == former.instance_id:
        return done(former, former.since)  # by a pass that did not live to note it
    if former.fenced_until and has == former.moved_from:
        reason = f"the move to {former.instance_id} was not done"
        return replace(former, instance_id=has, since=scene.at, reason=reason, fenced_until=0.0)
    if has is None or has == former.instance_id:
        return replace(former, fenced_until=0.0)
    first = former.instance_id is None
    reason = "it had the address already" if first else "it was given the address by someone else"
    return Holding(
        instance_id=has,
        since=scene.at,
        reason=reason,
        moved_at=former.moved_at,
        unheld_since=former.unheld_since,
    )


def _noted(known: Holding, scene: Scene) -> Holding:
    """Note since when the holder is in doubt, and since when nobody holds the address well."""
    has = scene.address.instance_id
    holder = scene.by_id.get(has) if has else None
    if holder is not None and holder.able:
        return replace(known, bad_since=None, unheld_since=None)
    return replace(
        known,
        bad_since=scene.at if known.bad_since is None else known.bad_since,
        unheld_since=scene.at if known.unheld_since is None else known.unheld_since,
    )


def _trouble(scene: Scene, holder: Candidate | None) -> str:
    if holder is not None:
        return f"{holder.instance_id}, which has the address, {holder.trouble}"
    if scene.address.instance_id is not None:
        return f"{scene.address.instance_id}, which had the address, is gone"
    return "nobody has the address"
