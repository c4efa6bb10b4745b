"""A rule of a security group, as EC2 keeps it: one source, canonical, with description and tags.

moto keeps what was sent: protocol numbers, host bits, no description of groups and prefix lists.
https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_SecurityGroupRule.html has the fields,
https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_IpPermission.html protocols and ports.
"""

from __future__ import annotations

from ipaddress import ip_network
from typing import Any

from moto.ec2.exceptions import InvalidParameterValue
from moto.ec2.models.security_groups import SecurityGroupRule

from local.caches import ACCOUNT, REGION
from local.ec2_base import tag_set

_NAMES = {"1": "icmp", "6": "tcp", "17": "udp", "58": "icmpv6", "all": "-1"}
_KNOWN = {"-1", "tcp", "udp", "icmp", "icmpv6"}
_ALL = -1


class Rule(SecurityGroupRule):
    """A rule that is canonical from the beginning."""

    def __init__(  # noqa: PLR0913, PLR0917  moto's signature
        self,
        ec2_backend: Any,
        ip_protocol: str,
        group_id: str,
        from_port: Any,
        to_port: Any,
        ip_range: dict[str, str] | None,
        source_group: dict[str, str] | None = None,
        prefix_list_id: dict[str, str] | None = None,
        is_egress: bool = True,  # noqa: FBT001, FBT002
        tags: dict[str, str] | None = None,
    ) -> None:
        """Take what a request says; raise InvalidParameterValue where it makes no sense."""
        protocol = _protocol(ip_protocol)
        first, last = _ports(protocol, from_port, to_port)
        super().__init__(
            ec2_backend, protocol, group_id, str(first), str(last), _masked(ip_range or {}),
            source_group, prefix_list_id, is_egress, tags,
        )  # fmt: skip
        # A list's description has no place in moto.
        self.prefix_list = prefix_list_id or {}

    def __eq__(self, other: object) -> bool:
        """Tell whether both admit the same: id, description and tags do not count."""
        return isinstance(other, Rule) and self.admits == other.admits

    def __hash__(self) -> int:
        return hash(self.admits)

    @property
    def admits(self) -> tuple[object, ...]:
        """What it admits."""
        return self.ip_protocol, self.from_port, self.to_port, *self.source

    @property
    def source(self) -> tuple[str | None, str]:
        """The kind of its one source (a field of SecurityGroupRule), and the source."""
        (found,) = (
            (kind, value)
            for kind, value in (
                ("CidrIpv4", self.cidr_ipv4),
                ("CidrIpv6", self.cidr_ipv6),
                ("PrefixListId", self.prefix_list_id),
                ("ReferencedGroupId", self.source_group.get("GroupId")),
            )
            if value
        )
        return found

    @property
    def description(self) -> str | None:
        """What was written beside its source."""
        written: dict[str, str] = self.ip_range or self.source_group or self.prefix_list
        return written.get("Description")

    def shape(self, owner: str) -> dict[str, Any]:
        """Return it as DescribeSecurityGroupRules prints it; the owner is its group's."""
        kind, source = self.source
        shape: dict[str, Any] = self._fields() | {
            "GroupOwnerId": owner,
            "Tags": tag_set(self),
            "SecurityGroupRuleArn": rule_arn(self.id),
        }
        if kind == "ReferencedGroupId":
            shape["ReferencedGroupInfo"] = {
                "GroupId": source,
                "UserId": self.source_group["UserId"],
            }
        else:
            shape[str(kind)] = source
        return shape

    def revoked_shape(self) -> dict[str, Any]:
        """Return it as RevokeSecurityGroupIngress prints what it has revoked: no tags, no ARN."""
        kind, source = self.source
        return self._fields() | {str(kind): source}

    def permission(self) -> dict[str, Any]:
        """Return it as an IpPermission of its own."""
        kind, source = self.source
        written = {"Description": self.description} if self.description else {}
        place, name = {
            "CidrIpv4": ("IpRanges", "CidrIp"),
            "CidrIpv6": ("Ipv6Ranges", "CidrIpv6"),
            "PrefixListId": ("PrefixListIds", "PrefixListId"),
            "ReferencedGroupId": ("UserIdGroupPairs", "GroupId"),
        }[str(kind)]
        ports = {} if self.from_port is None else {"FromPort": self.from_port}
        ports |= {} if self.to_port is None else {"ToPort": self.to_port}
        return {"IpProtocol": self.ip_protocol, **ports, place: [{name: source} | written]}

    def _fields(self) -> dict[str, Any]:
        fields = {
            "SecurityGroupRuleId": self.id,
            "GroupId": self.group_id,
            "IsEgress": self.is_egress,
            "IpProtocol": self.ip_protocol,
            # Ports that there are none of are -1, also where the protocol is -1.
            "FromPort": _ALL if self.from_port is None else self.from_port,
            "ToPort": _ALL if self.to_port is None else self.to_port,
        }
        return fields | ({"Description": self.description} if self.description else {})


def rule_arn(rule_id: str) -> str:
    """Return the ARN of a rule of this account."""
    return f"arn:aws:ec2:{REGION}:{ACCOUNT}:security-group-rule/{rule_id}"


def _protocol(asked: Any) -> str:
    """Return a protocol as EC2 names it: the four known ones by name, all others by number."""
    protocol = str(asked or "").lower()
    name = _NAMES.get(protocol, protocol)
    if name in _KNOWN or (name.isdigit() and int(name) < 256):
        return name
    raise InvalidParameterValue(f"Invalid value '{asked}' for IP protocol. Unknown protocol.")


def _ports(protocol: str, first: Any, last: Any) -> tuple[int, int]:
    """Return ports, or types and codes; TCP and UDP need both, all others may leave them out."""
    bounds = tuple(_ALL if each is None else int(each) for each in (first, last))
    if protocol in {"tcp", "udp"}:
        if first is None or last is None:
            raise InvalidParameterValue(
                "Invalid value for portRange. Must specify both from and to ports with TCP/UDP."
            )
        if not 0 <= bounds[0] <= bounds[1] <= 65535:
            raise InvalidParameterValue(f"TCP/UDP port range {first}-{last} is invalid.")
    return bounds[0], bounds[1]


def _masked(ip_range: dict[str, str]) -> dict[str, str]:
    """Return a range without host bits, as EC2 stores it."""
    masked = dict(ip_range)
    for field, version in (("CidrIp", 4), ("CidrIpv6", 6)):
        if field in masked:
            try:
                network = ip_network(masked[field], strict=False)
            except ValueError:
                raise InvalidParameterValue(f"CIDR block {masked[field]} is malformed") from None
            if network.version != version or "/" not in masked[field]:
                raise InvalidParameterValue(f"CIDR block {masked[field]} is malformed")
            masked[field] = str(network)
    return masked
