"""Caches that are not in the VPC of the NAT instances: in a peered one, and in none at all."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from local.caches import CacheSecurityGroup
from local.peering import PeeredVpc
from local.world import World

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.system.permissions import Permissions

PING = """
import socket, sys
try:
    with socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=1) as s:
        s.sendall(b"PING\\r\\n")
        print(s.recv(100).decode().strip())
except OSError as error:
    print(type(error).__name__)
"""


@dataclass
class Elsewhere:
    """One stack whose caches are here, in a peered VPC that cannot answer yet, and in no VPC."""

    world: World
    peer: PeeredVpc

    def sync(self) -> dict[str, str]:
        """Run a pass, and return the codes of its problems by cache."""
        synced = self.world.invoke({"action": "sync"})
        assert synced["ok"], synced
        told = synced["problems"]
        return {each["cache"]: each["code"] for each in told if each["code"] != "plaintext"}

    def described(self) -> tuple[dict[str, int], dict[str, dict[str, Any]]]:
        """Return listen ports by key, and what `describe` says of caches beside."""
        answer = self.world.invoke({"action": "describe"})
        assert answer["ok"], answer
        told = [each for each in answer["not_forwarded"] if each["code"] != "plaintext"]
        ports = {f["key"]: f["listen"] for vpc in answer["vpcs"] for f in vpc["forwards"]}
        return ports, {each["cache"]: each for each in told}

    def ping(self, port: int) -> str:
        """Return what a client outside gets at a listen port."""
        client, address = self.world.client, str(self.world.nat.public_address)
        return client.run(sys.executable, "-c", PING, address, str(port)).stdout.strip()


@pytest.fixture(scope="module")
def elsewhere(permissions: Permissions) -> Iterator[Elsewhere]:
    with World() as world:
        peer = PeeredVpc(world)
        peer.lead_there()
        world.create_cluster("near")
        world.create_cluster("far", **peer.options)
        world.create_cluster("old", subnet_group=None, classic_groups=("default",))
        web = ("web", "999999999999", "authorized")
        default = CacheSecurityGroup(name="default", admits=[web])
        world.aws.fleet.classic_groups = {"default": default}
        world.deploy(parameters={"PeeredVpcs": f"{peer.vpc_id}={world.network.vpc_id}"})
        yield Elsewhere(world, peer)
        permissions.note(world.aws.gate)
        assert world.aws.gate.denied == []


def test_a_cache_in_no_vpc_is_refused_with_whom_it_admits_and_costs_others_nothing(
    elsewhere: Elsewhere,
) -> None:
    assert elsewhere.sync()["old"] == "no_vpc"

    ports, told = elsewhere.described()

    assert elsewhere.ping(ports["near/near/0001"]) == "+PONG"
    assert not told["old"]["forwarded"]
    assert told["old"]["message"].endswith(
        "its cache security group default admits: "
        "EC2 security group web of account 999999999999 (authorized)"
    )


def test_a_cache_in_a_peered_vpc_answers_clients_as_soon_as_routes_lead_both_ways(
    elsewhere: Elsewhere,
) -> None:
    """No route of the peered VPC leads to a client: it answers since the NAT instance masks it."""
    # A pass that meets a target which does not answer says why by itself.
    assert elsewhere.sync()["far"] == "no_route"
    ports, told = elsewhere.described()
    port, needed = ports["far/far/0001"], told["far"]
    assert needed["forwarded"]
    connection = elsewhere.peer.connection_id
    assert f"--vpc-peering-connection-id {connection} (the cache's subnet)" in needed["message"]
    assert elsewhere.ping(port) == "TimeoutError"

    elsewhere.peer.lead_back()

    ports_now, told_now = elsewhere.described()
    assert (ports_now, "far" in told_now) == (ports, False)
    assert elsewhere.ping(port) == "+PONG"
    after = elsewhere.world.replace_node("far")
    assert "far" not in elsewhere.sync()
    assert str(after).startswith("10.7.1.")
    assert elsewhere.ping(port) == "+PONG"
