"""The settings of sync_forwards, read once from the environment that the template gives it.

All durations are in seconds. The names are CACHEGATE_ and the field's name in capitals; the
policy's durations take the same form, for example CACHEGATE_AGREEMENT or CACHEGATE_RECHECK.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from ipaddress import IPv4Network, collapse_addresses
from typing import TYPE_CHECKING, Any

from cachegate.domain.policy import Policy
from cachegate.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

PREFIX = "CACHEGATE_"


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncSettings:
    """What one stack asks of its passes."""

    stack: str  # CACHEGATE_STACK: the stack's name, as tags carry it
    owner: str  # CACHEGATE_OWNER: the stack's id, as agents record it
    table: str  # CACHEGATE_TABLE
    document: str  # CACHEGATE_DOCUMENT
    queue_url: str  # CACHEGATE_QUEUE_URL
    topic: str  # CACHEGATE_TOPIC: ARN of the topic for caches' notifications
    policy: Policy  # CACHEGATE_TRUSTED_CIDRS, CACHEGATE_LISTEN_PORTS and durations
    peered: Mapping[str, str]  # CACHEGATE_PEERED_VPCS: cache VPC -> VPC of its NAT instances
    resolve_on_instance: bool = False  # CACHEGATE_RESOLVE_FROM: lambda or nat-instance
    enrol: bool = False  # CACHEGATE_ENROL_NOTIFICATIONS: may caches be brought to our topic
    adopt_owner: str | None = None  # CACHEGATE_ADOPT_FROM: a stack that existed before
    adopt_table: str | None = None  # CACHEGATE_ADOPT_TABLE: its retained ledger, where it exists
    stale_trigger: float = 60.0  # CACHEGATE_STALE_TRIGGER: needless if sent longer before a pass
    resolve_deadline: float = 3.0  # CACHEGATE_RESOLVE_DEADLINE
    retry: float = 10.0  # CACHEGATE_RETRY: before a failed pass is tried again first; see retry.py
    most_rechecks: int = 20  # CACHEGATE_MOST_RECHECKS: then the schedule takes over

    @classmethod
    def from_env(cls, environment: Mapping[str, str]) -> SyncSettings:
        """Read them; raise ConfigurationError naming the variable that is missing or wrong."""
        read = _Reader(environment)
        stack = read.text("STACK")
        first, last = read.port_range("LISTEN_PORTS")
        sources = read.networks("TRUSTED_CIDRS")
        return cls(
            stack=stack,
            owner=read.text("OWNER"),
            table=read.text("TABLE"),
            document=read.text("DOCUMENT"),
            queue_url=read.text("QUEUE_URL"),
            topic=read.text("TOPIC"),
            policy=Policy(
                stack=stack,
                sources=sources,
                first_port=first,
                last_port=last,
                **read.numbers(Policy),
            ),
            peered=read.pairs("PEERED_VPCS"),
            resolve_on_instance=read.choice("RESOLVE_FROM", ("lambda", "nat-instance")) != "lambda",
            enrol=read.choice("ENROL_NOTIFICATIONS", ("false", "true")) == "true",
            adopt_owner=read.optional("ADOPT_FROM"),
            adopt_table=read.optional("ADOPT_TABLE"),
            **read.numbers(cls),
        )


@dataclass(frozen=True, slots=True)
class _Reader:
    environment: Mapping[str, str]

    def optional(self, name: str) -> str | None:
        """Return the text, or None where the variable is missing or empty."""
        return self.environment.get(PREFIX + name, "").strip() or None

    def text(self, name: str) -> str:
        """Return the text of a variable that must be there."""
        value = self.optional(name)
        if value is None:
            raise ConfigurationError(f"the environment variable {PREFIX}{name} is missing")
        return value

    def choice(self, name: str, allowed: tuple[str, ...]) -> str:
        """Return one of the allowed words; the first of them where nothing is said."""
        value = self.optional(name) or allowed[0]
        if value not in allowed:
            raise ConfigurationError(
                f"{PREFIX}{name} is {value!r}, not one of {', '.join(allowed)}"
            )
        return value

    def networks(self, name: str) -> tuple[IPv4Network, ...]:
        """Read a comma-separated list of IPv4 networks; joined where they touch, and sorted.

        Host bits are masked, as AWS does with the CIDRs of security-group rules.
        """
        found = []
        for part in filter(None, (self.optional(name) or "").replace(" ", "").split(",")):
            try:
                found.append(IPv4Network(part, strict=False))
            except ValueError as error:
                raise ConfigurationError(f"{PREFIX}{name}: {error}") from error
        return tuple(collapse_addresses(found))

    def port_range(self, name: str) -> tuple[int, int]:
        """Read a range such as 6379-8378."""
        match = re.fullmatch(r"(\d{1,5})-(\d{1,5})", self.text(name))
        if match is None:
            raise ConfigurationError(f"{PREFIX}{name} is not a range such as 6379-8378")
        return int(match[1]), int(match[2])

    def pairs(self, name: str) -> dict[str, str]:
        """Read a comma-separated list of a=b."""
        parts = filter(None, (self.optional(name) or "").replace(" ", "").split(","))
        pairs = dict(part.partition("=")[::2] for part in parts)
        if not all(pairs.values()):
            raise ConfigurationError(f"{PREFIX}{name} is not a list such as vpc-cache=vpc-nat")
        return pairs

    def numbers(self, owner: type[Policy | SyncSettings]) -> dict[str, Any]:
        """Read every number of the class that has a default and is not part of the port range."""
        return {
            field.name: self._number(field.name.upper(), field.default)
            for field in fields(owner)
            if isinstance(field.default, int | float)
            and not isinstance(field.default, bool)
            and not field.name.endswith("_port")
        }

    def _number(self, name: str, default: float) -> float:
        text = self.optional(name)
        try:
            value = default if text is None else type(default)(float(text))
        except ValueError as error:
            raise ConfigurationError(f"{PREFIX}{name} is not a number: {text!r}") from error
        if value < 0:
            raise ConfigurationError(f"{PREFIX}{name} is negative: {text}")
        return value
