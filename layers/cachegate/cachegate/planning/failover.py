"""Decide who holds the address: only a verified NAT instance gets it, and nobody takes it back.

Pure. A holder that does not run loses the address at once; one that is in doubt after the policy's
`takeover`, since a restart of the agent or of the instance looks the same at first.
docs/failover.md has all cases.
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
    wanted: str | None = None  # a person asked for this instance

    @property
    def has(self) -> str | None:
        """Return the instance that has the address."""
        return self.address.instance_id

    @property
    def by_id(self) -> Mapping[str, Candidate]:
        """Return the candidates by id."""
        return {each.instance_id: each for each in self.candidates}

    @property
    def holder(self) -> Candidate | None:
        """Return the candidate that has the address, None where none of them has."""
        return self.by_id.get(self.has) if self.has else None

    @property
    def able(self) -> Sequence[str]:
        """Return the ids of all that may have the address, the one that has it among them."""
        return sorted(each.instance_id for each in self.candidates if each.able)


def decide(former: Holding, scene: Scene, policy: Policy) -> AddressDecision:
    """Return who is to have the address, why, and what the ledger notes."""
    decision = _decide(former, scene, policy)
    asked = scene.by_id.get(scene.wanted or "")
    if asked is None or asked.able or asked.instance_id == scene.has:
        return decision
    why = f"{asked.instance_id}, which a person asked for, {asked.trouble}; {decision.reason}"
    return replace(decision, reason=why)


def _decide(former: Holding, scene: Scene, policy: Policy) -> AddressDecision:
    early = _too_early(former, scene, policy)
    if early is not None:
        return early
    known = _noted(_settled(former, scene), scene)
    if scene.wanted in scene.able and scene.wanted != scene.has:
        return _move(known, scene, policy, str(scene.wanted), "a person asked for it")
    if _foreign(former, scene):
        return AddressDecision(state=AddressState.ELSEWHERE, holding=known, reason=known.reason)
    if scene.holder is not None and scene.holder.able:
        # Told as a move by the one pass that notes it: who made the move did not live to do so.
        arrived = bool(former.fenced_until) and former.instance_id == scene.has
        state = AddressState.MOVED if arrived else AddressState.HELD
        return AddressDecision(state=state, holding=known, reason=known.reason)
    return _replace(known, scene, policy)


def done(holding: Holding, at: float) -> Holding:
    """Return what to note of a move that EC2 shows done."""
    return replace(holding, moved_at=at, fenced_until=0.0, bad_since=None, unheld_since=None)


def undone(holding: Holding, at: float) -> Holding:
    """Return what to note of a move that EC2 refused: it is over, and not done."""
    return replace(holding, fenced_until=at)


def unheld(holding: Holding, at: float) -> Holding:
    """Return what to note where no verified instance holds the address."""
    return holding if holding.unheld_since is not None else replace(holding, unheld_since=at)


def begin_anew(holding: Holding) -> Holding:
    """Return what to note while a VPC is detached: nobody looks, so no doubt may grow old."""
    return replace(holding, bad_since=None, unheld_since=None)


def _too_early(former: Holding, scene: Scene, policy: Policy) -> AddressDecision | None:
    """Wait where what EC2 shows may not be how things are, or not for long."""
    if scene.has == former.instance_id:
        return None
    shown, holder = former.moved_at, scene.by_id.get(former.instance_id or "")
    lost = scene.has is None and (holder is None or not holder.running)
    if former.fenced_until > scene.at:
        until = former.fenced_until
        reason = f"another pass moves the address to {former.instance_id}: {former.reason}"
    elif lost:  # with the instance that had it: however late the answer is, nobody serves there
        return None
    elif shown is not None and not former.fenced_until and scene.at < shown + policy.fence:
        # EC2 may answer from before the move, also where it has shown the move once
        # (https://docs.aws.amazon.com/ec2/latest/devguide/eventual-consistency.html).
        until = shown + policy.fence
        reason = f"EC2 may show late that the address has moved to {former.instance_id}"
    else:
        return None
    return AddressDecision(
        state=AddressState.WAITING, holding=former, reason=reason, recheck_after=until - scene.at
    )


def _replace(known: Holding, scene: Scene, policy: Policy) -> AddressDecision:
    """Find another holder, for the one that there is cannot prove its rule set, or is gone."""
    why = _trouble(known, scene)
    able = [each for each in scene.able if each != scene.has]
    if not able:
        return AddressDecision(
            state=AddressState.STRANDED,
            holding=known,
            reason=f"{why}; no other NAT instance is verified and well, so nothing is moved",
            recheck_after=policy.recheck,
        )
    # Where nobody has the address any more, clients know the one that had it.
    target = known.instance_id if known.instance_id in able else able[0]
    due = _due(known, scene, policy)
    if scene.at >= due:
        return _move(known, scene, policy, target, _trouble(known, scene, "the holder until then"))
    return AddressDecision(
        state=AddressState.WAITING,
        holding=known,
        reason=f"{why}; the address moves to {target} if that lasts",
        recheck_after=due - scene.at,
    )


def _due(known: Holding, scene: Scene, policy: Policy) -> float:
    """Return when the holder loses the address: at once where it forwards nothing.

    One in doubt later after a move: two instances that flap must not toss the address to and fro.
    """
    if scene.holder is None or not scene.holder.running:
        return scene.at
    since = scene.at if known.bad_since is None else known.bad_since
    rested = 0.0 if known.moved_at is None else known.moved_at + policy.takeover_rest
    return max(since + policy.takeover, rested)


def _move(known: Holding, scene: Scene, policy: Policy, target: str, why: str) -> AddressDecision:
    holding = replace(
        known,
        instance_id=target,
        since=scene.at,
        reason=why,
        moved_from=scene.has or _last(known, target),
        fenced_until=scene.at + policy.fence,
    )
    return AddressDecision(state=AddressState.MOVED, holding=holding, reason=why, target=target)


def _last(known: Holding, target: str) -> str | None:
    """Return who had the address before the target, by the ledger, where EC2 shows nobody."""
    if known.fenced_until:  # a move that was begun and not done: who was to have it never had it
        return known.moved_from
    return None if known.instance_id == target else known.instance_id


def _settled(former: Holding, scene: Scene) -> Holding:
    """Return what is known once EC2 has shown who has the address."""
    has, opened = scene.has, bool(former.fenced_until)
    if _foreign(former, scene):
        place = has or scene.address.interface_id
        reason = f"{place} has the address, and is no NAT instance of this stack here"
        return former if former.reason == reason else _given(former, None, scene.at, reason)
    if has == former.instance_id:
        return done(former, scene.at) if opened else former
    if opened and has in {former.moved_from, None}:
        if scene.holder is None:  # gone meanwhile: what was begun is still to be done
            return former
        reason = f"the move to {former.instance_id} was not done"
        return replace(former, instance_id=has, since=scene.at, reason=reason, fenced_until=0.0)
    if has is None:
        return replace(former, fenced_until=0.0)
    reason = (
        "it had the address already"
        if not former.since
        else "it was given the address by someone else"
    )
    return _given(former, has, scene.at, reason)


def _given(former: Holding, instance_id: str | None, at: float, reason: str) -> Holding:
    """Return what to note of a holder that no pass has chosen."""
    return Holding(
        instance_id=instance_id,
        since=at,
        reason=reason,
        moved_at=former.moved_at,
        unheld_since=former.unheld_since,
    )


def _foreign(former: Holding, scene: Scene) -> bool:
    """Tell whether something has the address that is, and was, no NAT instance of ours."""
    if scene.has is None:
        return scene.address.interface_id is not None
    left = former.moved_from if former.fenced_until else None
    return scene.has not in {*scene.by_id, former.instance_id, left}


def _noted(known: Holding, scene: Scene) -> Holding:
    """Note since when the holder is in doubt, and since when nobody holds the address well."""
    if scene.holder is not None and scene.holder.able:
        return replace(known, bad_since=None, unheld_since=None)
    bad = scene.at if known.bad_since is None else known.bad_since
    return unheld(replace(known, bad_since=bad), scene.at)


def _trouble(known: Holding, scene: Scene, called: str = "which has the address") -> str:
    if scene.holder is not None:
        return f"{scene.holder.instance_id}, {called}, {scene.holder.trouble}"
    if scene.has is None:
        whose = f", which by the ledger is {known.instance_id}'s" if known.instance_id else ""
        return f"nobody had the address{whose}"
    if scene.has != known.instance_id:
        return known.reason  # of the move that was begun
    return f"{scene.has}, which had the address, is gone"
