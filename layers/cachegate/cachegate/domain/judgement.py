"""What too wide means, and what was found of each ingress rule."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from typing import TYPE_CHECKING

from cachegate.errors import ConfigurationError

if TYPE_CHECKING:
    from cachegate.domain.ingress import IngressRule

CACHE_PORTS = frozenset({6379, 6380, 11211})  # Redis and Valkey, their readers' port, Memcached


class SourceClass(StrEnum):
    """What kind of source a rule admits: the first that fits, in this order."""

    UNREADABLE = "unreadable"  # a prefix list whose entries are not known, or no source we know
    GROUP = "group"  # a reference to a security group
    WORLD = "world"  # every address
    PRIVATE = "private"  # wholly in space that the Internet does not reach
    WIDE = "wide"  # too wide by itself
    UNION = "union"  # one of those that must go for the rest not to be too wide together
    SPILL = "spill"  # private space and more
    PUBLIC = "public"  # anything else


class Verdict(StrEnum):
    """What becomes of a rule on a shared group."""

    ALLOW = "allow"
    REPORT = "report"
    REVOKE = "revoke"


@dataclass(frozen=True, slots=True, kw_only=True)
class IngressPolicy:
    """The knobs of the judge. The wide ones are prefix lengths, the union ones shares of a space.

    Sources that together cover a share, or more, are too wide.
    """

    protected: frozenset[int] = CACHE_PORTS  # TCP ports
    wide_ipv4: int = 8
    wide_ipv6: int = 32
    union_ipv4: Fraction = Fraction(1, 2**8)
    union_ipv6: Fraction = Fraction(1, 2**32)
    aws_lists: frozenset[str] = frozenset()  # names of AWS's own prefix lists that may stay

    def __post_init__(self) -> None:
        if not self.protected or not all(1 <= port <= 65535 for port in self.protected):
            raise ConfigurationError("protected ports are one or more of 1-65535")
        if not (0 <= self.wide_ipv4 <= 32 and 0 <= self.wide_ipv6 <= 128):
            raise ConfigurationError(
                f"no such prefix lengths: /{self.wide_ipv4} and /{self.wide_ipv6}"
            )
        if not (0 < self.union_ipv4 <= 1 and 0 < self.union_ipv6 <= 1):
            raise ConfigurationError("a union knob is a share of the space: above 0, at most 1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """One rule's class and verdict, why, and the protected ports that it reaches."""

    rule: IngressRule
    source_class: SourceClass
    reached: tuple[int, ...]  # ascending
    verdict: Verdict
    reason: str
