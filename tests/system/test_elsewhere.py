"""Caches that are not in the VPC of the NAT instances: in a peered one, and in none at all."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from local.peering import PeeredVpc

if TYPE_CHECKING:
    from local.world import World

PING = """
import socket, sys
try:
    with socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=1) as s:
        s.sendall(b"PING\\r\\n")
        print(s.recv(100).decode().strip())
except OSError as error:
    print(type(error).__name__)
"""


def ping(world: World, port: int) -> str:
    """Return what a client outside gets at a listen port."""
    address = str(world.nat.public_address)
    return world.client.run(sys.executable, "-c", PING, address, str(port)).stdout.strip()


def described(world: World) -> tuple[dict[str, int], dict[str, dict[str, Any]]]:
    """Return listen ports by key, and what is not forwarded, or only with a warning, by cache."""
    answer = world.invoke({"action": "describe"})
    assert answer["ok"], answer
    ports = {f["key"]: f["listen"] for vpc in answer["vpcs"] for f in vpc["forwards"]}
    told = {each["cache"]: each for each in answer["not_forwarded"] if each["code"] != "plaintext"}
    return ports, told


def test_a_cache_in_a_peered_vpc_answers_clients_as_soon_as_routes_lead_both_ways(
    world: World,
) -> None:
    """No route of the peered VPC leads to a client: it answers since the NAT instance masks it."""
    peer = PeeredVpc(world)
    peer.lead_there()
    world.create_cluster("far", **peer.options)
    world.deploy(parameters={"PeeredVpcs": f"{peer.vpc_id}={world.network.vpc_id}"})

    synced = world.invoke({"action": "sync"})
    assert synced["ok"], synced
    ports, told = described(world)
    port = ports["far/far/0001"]
    # A pass that meets a target which does not answer says why by itself.
    assert [p["code"] for p in synced["problems"] if p["code"] != "plaintext"] == ["no_route"]
    assert told["far"]["forwarded"]
    assert (
        f"--vpc-peering-connection-id {peer.connection_id} (the cache's subnet)"
        in (told["far"]["message"])
    )
    assert ping(world, port) == "TimeoutError"

    peer.lead_back()
    assert described(world) == (ports, {})
    assert ping(world, port) == "+PONG"

    after = world.replace_node("far")
    assert world.invoke({"action": "sync"})["ok"]
    assert str(after).startswith("10.7.1.")
    assert ping(world, port) == "+PONG"
