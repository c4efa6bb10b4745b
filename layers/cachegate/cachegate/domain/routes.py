"""Where the subnets of VPCs lead: route tables and peering connections, as EC2 describes them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from ipaddress import IPv4Address, IPv4Network

INTERNET_GATEWAY, PEERING = "igw-", "pcx-"  # what ids of these begin with
ACTIVE = "active"  # status of a peering connection that carries packets


@dataclass(frozen=True, slots=True, kw_only=True)
class Subnet:
    """A subnet, which lies in one availability zone."""

    subnet_id: str
    vpc_id: str
    zone: str
    network: IPv4Network | None  # None: it is for IPv6 alone


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """Where packets for some IPv4 addresses go."""

    destination: IPv4Network | None  # None: those of a prefix list, which are not looked up
    target: str  # an id such as igw-..., pcx-... or tgw-..., or "local"
    active: bool = True  # False: a black hole, since what it leads to is not there


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteTable:
    """A route table; the main one of a VPC serves all subnets that name none."""

    table_id: str
    vpc_id: str
    main: bool
    subnet_ids: frozenset[str]  # those that name it
    routes: tuple[Route, ...]  # of IPv4

    def way_to(self, address: IPv4Address) -> Route | None:
        """Return the route that packets to an address take: the most specific one.

        https://docs.aws.amazon.com/vpc/latest/userguide/route-tables-priority.html
        """
        fitting = [
            (each.destination.prefixlen, each)
            for each in self.routes
            if each.destination is not None and address in each.destination
        ]
        return max(fitting, key=lambda pair: pair[0])[1] if fitting else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Peering:
    """A peering connection between two VPCs."""

    connection_id: str
    vpc_ids: frozenset[str]
    status: str  # EC2's code, such as active, pending-acceptance or deleted


def table_of(subnet: Subnet, tables: Iterable[RouteTable]) -> RouteTable | None:
    """Return the route table that a subnet uses; None where it is not among those known."""
    known = tuple(tables)
    own = (each for each in known if subnet.subnet_id in each.subnet_ids)
    main = (each for each in known if each.main and each.vpc_id == subnet.vpc_id)
    return next(own, None) or next(main, None)
