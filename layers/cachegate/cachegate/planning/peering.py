"""What is missing on the way from NAT instances to a cache in another VPC. Pure.

Advice only: a way that is not seen here may be there, as over a transit gateway, so nothing that is
forwarded is ever taken away for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Network
from typing import TYPE_CHECKING

from cachegate.domain.plan import Problem
from cachegate.domain.routes import ACTIVE, INTERNET_GATEWAY, PEERING, table_of
from cachegate.planning.text import few, listing

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from ipaddress import IPv4Address

    from cachegate.domain.cache import Cache
    from cachegate.domain.ledger import Ledger
    from cachegate.domain.routes import Peering, Route, RouteTable, Subnet

NAMED = 3  # so many route tables are named, the others counted
# What no packet to another VPC gets through; any other target of a route may lead there.
_NEVER_THERE = (INTERNET_GATEWAY, PEERING, "nat-", "eigw-", "local")
_INSTANCE = ("i-", "eni-")
_SERVICE = "vpce-"  # a gateway endpoint, whose prefix list is that of a service of AWS


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """From the NAT instances of a VPC to one cache in another."""

    cache: str
    home: str  # the VPC of the NAT instances
    away: str  # that of the cache
    targets: frozenset[IPv4Address]
    listens: frozenset[int]  # the listen ports that lead there


@dataclass(frozen=True, slots=True, kw_only=True)
class Roads:
    """What EC2 shows of both VPCs."""

    sources: frozenset[IPv4Address]  # private addresses of the NAT instances
    peerings: tuple[Peering, ...]
    subnets: tuple[Subnet, ...]
    tables: tuple[RouteTable, ...]
    networks: Mapping[str, tuple[IPv4Network, ...]]  # by VPC


@dataclass(frozen=True, slots=True)
class _Leg:
    """One direction: a route table, and an address that packets which it serves must reach."""

    table: RouteTable
    to: IPv4Address
    vpc_id: str  # where that is
    serves: str  # whose route table it is, in words


def ways_out(home: str, caches: Iterable[Cache], ledger: Ledger) -> tuple[Way, ...]:
    """Return the ways of a VPC's forwards that lead into other VPCs, by cache."""
    return tuple(
        _way(home, cache.name, cache.vpc_id, ledger)
        for cache in sorted(caches, key=lambda cache: cache.name)
        if cache.vpc_id is not None and cache.vpc_id != home
    )


def _way(home: str, cache: str, away: str, ledger: Ledger) -> Way:
    leases = [each for each in ledger.leases.values() if each.cache == cache and each.targets]
    return Way(
        cache=cache,
        home=home,
        away=away,
        targets=frozenset(target.address for lease in leases for target in lease.targets),
        listens=frozenset(lease.listen for lease in leases),
    )


def overlap(way: Way, networks: Mapping[str, tuple[IPv4Network, ...]]) -> Problem | None:
    """Say where the networks of both VPCs overlap: such VPCs cannot be peered.

    https://docs.aws.amazon.com/vpc/latest/peering/vpc-peering-basics.html#vpc-peering-limitations
    """
    here = networks.get(way.home, ())
    both = [
        (there, own) for there in networks.get(way.away, ()) for own in here if there.overlaps(own)
    ]
    if not both:
        return None
    theirs, ours = both[0]
    astray = sorted(a for a in way.targets if any(a in network for network in here))
    stay = f", and packets to {few(astray, NAMED)} stay in {way.home}" if astray else ""
    why = (
        f"its {theirs} overlaps with {ours} of {way.home}, so that no peering connection can join "
        f"them{stay}: give {way.away} NAT instances of its own, and take it out of PeeredVpcs"
    )
    return _problem("overlapping_vpcs", way, why)


def missing(way: Way, roads: Roads) -> Problem | None:
    """Say what is not seen on a way, and what to do; None where all of it is there."""
    between = [each for each in roads.peerings if each.vpc_ids == {way.home, way.away}]
    active = sorted(each.connection_id for each in between if each.status == ACTIVE)
    legs = list(_legs(way, roads))
    if not active:
        return _problem("no_peering", way, _not_peered(way, between, legs))
    lacking = [leg for leg in legs if not _may_lead(leg, active)]
    if not lacking:
        return None
    first = {(leg.table.table_id, leg.vpc_id): leg for leg in reversed(lacking)}
    needed = [_needed(first[key], active[0], roads) for key in sorted(first)]
    return _problem("no_route", way, f"no route over {active[0]} is seen: {few(needed, NAMED)}")


