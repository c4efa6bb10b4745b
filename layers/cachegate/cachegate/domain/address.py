"""The public address of a VPC's NAT instances, who holds it, and why."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ipaddress import IPv4Address


@dataclass(frozen=True, slots=True, kw_only=True)
class ElasticIp:
    """An Elastic IP as EC2 describes it."""

    allocation_id: str
    address: IPv4Address
    instance_id: str | None = None  # the instance that has it
    interface_id: str | None = None  # the interface that has it; not each belongs to an instance


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """What the ledger knows of the address. Times are seconds since the epoch.

    It is written before the address is moved, so that of two passes only one moves it, and again
    when EC2 shows the move done. Until `fenced_until` all others leave the address alone, for that
    one may still be at it; 0 means that no move is open, and a time that is past that one was begun
    which EC2 has not shown done.
    """

    instance_id: str | None = None  # who is to have the address; None: something that is not ours
    since: float = 0.0  # when that was decided
    reason: str = ""  # why
    moved_from: str | None = None  # who had it before
    moved_at: float | None = None  # when EC2 showed the last move done
    fenced_until: float = 0.0
    bad_since: float | None = None  # the holder does not prove the rule set, or EC2 calls it ill
    unheld_since: float | None = None  # no verified instance that is well has the address


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A NAT instance of the VPC, as far as the address is concerned."""

    instance_id: str
    running: bool
    verified: bool  # it proved the ledger's rule set in this very pass
    ill: bool = False  # EC2's status checks say so
    trouble: str = ""  # in words, where it does not run, is not verified or is ill
    interface: str | None = None  # where the address is to go, of several that it has

    @property
    def able(self) -> bool:
        """Tell whether it may have the address."""
        return self.running and self.verified and not self.ill


class AddressState(StrEnum):
    """How things stand with the address after a pass."""

    HELD = "held"  # by a verified NAT instance
    MOVED = "moved"  # to a verified one; read back, and told by one pass: the one that noted it
    WAITING = "waiting"  # the holder is in doubt, or a move is not seen done: a later pass decides
    STRANDED = "stranded"  # no other NAT instance is verified and well: nothing was moved
    ELSEWHERE = "elsewhere"  # something that is no NAT instance of ours has it, and keeps it
    MISSING = "missing"  # EC2 does not show the address


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressDecision:
    """What a pass decides about the address."""

    state: AddressState
    holding: Holding  # for the ledger
    reason: str
    target: str | None = None  # the instance to move it to now; None where nothing is to be done
    recheck_after: float | None = None  # seconds; None where nothing waits


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressResult:
    """How a pass left the address."""

    state: AddressState
    reason: str
    address: IPv4Address | None  # None: EC2 does not show it, or does not answer
    holder: str | None  # the instance that has it, as EC2 shows it after the pass
    former: str | None = None  # the instance that it was moved from, where it was moved
    unheld_seconds: float = 0.0  # for how long no verified instance held it, up to the decision
    recheck_after: float | None = None  # seconds; where it waits, until it can be decided
    error: str | None = None  # why it is not known who has it, or a move is not seen done
