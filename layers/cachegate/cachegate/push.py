"""Push a rule set to NAT instances and read from the replies what has been proved."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from cachegate.domain.capacity import Capacity

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cachegate.domain.agent import Reply
    from cachegate.domain.cache import NatInstance
    from cachegate.domain.ledger import Ledger


class InstanceState(StrEnum):
    """What a pass knows of one NAT instance."""

    VERIFIED = "verified"  # its kernel holds the rule set: read back and reported
    STOPPED = "stopped"  # it does not run, so it forwards nothing
    OFFLINE = "offline"  # it runs, and SSM cannot reach it (yet)
    FAILED = "failed"  # it was asked and did not prove it
    UNTAGGED = "untagged"  # it was given rules and has lost its tag: still open


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceResult:
    """How the push to one NAT instance ended, with the reason in words."""

    instance_id: str
    state: InstanceState
    reason: str = ""
    changed: bool = False
    backend: str = ""
    flows_told: int = 0
    unreachable: tuple[int, ...] = ()  # listen ports whose targets did not answer
    warnings: tuple[str, ...] = ()
    outdated: bool = False  # another agent than ours was installed there before
    capacity: Capacity = field(default_factory=Capacity)


def judge(reply: Reply, ledger: Ledger) -> InstanceResult:
    """Say whether a reply to `apply` proves that the kernel holds the ledger's rule set."""
    if reply.unreached:
        return _ended(reply, InstanceState.OFFLINE, reply.failure or "not registered with SSM")
    if reply.failure is not None or reply.report is None:
        return _ended(reply, InstanceState.FAILED, reply.failure or "the agent reported nothing")
    report = reply.report
    got = (report.get("generation"), report.get("digest"))
    wanted = (ledger.generation, ledger.rule_set.digest)
    if got != wanted:
        said = f"generation {got[0]}, digest {str(got[1])[:12]}"
        return _ended(
            reply,
            InstanceState.FAILED,
            f"the agent reports {said}, not generation {wanted[0]}, digest {wanted[1][:12]}",
        )
    return InstanceResult(
        instance_id=reply.instance_id,
        state=InstanceState.VERIFIED,
        changed=bool(report.get("changed")),
        backend=str(report.get("backend", "")),
        flows_told=int(report.get("flows_told", 0)),
        unreachable=tuple(report.get("unreachable", ())),
        warnings=tuple(report.get("warnings", ())),
        capacity=Capacity.read(report),
    )


def still_proved(reply: Reply, ledger: Ledger) -> InstanceResult | None:
    """Return a proof where a reply to `inspect` shows the rule set in force; else None."""
    report = reply.report if reply.failure is None else None
    if report is None or report.get("drift") is not False or is_outdated(reply):
        return None
    if (report.get("generation"), report.get("digest")) != (
        ledger.generation,
        ledger.rule_set.digest,
    ):
        return None
    return InstanceResult(
        instance_id=reply.instance_id,
        state=InstanceState.VERIFIED,
        backend=str(report.get("backend", "")),
        unreachable=tuple(report.get("unreachable", ())),
        warnings=tuple(report.get("warnings", ())),
        capacity=Capacity.read(report),
    )


def is_outdated(reply: Reply) -> bool:
    """Tell whether a reply to `inspect` says that another agent is installed, or a part of ours."""
    return (reply.report or {}).get("installed") is False


def _ended(reply: Reply, state: InstanceState, reason: str) -> InstanceResult:
    return InstanceResult(instance_id=reply.instance_id, state=state, reason=reason)


def not_asked(
    instances: Iterable[NatInstance], untagged: Iterable[str]
) -> tuple[InstanceResult, ...]:
    """Report the NAT instances that a push does not go to."""
    stopped = (
        InstanceResult(
            instance_id=instance.instance_id,
            state=InstanceState.STOPPED,
            reason=f"the instance is {instance.state}",
        )
        for instance in instances
        if instance.state != "running"
    )
    open_still = (
        InstanceResult(
            instance_id=instance_id,
            state=InstanceState.UNTAGGED,
            reason="it lost the tag cachegate:nat and still forwards: give the tag back, or run "
            "`agent.py remove` there",
        )
        for instance_id in untagged
    )
    return (*stopped, *open_still)