def not_shown(way: Way, why: str) -> Problem:
    """Say that EC2 did not show the way."""
    return _problem("peering_unknown", way, f"whether a way leads there is not known: {why}")


def _problem(code: str, way: Way, why: str) -> Problem:
    message = f"{way.cache} is in {way.away}: {why}"
    return Problem(code=code, cache=way.cache, message=message, forwarded=True)


def _legs(way: Way, roads: Roads) -> Iterator[_Leg]:
    """Yield both directions, as far as the subnets of both ends are shown."""
    for source in sorted(roads.sources):
        for table in _serving(source, way.home, roads):
            for target in sorted(way.targets):
                yield _Leg(table, target, way.away, "the NAT instances'")
    for target in sorted(way.targets):
        for table in _serving(target, way.away, roads):
            for source in sorted(roads.sources):
                yield _Leg(table, source, way.home, "the cache's")


def _serving(address: IPv4Address, vpc_id: str, roads: Roads) -> Iterator[RouteTable]:
    """Yield the route table of the subnet that an address of a VPC is in."""
    for subnet in roads.subnets:
        if subnet.vpc_id == vpc_id and subnet.network and address in subnet.network:
            table = table_of(subnet, roads.tables)
            if table is not None:
                yield table


def _may_lead(leg: _Leg, active: Iterable[str]) -> bool:
    """Tell whether the address may be reached: over a peering, or by a way that we cannot see."""
    taken = leg.table.way_to(leg.to)
    # Whether a prefix list holds the address is not known; those of AWS's services do not.
    listed = (
        each
        for each in leg.table.routes
        if each.destination is None and not each.target.startswith(_SERVICE)
    )
    ways = (*listed, taken) if taken is not None else listed
    return any(way.active and (way.target in active or _elsewhere(way)) for way in ways)


def _elsewhere(way: Route) -> bool:
    """Tell whether a route leads to what may know the way; a NAT for all the rest does not."""
    for_all_the_rest = way.destination is not None and way.destination.prefixlen == 0
    return not way.target.startswith(_NEVER_THERE) and not (
        for_all_the_rest and way.target.startswith(_INSTANCE)
    )


def _not_peered(way: Way, between: Iterable[Peering], legs: list[_Leg]) -> str:
    seen = f"no active peering connection between {way.home} and {way.away} is seen"
    found = [leg.table.way_to(leg.to) for leg in legs]
    others = {each.target for each in found if each and each.active and _elsewhere(each)}
    if others and all(_may_lead(leg, ()) for leg in legs):
        return f"{seen}; packets go by {listing(sorted(others))}, which is not looked into"
    waiting = sorted(e.connection_id for e in between if e.status == "pending-acceptance")
    if waiting:
        accept = f"aws ec2 accept-vpc-peering-connection --vpc-peering-connection-id {waiting[0]}"
        return f"{seen}: {waiting[0]} waits to be accepted ({accept}), then add routes both ways"
    make = f"aws ec2 create-vpc-peering-connection --vpc-id {way.home} --peer-vpc-id {way.away}"
    return f"{seen}: make one ({make}), accept it, and add routes both ways"


def _needed(leg: _Leg, connection: str, roads: Roads) -> str:
    """Return the command that leads a leg's address over a peering connection.

    It adds a route to the network that holds the address, or changes one that would win over it.
    """
    networks = roads.networks.get(leg.vpc_id, ())
    network = next((each for each in networks if leg.to in each), IPv4Network(leg.to))
    taken = leg.table.way_to(leg.to)
    verb = "create-route"
    if taken and taken.destination and taken.destination.prefixlen >= network.prefixlen:
        verb, network = "replace-route", taken.destination
    return (
        f"aws ec2 {verb} --route-table-id {leg.table.table_id} --destination-cidr-block "
        f"{network} --vpc-peering-connection-id {connection} ({leg.serves} subnet)"
    )
