"""What `make demo` and `make local` begin with: three caches, and two NAT instances of the stack's.

The NAT instances are made by the template (NatInstances=create), as for a newcomer on AWS.
"""

from __future__ import annotations

from ipaddress import IPv4Address
from typing import TYPE_CHECKING, Any

from local.cache_world import EXPOSED, PERSON
from local.network import PUBLIC_SUBNET, SECOND_PUBLIC_SUBNET

if TYPE_CHECKING:
    from local.deploy import Stack
    from local.world import World

NODES = 6
WEB = IPv4Address("203.0.113.80")
ANYONE, PORT = "0.0.0.0/0", 6379
# That it speaks in the clear is meant to be so.
_PLAIN = EXPOSED | {"cachegate:plaintext": "accepted"}
CACHES = "sessions (Redis, 3 nodes), cart (Valkey, played by Redis, 1), pages (Memcached, 2)"


def create_caches(world: World) -> None:
    """Run the caches of CACHES, with the tag that exposes them."""
    world.create_replication_group("sessions", replicas=2, tags=_PLAIN)
    world.create_cluster("cart", engine="valkey", tags=_PLAIN)
    world.create_memcached("pages", nodes=2, tags=_PLAIN)


def add_web_server(world: World) -> None:
    """Let a web server have the caches' group: so its rules are more than the caches' affair."""
    network = world.network
    network.run_instance(IPv4Address("10.0.0.80"), WEB, {}, groups=[network.cache_group])


def deploy(world: World, **parameters: str) -> Stack:
    """Deploy the template so that it makes two NAT instances; security groups count from now on."""
    network = world.network
    world.groups.enforce()
    return world.deploy(parameters={
        "NatInstances": "create", "NatVpc": network.vpc_id,
        "NatSubnet": network.subnets[PUBLIC_SUBNET],
        "SecondNatSubnet": network.subnets[SECOND_PUBLIC_SUBNET],
    } | parameters)  # fmt: skip


def open_to_anyone(world: World, says: str) -> str:
    """Let a person admit the whole Internet to the caches' group; return the rule's id."""
    source = {"IpRanges": [{"CidrIp": ANYONE, "Description": says}]}
    answer = world.aws.client("ec2", PERSON).authorize_security_group_ingress(
        GroupId=world.network.cache_group,
        IpPermissions=[{"IpProtocol": "tcp", "FromPort": PORT, "ToPort": PORT} | source],
    )
    return str(answer["SecurityGroupRules"][0]["SecurityGroupRuleId"])


def forwarded(world: World) -> list[dict[str, Any]]:
    """Return all forwards once a pass is verified and each leads somewhere, else nothing."""
    described = world.invoke({"action": "describe"})
    vpcs = described.get("vpcs", [])
    if not vpcs or not vpcs[0]["verified_at"]:
        return []
    forwards: list[dict[str, Any]] = vpcs[0]["forwards"]
    return forwards if all(f["state"] == "forwarding" for f in forwards) else []
