"""Whether anything but caches has a security group: the evidence of network interfaces. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cachegate.domain.finding import Sharing, Use
from cachegate.planning.text import few, listing

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from ipaddress import IPv4Address, IPv6Address

    from cachegate.domain.groups import Interface, SecurityGroup

NAMED = 3  # so many interfaces are named in a reason, the others counted

_ELASTICACHE = "elasticache"
_REQUESTER = "amazon-elasticache"
# What has one of these types is never a cache's; "interface" and "vpc_endpoint" may be
# (NetworkInterfaceType in EC2's API model; nat_gateway is how its documentation spells one of them,
# https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeNetworkInterfaces.html).
_OTHER_KINDS = frozenset(
    {
        "api_gateway_managed",
        "aws_codestar_connections_managed",
        "branch",
        "efa",
        "efa-only",
        "gateway_load_balancer",
        "gateway_load_balancer_endpoint",
        "global_accelerator_managed",
        "iot_rules_managed",
        "lambda",
        "load_balancer",
        "nat_gateway",
        "natGateway",
        "network_load_balancer",
        "quicksight",
        "transit_gateway",
        "trunk",
    }
)
# Load balancers and databases have the type "interface" too; how they sign is seen, not documented.
_OTHER_REQUESTERS = frozenset({"amazon-elb", "amazon-rds"})


def sharing(
    group: SecurityGroup,
    interfaces: Iterable[Interface],
    cache_addresses: Collection[IPv4Address | IPv6Address],
    *,
    complete: bool = True,
) -> Sharing:
    """Tell who has a group, going by all network interfaces that have it.

    `cache_addresses` are those of the endpoints of the caches that have the group. Where they are
    not complete, an interface that nothing else tells about may be one of theirs.
    """
    members = sorted(interfaces, key=lambda each: each.interface_id)
    strange = [each for each in members if not is_a_caches(each, cache_addresses)]
    unknown = tuple(each for each in strange if _may_be_a_caches(each, complete=complete))
    others = tuple(each for each in strange if not _may_be_a_caches(each, complete=complete))
    if group.is_default:
        whatever = "it is the default group of its VPC: whatever names no group has it"
        reason = f"{whatever}{f', as {_named(others)}' if others else ''}"
        use = Use.SHARED
    elif others:
        use, reason = Use.SHARED, f"{_named(others)} {'has' if len(others) == 1 else 'have'} it too"
    elif unknown:
        use = Use.DOUBTFUL
        reason = f"{_named(unknown)} may be a cache's or not"
    else:
        use, reason = Use.EXCLUSIVE, "caches alone have it"
    return Sharing(use=use, reason=reason, others=others, unknown=unknown)


def in_words(interface: Interface) -> str:
    """Name an interface with what tells people whose it is."""
    about = interface.attached_to or interface.requester or interface.description
    public = (
        f", public at {listing(sorted(interface.public_addresses, key=str))}"
        if interface.public_addresses
        else ""
    )
    return f"{interface.interface_id} ({about or 'unattached'}{public})"


def is_a_caches(
    interface: Interface, cache_addresses: Collection[IPv4Address | IPv6Address] = ()
) -> bool:
    """Tell whether its address is a cache's, or AWS says so in one of the ways that were seen."""
    if _is_anothers(interface):
        return False  # whatever DNS answers and its description says
    if not interface.addresses.isdisjoint(cache_addresses):
        return True
    # A description is its owner's to write, so it counts only where a service made the interface.
    says_so = interface.description.lower().startswith(_ELASTICACHE)
    return _REQUESTER in {interface.requester, interface.attached_to} or (
        interface.requester_managed and says_so
    )


def _may_be_a_caches(interface: Interface, *, complete: bool) -> bool:
    return not _is_anothers(interface) and (interface.requester_managed or not complete)


def _is_anothers(interface: Interface) -> bool:
    """Tell whether its instance, its type or who made it says that it is no cache's."""
    return (
        interface.attached_to.startswith("i-")
        or interface.kind in _OTHER_KINDS
        or interface.requester in _OTHER_REQUESTERS
    )


def _named(interfaces: tuple[Interface, ...]) -> str:
    # The public ones first: they are what makes it matter.
    ordered = sorted(interfaces, key=lambda each: not each.public_addresses)
    return few(list(map(in_words, ordered)), NAMED)
