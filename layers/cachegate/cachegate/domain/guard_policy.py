"""What the guard may do, and where it stops: the knobs of its decisions."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cachegate.domain.judgement import IngressPolicy
from cachegate.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from ipaddress import IPv4Network


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardPolicy:
    """The knobs. Durations are in seconds."""

    stack: str
    account: str  # ours: a group of another account is reported, never changed
    judge: IngressPolicy = field(default_factory=IngressPolicy)  # ports of caches are added to it
    revoke_exclusive: bool = False  # too wide counts also on a group that only caches have
    carve_ranges: bool = False  # ports beside the caches' stay open where a range held both
    add_own_path: bool = False  # the NAT instance's group is admitted where it would be cut off
    most_revocations: int = 20  # of one pass; the rest waits for the next
    most_returns: int = 3  # a rule that was revoked so often is left to a person
    returns_within: float = 30 * 24 * 3600.0
    peered: Mapping[str, str] = field(default_factory=dict)  # cache VPC -> VPC of its NAT instances
    trusted: tuple[IPv4Network, ...] = ()  # whom sync_forwards lets in to listen ports
    trusted_ssh: tuple[IPv4Network, ...] = ()  # and to port 22

    def __post_init__(self) -> None:
        if self.most_returns < 1 or self.most_revocations < 1:
            raise ConfigurationError(
                "the most revocations of a pass, and of a rule that returns, are 1 or more: "
                "the mode that revokes nothing is observe"
            )
