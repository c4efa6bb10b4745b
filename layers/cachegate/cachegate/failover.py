"""Keep the address on a NAT instance that has just proved the rule set."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from cachegate.domain.address import AddressResult, AddressState, Candidate, Holding
from cachegate.domain.cache import Health
from cachegate.errors import AddressRefusedError, LedgerConflictError, TransientError
from cachegate.planning.failover import Scene, begin_anew, decide, done, undone, unheld
from cachegate.push import InstanceState

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cachegate.domain.address import AddressDecision, ElasticIp
    from cachegate.domain.cache import NatInstance
    from cachegate.domain.ledger import Ledger
    from cachegate.protocols import Adapters, Record
    from cachegate.push import InstanceResult
    from cachegate.settings import SyncSettings

# Of the fence. The call may take 8 s more, see ONCE in aws/clients.py; what is left of 20 s is for
# clocks that differ.
BEGIN_WITHIN = 0.25


def hold(
    adapters: Adapters,
    settings: SyncSettings,
    record: Record,
    candidates: tuple[Candidate, ...],
    wanted: str | None = None,
) -> tuple[Record, AddressResult]:
    """Decide who holds the address, write it down, move it where needed, and read it back.

    Raise LedgerConflictError where another pass decided meanwhile, or its rule set is another:
    nothing was moved then, and what this pass has seen may be old. Where EC2 does not answer, the
    result has an error.
    """
    try:
        return _hold(adapters, settings, record, candidates, wanted)
    except LedgerConflictError:
        latest = adapters.ledgers.load(record.ledger.vpc_id)
        if latest is None or not _proof_stands(record.ledger, latest.ledger):
            raise
        return _hold(adapters, settings, latest, candidates, wanted)


def _proof_stands(read: Ledger, latest: Ledger) -> bool:
    """Tell whether what this pass has seen may be decided by, though the ledger was written since.

    To observe and prove anew would take as long as a holder that hangs is waited for.
    """
    undecided = begin_anew(read.holding or Holding()) == begin_anew(latest.holding or Holding())
    return undecided and read.generation == latest.generation and not latest.detached


def _hold(
    adapters: Adapters,
    settings: SyncSettings,
    record: Record,
    candidates: tuple[Candidate, ...],
    wanted: str | None,
) -> tuple[Record, AddressResult]:
    former = record.ledger.holding or Holding()
    try:
        address = find(adapters, settings)
    except TransientError as error:
        return record, _unknown(former, adapters.clock(), str(error))
    if address is None:
        record = _note(adapters, record, unheld(former, adapters.clock()))
        return record, missing(settings, _unheld_seconds(former, adapters.clock()))
    decision = consider(adapters, settings, record, address, candidates, wanted)
    record = _note(adapters, record, decision.holding)
    if decision.target is None:
        return record, result(decision, address, decision.holding, adapters.clock())
    if adapters.clock() > decision.holding.since + settings.policy.fence * BEGIN_WITHIN:
        raise LedgerConflictError("the ledger was slow, and another pass may soon move the address")
    (chosen,) = (each for each in candidates if each.instance_id == decision.target)
    return _moved(adapters, settings, record, decision, address, chosen.interface)


def find(adapters: Adapters, settings: SyncSettings) -> ElasticIp | None:
    """Return the stack's Elastic IP, as EC2 shows it now."""
    return adapters.addresses.find(settings.address) if settings.address else None


def missing(settings: SyncSettings, unheld_seconds: float = 0.0) -> AddressResult:
    """Report an address that EC2 does not show. Trying again in seconds cannot help: no error."""
    return AddressResult(
        state=AddressState.MISSING,
        reason=f"EC2 shows no Elastic IP {settings.address} in this Region: deploy with one that "
        "exists",
        address=None,
        holder=None,
        unheld_seconds=unheld_seconds,
        recheck_after=settings.policy.recheck,
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
    scene = Scene(at=adapters.clock(), address=address, candidates=candidates, wanted=wanted)
    return decide(record.ledger.holding or Holding(), scene, settings.policy)


def result(
    decision: AddressDecision, address: ElasticIp, holding: Holding, at: float
) -> AddressResult:
    """Tell how things stand."""
    return AddressResult(
        state=decision.state,
        reason=decision.reason,
        address=address.address,
        holder=address.instance_id,
        former=holding.moved_from if decision.state is AddressState.MOVED else None,
        unheld_seconds=_unheld_seconds(holding, at),
        recheck_after=decision.recheck_after,
    )


def candidates_of(
    instances: Iterable[NatInstance], results: Iterable[InstanceResult]
) -> tuple[Candidate, ...]:
    """Say of each NAT instance of a VPC whether it may have the address now.

    One that lost its tag is among them where the results tell of it: it may still have the address.
    """
    proofs = {each.instance_id: each for each in results}
    return (
        *(_candidate(each, proofs.get(each.instance_id)) for each in instances),
        *(_untagged(each) for each in proofs.values() if each.state is InstanceState.UNTAGGED),
    )


def _moved(
    adapters: Adapters,
    settings: SyncSettings,
    record: Record,
    decision: AddressDecision,
    address: ElasticIp,
    interface: str | None,
) -> tuple[Record, AddressResult]:
    """Move the address as decided and noted, and say what EC2 shows then."""
    target, holding = str(decision.target), decision.holding
    error, over = f"EC2 does not show the address at {target} yet", False
    try:
        adapters.addresses.associate(address.allocation_id, target, interface)
    except AddressRefusedError as refusal:
        error, over = str(refusal), True
    except TransientError as silence:
        error = str(silence)
    try:
        shown = find(adapters, settings) or address
    except TransientError:
        shown = address
    state = decision.state if shown.instance_id == target else AddressState.WAITING
    how = result(replace(decision, state=state), shown, holding, adapters.clock())
    if state is AddressState.WAITING:
        how = replace(how, error=error)
        noted = undone(holding, adapters.clock()) if over else holding
    else:
        noted = done(holding, adapters.clock())
    try:
        return _note(adapters, record, noted), how
    except LedgerConflictError:  # who wrote meanwhile sees by EC2 how the move ended
        if state is AddressState.MOVED:  # and tells of it; to tell twice would count it twice
            how = replace(how, state=AddressState.HELD, former=None)
        return record, how


def _unknown(holding: Holding, at: float, error: str) -> AddressResult:
    return AddressResult(
        state=AddressState.WAITING,
        reason=error,
        address=None,
        holder=None,
        unheld_seconds=_unheld_seconds(holding, at),
        error=error,
    )


def _unheld_seconds(holding: Holding, at: float) -> float:
    since = holding.unheld_since
    return 0.0 if since is None else max(0.0, at - since)  # two clocks


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
        interface=instance.interface,
    )


def _untagged(proof: InstanceResult) -> Candidate:
    return Candidate(
        instance_id=proof.instance_id,
        running=True,
        verified=False,
        trouble="has lost the tag cachegate:nat",
    )


def _note(adapters: Adapters, record: Record, holding: Holding) -> Record:
    """Write it where it says something new; raise LedgerConflictError where another pass wrote."""
    if holding == record.ledger.holding:
        return record
    return adapters.ledgers.save(replace(record.ledger, holding=holding), record.version)
