"""The settings of guard_ingress, read once from the environment that the template gives it.

All durations are in seconds.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from typing import TYPE_CHECKING

from cachegate.domain.guard_policy import GuardPolicy
from cachegate.domain.judgement import IngressPolicy
from cachegate.environment import PREFIX, Reader
from cachegate.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

_ROLE = re.compile(r"arn:[^:]+:iam::[0-9]+:role/.*[^/]")


class Mode(StrEnum):
    """What the guard does with what should go."""

    OBSERVE = "observe"  # say what `enforce` would do
    ENFORCE = "enforce"


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardSettings:
    """What one stack asks of its guard."""

    stack: str  # CACHEGATE_STACK
    table: str  # CACHEGATE_GUARD_TABLE: undo records and findings
    queue_url: str  # CACHEGATE_GUARD_QUEUE_URL
    alert_topic: str  # CACHEGATE_ALERT_TOPIC: ARN of the topic for people
    role: str  # CACHEGATE_GUARD_ROLE: ARN of the role under which the guard calls AWS
    policy: GuardPolicy
    function: str = ""  # AWS_LAMBDA_FUNCTION_NAME, which Lambda itself sets, as AWS_REGION
    region: str = ""
    mode: Mode = Mode.OBSERVE  # CACHEGATE_GUARD_MODE
    may_restore: bool = False  # CACHEGATE_MAY_RESTORE, or the mode enforce: may rules be given back
    retry: float = 10.0  # CACHEGATE_RETRY: before a failed pass is tried again first; see retry.py
    read_back: float = 10.0  # CACHEGATE_READ_BACK: how long EC2 may go on showing a revoked rule
    # CACHEGATE_WORK: after so long a pass begins no further revocation. EC2 may be slow to show
    # each step of one, and a function that Lambda ends tells nobody what it did.
    work: float = 150.0
    resolve_deadline: float = 3.0  # CACHEGATE_RESOLVE_DEADLINE

    @property
    def enforces(self) -> bool:
        """Tell whether what should go does go."""
        return self.mode is Mode.ENFORCE

    @classmethod
    def from_env(cls, environment: Mapping[str, str]) -> GuardSettings:
        """Read them; raise ConfigurationError naming the variable that is missing or wrong."""
        read = Reader(environment)
        mode = Mode(read.choice("GUARD_MODE", tuple(Mode)))
        stack = read.text("STACK")
        return cls(
            stack=stack,
            table=read.text("GUARD_TABLE"),
            queue_url=read.text("GUARD_QUEUE_URL"),
            alert_topic=read.text("ALERT_TOPIC"),
            role=_role(read),
            policy=GuardPolicy(
                stack=stack,
                account=read.text("ACCOUNT"),
                judge=_judge(read),
                revoke_exclusive=read.flag("REVOKE_EXCLUSIVE"),
                carve_ranges=read.flag("CARVE_RANGES"),
                add_own_path=read.flag("ADD_OWN_PATH"),
                peered=read.pairs("PEERED_VPCS"),
                trusted=read.networks("TRUSTED_CIDRS"),
                trusted_ssh=read.networks("TRUSTED_SSH_CIDRS"),
                **read.numbers(GuardPolicy),
            ),
            function=environment.get("AWS_LAMBDA_FUNCTION_NAME", ""),
            region=environment.get("AWS_REGION", ""),
            mode=mode,
            may_restore=mode is Mode.ENFORCE or read.flag("MAY_RESTORE"),
            **read.numbers(cls),
        )


def _role(read: Reader) -> str:
    role = read.text("GUARD_ROLE")
    if not _ROLE.fullmatch(role):
        raise ConfigurationError(f"{PREFIX}GUARD_ROLE is no ARN of a role: {role!r}")
    return role


def _judge(read: Reader) -> IngressPolicy:
    """Read what too wide means: sources together are too wide where one of that width would be."""
    ipv4, ipv6 = _length(read, "WIDE_IPV4", 8, 32), _length(read, "WIDE_IPV6", 32, 128)
    return IngressPolicy(
        wide_ipv4=ipv4,
        wide_ipv6=ipv6,
        union_ipv4=Fraction(1, 2**ipv4),
        union_ipv6=Fraction(1, 2**ipv6),
        aws_lists=frozenset(read.words("ALLOWED_AWS_LISTS")),
    )


def _length(read: Reader, name: str, default: int, most: int) -> int:
    length = read.number(name, default)
    if length > most:
        raise ConfigurationError(f"{PREFIX}{name} is no prefix length: {length} is over {most}")
    return length
