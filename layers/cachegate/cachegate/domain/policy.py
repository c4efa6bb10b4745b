"""The knobs of the planner. All durations in seconds; short in the embedded world."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cachegate.errors import ConfigurationError

if TYPE_CHECKING:
    from ipaddress import IPv4Network


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What a stack's parameters and settings ask of the planner."""

    stack: str
    sources: tuple[IPv4Network, ...]  # who may connect; none means nobody
    first_port: int = 6379
    last_port: int = 8378
    widest_plaintext: int = 24  # shortest prefix of sources for caches without TLS and AUTH
    quarantine: float = 7.0 * 24 * 3600
    agreement: float = 60.0  # between two passes that must agree before a removal
    brake_agreement: float = 600.0  # the same for a mass change
    brake_forwards: int = 8  # the brake exists from this many forwards up
    revisit: float = 300.0  # an address left less than this ago is taken back only after two passes
    disagreement_recheck: float = 5.0  # PrimaryEndpoint and CurrentRole differ
    recheck: float = 30.0  # anything else in motion; the pause doubles with each re-check
    recheck_cap: float = 300.0  # up to this
    takeover: float = 60.0  # a holder in doubt for so long loses the address to a verified one
    takeover_rest: float = 300.0  # after a move, before a holder in doubt may lose it again
    fence: float = 20.0  # so long a pass has for a move that it decided, and others keep off
    rules_per_group: int = 60  # in each direction: the quota of the account
    enrol_backoff: float = 300.0  # between two requests for one cache's topic; doubles
    enrol_backoff_most: float = 86400.0  # up to this

    def __post_init__(self) -> None:
        if not 1 <= self.first_port <= self.last_port <= 65535:
            raise ConfigurationError(f"no such port range: {self.first_port}-{self.last_port}")
        if self.widest_plaintext > 32:
            raise ConfigurationError(
                f"{self.widest_plaintext} is no prefix length of an IPv4 network: 0 to 32"
            )
        if self.fence <= 0:
            raise ConfigurationError("the fence of a move has to last some seconds, not 0")
