"""A stack that holds an address and manages security groups, in the world of fakes.

Address plan: the Elastic IP is 203.0.113.200; auto-assigned ones are what FakeWorld gives.
"""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address
from typing import TYPE_CHECKING, Any

from cachegate.domain.address import ElasticIp
from cachegate.domain.agent import Reply
from cachegate.domain.cache import Health
from cachegate.domain.groups import Interface, SecurityGroup
from tests.unit.passes.fakes import NAT, VPC

if TYPE_CHECKING:
    from tests.unit.passes.fakes import FakeWorld

ALLOCATION, ADDRESS, SECOND = "eipalloc-1", "203.0.113.200", "i-second"
NAT_GROUP, CACHE_GROUP = "sg-nat", "sg-cache"


def hold_address(world: FakeWorld, holder: str | None = NAT) -> None:
    """Let the stack hold an address, with a second NAT instance beside the holder."""
    world.settings = replace(world.settings, address=ALLOCATION, address_vpc=VPC)
    world.add_instance(SECOND, VPC)
    give(world, holder)


def give(world: FakeWorld, holder: str | None) -> None:
    """Let an instance have the address."""
    world.addresses.addresses[ALLOCATION] = ElasticIp(
        allocation_id=ALLOCATION, address=IPv4Address(ADDRESS), instance_id=holder
    )


def manage_groups(world: FakeWorld) -> None:
    """Let the stack manage security groups: one of the NAT instances, one of the caches."""
    world.settings = replace(world.settings, manage_groups=True)
    for instance_id, instance in world.network.instances.items():
        world.network.instances[instance_id] = replace(instance, groups=(NAT_GROUP,))
    for group_id in (NAT_GROUP, CACHE_GROUP):
        world.group_rules.known[group_id] = SecurityGroup(
            group_id=group_id, name=group_id, vpc_id=VPC, owner="123456789012"
        )
    world.group_rules.has = tuple(
        Interface(
            interface_id=f"eni-{instance_id}",
            groups=frozenset({NAT_GROUP}),
            addresses=frozenset({instance.private_address}),
            attached_to=instance_id,
        )
        for instance_id, instance in world.network.instances.items()
    )


def add_guarded_cluster(world: FakeWorld, name: str, address: str) -> None:
    """Add a cluster whose security group is known."""
    world.add_cluster(name, address)
    cache = world.inventory.caches[name]
    world.inventory.caches[name] = replace(cache, groups=frozenset({CACHE_GROUP}))


def fail(world: FakeWorld, *instance_ids: str) -> None:
    """Let the agents there answer no more."""
    world.gateways.failing |= {i: Reply(instance_id=i, failure="timed out") for i in instance_ids}


def stop(world: FakeWorld, instance_id: str) -> None:
    """Let an instance stop; it keeps the address, as EC2 has it."""
    instance = world.network.instances[instance_id]
    world.network.instances[instance_id] = replace(instance, state="stopped")
    world.network.runs.discard(instance_id)


def fall_ill(world: FakeWorld, instance_id: str) -> None:
    """Let an instance fail EC2's status checks."""
    instance = world.network.instances[instance_id]
    world.network.instances[instance_id] = replace(instance, health=Health.IMPAIRED)


def rewire(app: Any, world: FakeWorld) -> None:
    """Let the entry point know the settings as they are now."""
    app.wired = app.Wired(world.adapters, world.settings)
