"""Observe: ask AWS and DNS once, and sort the answers by VPC."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cachegate.domain.cache import Observation, Vpc
from cachegate.planning.select import select

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from ipaddress import IPv4Network

    from cachegate.domain.cache import Cache, NatInstance
    from cachegate.domain.plan import Problem
    from cachegate.protocols import Adapters
    from cachegate.settings import SyncSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """What one pass saw, by the VPC of the NAT instances."""

    at: float  # seconds since the epoch, before the first question was asked
    instances: tuple[NatInstance, ...]  # of this stack
    observations: Mapping[str, Observation]
    networks: Mapping[str, tuple[IPv4Network, ...]]  # by VPC, of those and of the caches'
    problems: tuple[Problem, ...]  # caches that belong to no VPC of ours, failed describes

    def restless(self, vpc_id: str) -> bool:
        """Tell whether AWS still works on a cache of this VPC."""
        caches = self.observations[vpc_id].caches
        return any(cache.status.lower() != "available" for cache in caches)

    def instances_in(self, vpc_id: str) -> tuple[NatInstance, ...]:
        """Return the NAT instances of one VPC."""
        return tuple(i for i in self.instances if i.vpc_id == vpc_id)


def survey(
    adapters: Adapters, settings: SyncSettings, only: frozenset[str] | None = None
) -> Survey:
    """Ask for everything, or for what concerns some VPCs only."""
    at = adapters.clock()
    everyone = adapters.network.nat_instances()
    ours = tuple(i for i in everyone if i.stack == settings.stack)
    listing = adapters.inventory.listing()
    selection = select(listing.caches, everyone, stack=settings.stack, peered=settings.peered)
    # Also where the last NAT instance is gone: its listen ports are kept until there is a new one.
    vpc_ids = {i.vpc_id for i in ours} | adapters.ledgers.vpc_ids()
    if only is not None:
        vpc_ids &= only
    reach = {vpc_id: _reach(vpc_id, settings.peered) for vpc_id in sorted(vpc_ids)}
    networks = adapters.network.networks({v for vpcs in reach.values() for v in vpcs})
    observations = {}
    for vpc_id, vpcs in reach.items():
        if vpc_id not in networks:
            continue  # the VPC is gone, and with it everything that a pass could do there
        observations[vpc_id] = _observe(
            adapters,
            at=at,
            vpc=Vpc(vpc_id=vpc_id, networks=_networks(vpcs, networks)),
            vpc_ids=vpcs,
            caches=selection.by_vpc.get(vpc_id, ()),
            listed=listing.whole,
            running=tuple(
                i.instance_id for i in ours if i.vpc_id == vpc_id and i.state == "running"
            ),
        )
    return Survey(
        at=at,
        instances=ours,
        observations=observations,
        networks=networks,
        problems=(*listing.problems, *selection.problems),
    )


def _observe(  # noqa: PLR0913 - each is one part of the observation, by keyword
    adapters: Adapters,
    *,
    at: float,
    vpc: Vpc,
    vpc_ids: tuple[str, ...],
    caches: tuple[Cache, ...],
    listed: bool,
    running: tuple[str, ...],
) -> Observation:
    names = sorted({name for cache in caches for name in _names(cache)})
    addresses = adapters.resolver(running).resolve(names) if names else {}
    asked = {address for answer in addresses.values() for address in answer}
    return Observation(
        at=at,
        vpc=vpc,
        caches=caches,
        addresses=addresses,
        evidence=adapters.network.evidence(vpc_ids, asked) if asked else {},
        listed=listed,
    )


def _names(cache: Cache) -> Iterator[str]:
    """Yield every name that a plan may need.

    Not a group's reader endpoint: it is DNS round robin, its members are forwarded instead.
    """
    of_nodes: Iterable[str] = (node.endpoint.host for node in cache.nodes if node.endpoint)
    yield from of_nodes
    for endpoint in (cache.primary_endpoint, cache.endpoint):
        if endpoint is not None:
            yield endpoint.host
    if cache.reader_endpoint is not None and not cache.nodes:
        yield cache.reader_endpoint.host


def _reach(vpc_id: str, peered: Mapping[str, str]) -> tuple[str, ...]:
    """Return the VPC and those peered ones whose caches it serves."""
    return (vpc_id, *sorted(cache for cache, nat in peered.items() if nat == vpc_id))


def _networks(
    vpc_ids: tuple[str, ...], networks: Mapping[str, tuple[IPv4Network, ...]]
) -> tuple[IPv4Network, ...]:
    return tuple(network for vpc_id in vpc_ids for network in networks.get(vpc_id, ()))
