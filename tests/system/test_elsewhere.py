"""Caches that cannot just be forwarded: in a peered VPC, in none at all, and one in the clear."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from local.caches import CacheSecurityGroup
from local.caches import arn as arn_of
from local.client import Client
from local.peering import PeeredVpc
from local.vpc import CLIENT
from local.world import World

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.system.permissions import Permissions

EXPOSED = {"cachegate:expose": "true"}
ACCEPTED = EXPOSED | {"cachegate:plaintext": "accepted"}
WIDE = "100.64.16.0/20"  # nobody comes from there
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
    """One stack whose caches are here, in a peered VPC that cannot answer yet, and in no VPC.

    It trusts a network that is too wide for caches without TLS, and one of those is not accepted.
    """

    world: World
    peer: PeeredVpc

    def sync(self) -> dict[str, str]:
        """Run a pass, and return the codes of its problems by cache."""
        synced = self.world.invoke({"action": "sync"})
        assert synced["ok"], synced
        return {each["cache"]: each["code"] for each in synced["problems"]}

    def described(self) -> tuple[dict[str, int], dict[str, dict[str, Any]]]:
        """Return listen ports by key, and what `describe` says of caches beside."""
        answer = self.world.invoke({"action": "describe"})
        assert answer["ok"], answer
        ports = {f["key"]: f["listen"] for vpc in answer["vpcs"] for f in vpc["forwards"]}
        return ports, {each["cache"]: each for each in answer["not_forwarded"]}

    def tag(self, cluster: str, tags: dict[str, str]) -> None:
        """Give a cluster these tags, and no others."""
        aws, arn = self.world.aws.client("elasticache"), arn_of("cluster", cluster)
        gone = [key for key in ACCEPTED if key not in tags]
        aws.remove_tags_from_resource(ResourceName=arn, TagKeys=gone)
        aws.add_tags_to_resource(
            ResourceName=arn, Tags=[{"Key": key, "Value": value} for key, value in tags.items()]
        )

    def ping(self, port: int) -> str:
        """Return what a client outside gets at a listen port."""
        client, address = self.world.client, str(self.world.nat.public_address)
        return client.run(sys.executable, "-c", PING, address, str(port)).stdout.strip()


@pytest.fixture(scope="module")
def elsewhere(permissions: Permissions) -> Iterator[Elsewhere]:
    with World() as world:
        peer = PeeredVpc(world)
        peer.lead_there()
        world.create_cluster("near", tags=ACCEPTED)
        world.create_cluster("far", tags=ACCEPTED, **peer.options)
        world.create_cluster("bare", tags=EXPOSED)
        world.create_cluster("old", subnet_group=None, classic_groups=("default",))
        web = ("web", "999999999999", "authorized")
        default = CacheSecurityGroup(name="default", admits=[web])
        world.aws.fleet.classic_groups = {"default": default}
        world.deploy(
            parameters={
                "PeeredVpcs": f"{peer.vpc_id}={world.network.vpc_id}",
                "TrustedCidrs": f"{CLIENT}/32,{WIDE}",
            }
        )
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


def test_the_tag_opens_a_cache_in_the_clear_to_wide_sources_and_without_it_clients_are_cut_off(
    elsewhere: Elsewhere,
) -> None:
    world, key = elsewhere.world, "bare/bare/0001"
    assert elsewhere.sync()["bare"] == "plaintext_withheld"
    ports, told = elsewhere.described()
    assert f"{WIDE} is wider than /24" in told["bare"]["message"]
    client = Client(world.client, world.nat.public_address, {ports[key]: "redis"})
    assert "refused" in client.who()[ports[key]]

    elsewhere.tag("bare", ACCEPTED)
    assert "bare" not in elsewhere.sync()
    with client:
        assert client.who()[ports[key]] == str(world.node("bare").address)
        elsewhere.tag("bare", EXPOSED)
        assert elsewhere.sync()["bare"] == "plaintext_withheld"

    report = client.report[ports[key]]
    assert report["answered"]
    assert "reset by peer" in report["errors"][0]
    assert "refused" in client.who()[ports[key]]
    assert elsewhere.described()[0] == ports
    assert elsewhere.ping(ports["near/near/0001"]) == "+PONG"
