"""Whether a stack may put its NAT instances where it is asked to. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cachegate.domain.routes import INTERNET_GATEWAY, table_of
from cachegate.errors import ConfigurationError
from cachegate.planning.sharing import is_a_caches
from cachegate.planning.text import few, listing

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from cachegate.domain.groups import Interface
    from cachegate.domain.routes import Route, RouteTable, Subnet

MOST_SUBNETS = 2
NAMED = 3  # so many interfaces are named, the others counted


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Where NAT instances shall be made: one in each subnet."""

    vpc_id: str
    subnet_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What EC2 shows of it."""

    subnets: Mapping[str, Subnet]  # of those asked for; one that does not exist is left out
    tables: tuple[RouteTable, ...]  # all of the VPC asked for
    interfaces: Mapping[str, tuple[Interface, ...]]  # by subnet


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Why it is refused, each in a sentence that says what to do; no refusal: it is fine."""

    refusals: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def read_asked(properties: object) -> Asked:
    """Read the properties of the custom resource; raise ConfigurationError where one is wrong.

    An empty subnet is none: the template's parameter for the second one is empty by default.
    """
    found: Mapping[str, Any] = properties if isinstance(properties, Mapping) else {}
    vpc_id, subnets = found.get("Vpc"), found.get("Subnets")
    if not isinstance(vpc_id, str) or not vpc_id:
        raise ConfigurationError("no VPC is named for the NAT instances: set NatVpc")
    if not isinstance(subnets, list) or not all(isinstance(each, str) for each in subnets):
        raise ConfigurationError(f"Subnets is a list of subnet ids, not {subnets!r}")
    named = tuple(each for each in subnets if each)
    if not named:
        raise ConfigurationError("no subnet is named for the NAT instances: set NatSubnet")
    if len(named) > MOST_SUBNETS:
        raise ConfigurationError(f"{len(named)} subnets are named, and NAT instances are two")
    if len(set(named)) < len(named):
        raise ConfigurationError(
            f"{named[0]} is named twice: leave SecondNatSubnet empty, or name a subnet of another "
            "availability zone"
        )
    return Asked(vpc_id=vpc_id, subnet_ids=named)


def judge_network(asked: Asked, ground: Ground) -> Verdict:
    """Say why NAT instances must not be made there, and what may be wrong with it all the same."""
    if not ground.tables:  # every VPC has a main route table
        missing = f"there is no {asked.vpc_id} in this account and Region: name another as NatVpc"
        return Verdict(refusals=(missing,))
    refusals = [why for each in asked.subnet_ids for why in _refusals(each, asked, ground)]
    return Verdict(refusals=tuple(refusals), warnings=tuple(_warnings(asked, ground)))


def _refusals(subnet_id: str, asked: Asked, ground: Ground) -> Iterator[str]:
    subnet = ground.subnets.get(subnet_id)
    if subnet is None:
        yield f"there is no {subnet_id} in this account and Region: name another subnet"
        return
    if subnet.vpc_id != asked.vpc_id:
        yield (
            f"{subnet_id} is in {subnet.vpc_id}, not in {asked.vpc_id}: name subnets of one VPC, "
            "and that VPC as NatVpc"
        )
        return
    if subnet.network is None:
        yield f"{subnet_id} is for IPv6 alone, and forwards are IPv4: name another subnet"
    else:
        yield from _private(subnet, ground.tables)
    caches = [each for each in ground.interfaces.get(subnet_id, ()) if is_a_caches(each)]
    if caches:
        yield (
            f"{subnet_id} also holds cache nodes ({few(list(map(named, caches)), NAMED)}): name a "
            "public subnet without any, since caches belong into private ones"
        )


def _private(subnet: Subnet, tables: Iterable[RouteTable]) -> Iterator[str]:
    table = table_of(subnet, tables)
    if table is None:
        yield f"EC2 shows no route table of {subnet.subnet_id}: name another subnet"
        return
    if leads_outside(table):
        return
    ways = [each for each in table.routes if each.target.startswith(INTERNET_GATEWAY)]
    name = f"{table.table_id} ({'its own' if subnet.subnet_id in table.subnet_ids else 'main'})"
    if ways:
        yield (
            f"{subnet.subnet_id} has no way to the Internet: in its route table {name} "
            f"{listing(map(_in_words, ways))} is a black hole; attach the Internet gateway to "
            f"{subnet.vpc_id} again, or name a public subnet"
        )
    else:
        yield (
            f"{subnet.subnet_id} has no route to an Internet gateway: its route table {name} has "
            "none; add 0.0.0.0/0 to the Internet gateway of the VPC there, or name a public subnet"
        )


def leads_outside(table: RouteTable) -> bool:
    """Tell whether a route to an Internet gateway works."""
    return any(each.active and each.target.startswith(INTERNET_GATEWAY) for each in table.routes)


def _in_words(route: Route) -> str:
    return f"{route.destination or 'a prefix list'} to {route.target}"


def named(interface: Interface) -> str:
    """Name an interface with its description, in which ElastiCache writes the cache's name."""
    described = f" of {interface.description}" if interface.description else ""
    return f"{interface.interface_id}{described}"


def _warnings(asked: Asked, ground: Ground) -> Iterator[str]:
    found = [ground.subnets[each] for each in asked.subnet_ids if each in ground.subnets]
    zones = {each.zone for each in found}
    if len(found) > len(zones):
        yield (
            f"{listing(asked.subnet_ids)} are both in {listing(zones)}: where that availability "
            "zone fails, both NAT instances do"
        )
