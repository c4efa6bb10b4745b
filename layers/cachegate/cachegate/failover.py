"""Keep the address on a NAT instance that has just proved the rule set."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from cachegate.domain.address import AddressResult, AddressState, Candidate, Holding
from cachegate.domain.cache import Health
from cachegate.errors import AddressRefusedError, LedgerConflictError, TransientError
from cachegate.planning.failover import Scene, decide, done
from cachegate.push import InstanceState

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cachegate.domain.address import AddressDecision, ElasticIp
    from cachegate.domain.cache import NatInstance
    from cachegate.protocols import Adapters, Record
    from cachegate.push import InstanceResult
    from cachegate.settings import SyncSettings

# Of the fence: what is left is for the call itself, which may take as long to time out.
BEGIN_WITHIN = 0.5


def hold(
    adapters: Adapters,
    settings: SyncSettings,
    record: Record,
    candidates: tuple[Candidate, ...],
    wanted: str | None = None,
) -> tuple[Record, AddressResult]:
    """Decide who holds the address, write it down, move it where needed, and read it back.

    Raise LedgerConflictError where another pass wrote the ledger: nothing was moved then, and
    what this pass has seen may be old.
    """
    address = find(adapters, settings)
    if address is None:
        return record, missing(settings)
    decision = consider(adapters, settings, record, address, candidates, wanted)
    record = _note(adapters, record, decision.holding)
    if decision.target is None:
        return record, result(decision, address, decision.holding, adapters.clock())
    began, error = adapters.clock(), None
    if began > decision.holding.since + settings.policy.fence * BEGIN_WITHIN:
        raise LedgerConflictError("the ledger was slow, and another pass may move the address now")
    try:
        adapters.addresses.associate(address.allocation_id, decision.target)
    except (AddressRefusedError, TransientError) as refusal:
        error = str(refusal)
    now = find(adapters, settings) or address
    if now.instance_id != decision.target:
        waiting = replace(decision, state=AddressState.WAITING)
        failed = result(waiting, now, record.ledger.holding or Holding(), adapters.clock())
        return record, replace(
            failed, error=error or f"EC2 does not show the address at {decision.target} yet"
        )
    moved = result(decision, now, decision.holding, adapters.clock())
    with suppress(LedgerConflictError):  # who wrote meanwhile sees by EC2 that the move is done
        record = _note(adapters, record, done(decision.holding, adapters.clock()))
    return record, replace(moved, former=address.instance_id)


def find(adapters: Adapters, settings: SyncSettings) -> ElasticIp | None:
    """Return the stack's Elastic IP, as EC2 shows it now."""
    return adapters.addresses.find(settings.address) if settings.address else None


def missing(settings: SyncSettings) -> AddressResult:
    """Report an address that EC2 does not show."""
    return AddressResult(
        state=AddressState.MISSING,
        reason=f"EC2 shows no Elastic IP {settings.address} in this Region",
        address=None,
        holder=None,
        error=f"there is no Elastic IP {settings.address}: deploy with one that exists",
    )


def consider(
    adapters: Adapters,
    settings: SyncSettings,
    record: Record,
    address: ElasticIp,
    candidates: tuple[Candidate, ...],
    wanted: str | None = None,
) -> AddressDecision:
    """Decide, and change nothing."""
    scene = Scene(
        at=adapters.clock(),
        address=address,
        candidates=candidates,
        foreign=_foreign(adapters, address, candidates),
        wanted=wanted,
    )
    return decide(record.ledger.holding or Holding(), scene, settings.policy)


def result(
    decision: AddressDecision, address: ElasticIp, holding: Holding, at: float
) -> AddressResult:
    """Tell how things stand."""
    unheld = holding.unheld_since
    return AddressResult(
        state=decision.state,
        reason=decision.reason,
        address=address.address,
        holder=address.instance_id,
        unheld_seconds=0.0 if unheld is None else max(0.0, at - unheld),
        recheck_after=decision.recheck_after,
    )


def candidates_of(
    instances: Iterable[NatInstance], results: Iterable[InstanceResult]
) -> tuple[Candidate, ...]:
    """Say of each NAT instance of a VPC whether it may have the address now."""
    proofs = {each.instance_id: each for each in results}
    return tuple(_candidate(each, proofs.get(each.instance_id)) for each in instances)


def _candidate(instance: NatInstance, proof: InstanceResult | None) -> Candidate:
    running = instance.state == "running"
    verified = proof is not None and proof.state is InstanceState.VERIFIED
    ill = instance.health is Health.IMPAIRED
    if not running:
        trouble = f"is {instance.state}"
    elif not verified:
        trouble = f"is not verified: {proof.reason if proof else 'it was not asked'}"
    else:
        trouble = "fails EC2's status checks" if ill else ""
    return Candidate(
        instance_id=instance.instance_id,
        running=running,
        verified=verified,
        ill=ill,
        trouble=trouble,
    )


def _foreign(adapters: Adapters, address: ElasticIp, candidates: tuple[Candidate, ...]) -> bool:
    """Tell whether something else than a NAT instance of ours has the address, and lives."""
    if address.instance_id is None:
        return address.interface_id is not None
    if address.instance_id in {each.instance_id for each in candidates}:
        return False
    return address.instance_id in adapters.network.running([address.instance_id])


def _note(adapters: Adapters, record: Record, holding: Holding) -> Record:
    """Write it where it says something new; raise LedgerConflictError where another pass wrote."""
    if holding == record.ledger.holding:
        return record
    return adapters.ledgers.save(replace(record.ledger, holding=holding), record.version)
