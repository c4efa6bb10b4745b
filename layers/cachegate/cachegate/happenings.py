"""Events out: what a pass found and did, as others can build on it. Pure.

AWS publishes nothing on EventBridge when a node of a node-based cache is replaced, added or fails
over; a pass knows. docs/events.md describes each event, docs/events/schema.json its fields.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from cachegate.describe_group_rules import describe_wanted
from cachegate.domain.address import AddressState
from cachegate.domain.forward import ForwardKind
from cachegate.domain.plan import ChangeKind
from cachegate.push import InstanceState

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cachegate.domain.address import AddressResult
    from cachegate.domain.group_rules import RuleResult
    from cachegate.domain.ledger import Lease, Ledger
    from cachegate.domain.plan import Change, Plan
    from cachegate.protocols import Heartbeat
    from cachegate.push import InstanceResult

SOURCE = "cachegate"
VERSION = 1


class HappeningKind(StrEnum):
    """The detail-type of an event."""

    NODE_ADDED = "Cache Node Added"
    NODE_REPLACED = "Cache Node Replaced"
    NODE_REMOVED = "Cache Node Removed"
    NODE_FAILED_OVER = "Cache Node Failed Over"
    FORWARD_CHANGED = "Forward Changed"
    TARGET_UNREACHABLE = "Target Unreachable"
    DRIFT_REPAIRED = "Drift Repaired"
    INSTANCE_UNREACHABLE = "NAT Instance Unreachable"
    ADDRESS_MOVED = "Address Moved"
    ADDRESS_STRANDED = "Address Stranded"
    GROUP_RULE_VANISHED = "Group Rule Vanished"
    INGRESS_FOUND = "Ingress Found"
    INGRESS_REVOKED = "Ingress Revoked"
    INGRESS_REFUSED = "Ingress Refused"
    INGRESS_RESTORED = "Ingress Restored"


@dataclass(frozen=True, slots=True)
class Happening:
    """One event: its detail-type, and the fields of its detail."""

    kind: HappeningKind
    detail: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Passed:
    """What one pass did in one VPC, beside what was so before."""

    stack: str
    before: Ledger
    plan: Plan
    instances: tuple[InstanceResult, ...]
    former: Heartbeat
    verified: bool
    address: AddressResult | None = None
    rules: RuleResult | None = None

    def happenings(self) -> tuple[Happening, ...]:
        """Return the events of the pass: each change once, each trouble when it begins."""
        found = (
            *self._of_changes(),
            *self._of_targets(),
            *self._of_instances(),
            *self._of_address(),
            *self._of_rules(),
        )
        return tuple(Happening(kind, self._common() | detail) for kind, detail in found)

    def _common(self) -> dict[str, Any]:
        return {
            "version": VERSION,
            "stack": self.stack,
            "vpc": self.plan.ledger.vpc_id,
            "generation": self.plan.ledger.generation,
            "verified": self.verified,
        }

    def _of_changes(self) -> Iterator[tuple[HappeningKind, dict[str, Any]]]:
        for change in self.plan.changes:
            lease = self._lease(change)
            if change.kind is ChangeKind.HOLD or lease is None:
                continue
            detail = _forward(lease) | {
                "change": change.kind.value,
                "before": [str(target) for target in change.before],
                "after": [str(target) for target in change.after],
                "reason": change.reason,
            }
            yield HappeningKind.FORWARD_CHANGED, detail
            kind = self._node_event(change, lease)
            if kind is HappeningKind.NODE_FAILED_OVER:
                detail = detail | {"node": self._node_at(self.plan.ledger, lease)}
            if kind is not None:
                yield kind, detail

    def _lease(self, change: Change) -> Lease | None:
        key = change.key or ""
        return self.plan.ledger.leases.get(key) or self.before.leases.get(key)

    def _node_event(self, change: Change, lease: Lease) -> HappeningKind | None:
        """Return what the change means for a cache node, if anything."""
        if lease.kind is ForwardKind.PRIMARY and change.kind is ChangeKind.MOVE:
            was, now = (self._node_at(led, lease) for led in (self.before, self.plan.ledger))
            # The same node at another address was replaced, and has its own event.
            return HappeningKind.NODE_FAILED_OVER if was and now and was != now else None
        if lease.kind is not ForwardKind.NODE:
            return None
        if change.kind is ChangeKind.MOVE:
            former = self.before.leases.get(lease.key)
            # In doubt a port leads nowhere first, so a replacement may come in two moves.
            led = change.before or (former.lost if former else ())
            replaced = led and change.after and led != change.after
            return HappeningKind.NODE_REPLACED if replaced else None
        return {
            ChangeKind.ADD: HappeningKind.NODE_ADDED,
            ChangeKind.RETURN: HappeningKind.NODE_ADDED,
            ChangeKind.REST: HappeningKind.NODE_REMOVED,
        }.get(change.kind)

    def _node_at(self, ledger: Ledger, primary: Lease) -> str | None:
        """Return the node that a primary forward leads to by this ledger."""
        lease = ledger.leases.get(primary.key)
        leads = (lease.targets or lease.lost) if lease else ()
        if lease is None or not leads:
            return None
        return next(
            (
                _node(other)
                for other in ledger.leases.values()
                if other.cache == lease.cache
                and other.kind is ForwardKind.NODE
                and (other.targets or other.lost) == leads
            ),
            None,
        )

    def _of_targets(self) -> Iterator[tuple[HappeningKind, dict[str, Any]]]:
        now = {listen for instance in self.instances for listen in instance.unreachable}
        for lease in sorted(self.plan.ledger.leases.values(), key=lambda lease: lease.listen):
            if lease.listen in now - set(self.former.unreachable):
                targets = [str(target) for target in lease.targets]
                yield HappeningKind.TARGET_UNREACHABLE, _forward(lease) | {"targets": targets}

    def _of_instances(self) -> Iterator[tuple[HappeningKind, dict[str, Any]]]:
        for instance in self.instances:
            about = {"instance": instance.instance_id, "reason": instance.reason}
            if self.is_drift(instance):
                yield HappeningKind.DRIFT_REPAIRED, about
            known = instance.instance_id in self.former.offline
            if instance.state is InstanceState.OFFLINE and not known:
                yield HappeningKind.INSTANCE_UNREACHABLE, about

    def _of_address(self) -> Iterator[tuple[HappeningKind, dict[str, Any]]]:
        result = self.address
        if result is None:
            return
        address = None if result.address is None else str(result.address)
        if result.state is AddressState.MOVED:
            moved = {"from": result.former, "to": result.holder}
            about = {"address": address, **moved, "reason": result.reason}
            yield HappeningKind.ADDRESS_MOVED, about
        if is_stranded(result, self.former) and not self.former.stranded:
            about = {"address": address, "state": result.state.value, "holder": result.holder}
            yield HappeningKind.ADDRESS_STRANDED, about | {"reason": result.reason}

    def _of_rules(self) -> Iterator[tuple[HappeningKind, dict[str, Any]]]:
        for wanted in self.rules.vanished if self.rules else ():
            yield HappeningKind.GROUP_RULE_VANISHED, describe_wanted(wanted)

    def is_drift(self, instance: InstanceResult) -> bool:
        """Tell whether an instance had proved this very rule set before, and differed now."""
        proved = self.former.generation == self.plan.ledger.generation
        known = instance.instance_id in self.former.proved and not instance.outdated
        return instance.changed and proved and known


def is_stranded(address: AddressResult | None, former: Heartbeat) -> bool:
    """Tell whether no verified NAT instance has the address, and this pass could give it to none.

    It goes on until one has it again: a pass that waits in between, or knows nothing, is no end.
    """
    if address is None or address.state is AddressState.WAITING:
        return former.stranded
    return address.state not in {AddressState.HELD, AddressState.MOVED}


def _forward(lease: Lease) -> dict[str, Any]:
    return {
        "cache": lease.cache,
        "key": lease.key,
        "kind": lease.kind.value,
        "node": _node(lease) if lease.kind is ForwardKind.NODE else None,
        "listen": lease.listen,
    }


def _node(lease: Lease) -> str:
    """Return `<cluster id>/<node id>` of a node's key."""
    return lease.key.removeprefix(f"{lease.cache}/")
