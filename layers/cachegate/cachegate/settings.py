"""The settings of sync_forwards, read once from the environment that the template gives it.

All durations are in seconds. The names are CACHEGATE_ and the field's name in capitals; the
policy's durations take the same form, for example CACHEGATE_AGREEMENT or CACHEGATE_RECHECK.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cachegate.domain.policy import Policy
from cachegate.environment import PREFIX, Reader
from cachegate.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from ipaddress import IPv4Network


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
    address: str | None = None  # CACHEGATE_ADDRESS: allocation id of the Elastic IP to be held
    address_vpc: str | None = None  # CACHEGATE_ADDRESS_VPC: the VPC whose NAT instances hold it
    release_address: bool = False  # CACHEGATE_RELEASE_ADDRESS: give it back with the stack
    manage_groups: bool = False  # CACHEGATE_MANAGE_GROUPS: add and remove security-group rules
    # CACHEGATE_TRUSTED_SSH_CIDRS: who may reach port 22 of the NAT instances, by managed rules
    ssh_sources: tuple[IPv4Network, ...] = ()
    adopt_owner: str | None = None  # CACHEGATE_ADOPT_FROM: a stack that existed before
    adopt_table: str | None = None  # CACHEGATE_ADOPT_TABLE: its retained ledger, where it exists
    stale_trigger: float = 60.0  # CACHEGATE_STALE_TRIGGER: needless if sent longer before a pass
    resolve_deadline: float = 3.0  # CACHEGATE_RESOLVE_DEADLINE
    retry: float = 10.0  # CACHEGATE_RETRY: before a failed pass is tried again first; see retry.py
    most_rechecks: int = 20  # CACHEGATE_MOST_RECHECKS: then the schedule takes over

    def holds_address_in(self, vpc_id: str) -> bool:
        """Tell whether the NAT instances of a VPC are to have the Elastic IP."""
        return self.address is not None and self.address_vpc == vpc_id

    @property
    def account(self) -> str:
        """Return the account that the stack is in, by the stack's id, which is an ARN."""
        parts = self.owner.split(":")
        return parts[4] if len(parts) > 5 else ""

    @property
    def region(self) -> str:
        """Return the Region that the stack is in, by the same."""
        parts = self.owner.split(":")
        return parts[3] if len(parts) > 5 else ""

    @classmethod
    def from_env(cls, environment: Mapping[str, str]) -> SyncSettings:
        """Read them; raise ConfigurationError naming the variable that is missing or wrong."""
        read = Reader(environment)
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
            enrol=read.flag("ENROL_NOTIFICATIONS"),
            **_address(read),
            manage_groups=read.flag("MANAGE_GROUPS"),
            ssh_sources=read.networks("TRUSTED_SSH_CIDRS"),
            adopt_owner=read.optional("ADOPT_FROM"),
            adopt_table=read.optional("ADOPT_TABLE"),
            **read.numbers(cls),
        )


def _address(read: Reader) -> dict[str, Any]:
    """Read what concerns the Elastic IP: an address without a VPC would be anybody's."""
    address, vpc_id = read.optional("ADDRESS"), read.optional("ADDRESS_VPC")
    if address is not None and vpc_id is None:
        raise ConfigurationError(f"{PREFIX}ADDRESS needs {PREFIX}ADDRESS_VPC: the VPC it is for")
    return {
        "address": address,
        "address_vpc": vpc_id,
        "release_address": read.flag("RELEASE_ADDRESS"),
    }
