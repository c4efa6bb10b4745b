"""Packets in the VPC go as they do on AWS."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from local.caches import PORTS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from subprocess import Popen

    from local.namespaces import Host
    from local.nat_world import NatInstance
    from local.world import World

CONNECT = """
import socket, sys
try:
    with socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=0.5) as s:
        s.sendall(b"PING\\r\\n")
        print(s.recv(100).decode().strip())
except OSError as error:
    print(type(error).__name__)
"""
SERVE = """
import socket
with socket.create_server(("", 7000)) as s:
    print("ready", flush=True)
    while True:
        connection, peer = s.accept()
        connection.sendall(f"{peer[0]} at {connection.getsockname()[0]}".encode())
        connection.close()
"""


def connect(host: Host, address: object, port: int) -> str:
    return host.run(sys.executable, "-c", CONNECT, str(address), str(port)).stdout.strip()


@pytest.fixture(scope="module")
def nat(world: World) -> NatInstance:
    return world.add_nat_instance({"cachegate:nat": "cachegate"})


@pytest.fixture
def service(nat: NatInstance) -> Iterator[None]:
    """Something on the NAT instance that says who called, and at which address."""
    process: Popen[str] = nat.host.start(sys.executable, "-c", SERVE, stdout=-1)
    assert process.stdout is not None
    process.stdout.readline()
    yield
    process.kill()
    process.wait()
    process.stdout.close()


def test_a_nat_instance_sees_its_private_address_and_the_client_the_elastic_one(
    world: World, nat: NatInstance, service: None
) -> None:
    said = connect(world.client, nat.public_address, 7000)

    assert said == f"198.51.100.27 at {nat.private_address}"
    assert connect(world.client, nat.private_address, 7000) in ("TimeoutError", "OSError")


def test_the_way_out_of_a_nat_instance_carries_its_elastic_address(
    world: World, nat: NatInstance
) -> None:
    process = world.client.start(sys.executable, "-c", SERVE, stdout=-1)
    assert process.stdout is not None
    process.stdout.readline()
    try:
        assert connect(nat.host, "198.51.100.27", 7000) == f"{nat.public_address} at 198.51.100.27"
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def test_an_elastic_address_leads_where_ec2_moves_it_and_the_former_holder_goes_out_by_another(
    world: World, nat: NatInstance, service: None
) -> None:
    ec2, second = world.aws.client("ec2"), world.add_nat_instance({"cachegate:nat": "cachegate"})
    allocation_id, address = world.allocate_address()
    assigned = second.public_address
    process = second.host.start(sys.executable, "-c", SERVE, stdout=-1)
    assert process.stdout is not None
    process.stdout.readline()

    def move(instance: str) -> str:
        ec2.associate_address(
            AllocationId=allocation_id, InstanceId=instance, AllowReassociation=True
        )
        return connect(world.client, address, 7000)

    try:
        move(nat.instance_id)
        there = move(second.instance_id)
        gone = connect(world.client, assigned, 7000)
        back = move(nat.instance_id)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()

    assert there == f"198.51.100.27 at {second.private_address}"
    assert gone == "TimeoutError"  # the address that it had gave way
    assert back == f"198.51.100.27 at {nat.private_address}"


def test_a_node_answers_the_client_only_where_the_nat_instance_masquerades(
    world: World, nat: NatInstance
) -> None:
    world.create_cluster("cart")
    node = world.node("cart").address
    rules = """
        table ip hand {
          chain prerouting { type nat hook prerouting priority dstnat
            tcp dport 6379 dnat to NODE:6379
          }
          chain postrouting { type nat hook postrouting priority srcnat
            COMMENT ip daddr NODE masquerade
          }
        }"""
    rules = rules.replace("NODE", str(node))
    nat.host.run("nft", "-f", "-", text=rules.replace("COMMENT", "#"))
    without = connect(world.client, nat.public_address, 6379)
    nat.host.run("nft", "delete table ip hand")
    nat.host.run("nft", "-f", "-", text=rules.replace("COMMENT", ""))
    masqueraded = connect(world.client, nat.public_address, 6379)
    nat.host.run("nft", "delete table ip hand")

    assert (without, masqueraded) == ("TimeoutError", "+PONG")


FIND = """
import socket, sys, time
began = time.monotonic()
try:
    print(socket.gethostbyname(sys.argv[1]))
except OSError:
    print("not found", "at once" if time.monotonic() - began < 1 else "late")
"""


def find(host: Host, name: str) -> str:
    return host.run(sys.executable, "-c", FIND, name).stdout.strip()


def test_a_client_outside_knows_the_names_of_its_own_hosts_file_and_no_others(
    world: World,
) -> None:
    world.create_cluster("known")
    node = world.node("known")
    assert find(world.client, node.name) == "not found at once"

    world.client.name_hosts({node.name: "203.0.113.10"})

    assert find(world.client, node.name) == "203.0.113.10"
    assert find(world.stranger, node.name) == "not found at once"
    assert find(world.client, "localhost") == "127.0.0.1"
    world.client.name_hosts({})
    assert find(world.client, node.name) == "not found at once"


def test_what_is_sent_from_outside_to_a_node_vanishes(world: World) -> None:
    world.create_cluster("lone")
    node = world.node("lone").address

    assert connect(world.client, node, 6379) == "TimeoutError"
    assert connect(world.stranger, node, 6379) == "TimeoutError"


@pytest.mark.parametrize(
    ("fate", "seen"), [("crash", "ConnectionRefusedError"), ("kill", "TimeoutError")]
)
def test_a_crashed_server_refuses_and_a_dead_machine_says_nothing(
    world: World, nat: NatInstance, fate: str, seen: str
) -> None:
    world.create_cluster(fate)
    address = world.node(fate).address
    assert connect(nat.host, address, 6379) == "+PONG"

    (world.crash_node if fate == "crash" else world.kill_node)(fate)

    assert connect(nat.host, address, 6379) == seen


def test_a_replaced_node_runs_at_its_new_address_with_a_new_interface(
    world: World, nat: NatInstance
) -> None:
    world.create_replication_group("sessions", replicas=1)
    old = world.node("sessions-001").address

    new = world.replace_node("sessions-001")

    assert connect(nat.host, new, 6379) == "+PONG"
    assert connect(nat.host, old, 6379) == "TimeoutError"
    assert world.aws.fleet.groups["sessions"].primaries == {"0001": "sessions-002"}
    filters = [{"Name": "private-ip-address", "Values": [str(old), str(new)]}]
    interfaces = world.aws.client("ec2").describe_network_interfaces(Filters=filters)
    (interface,) = interfaces["NetworkInterfaces"]
    assert interface["PrivateIpAddress"] == str(new)
    assert interface["Description"] == "ElastiCache sessions-001"
    assert interface["RequesterId"] == "amazon-elasticache"


def test_memcached_nodes_are_real_too(world: World, nat: NatInstance) -> None:
    world.create_memcached("pages", nodes=2)

    answers = [
        connect(nat.host, node.address, PORTS["memcached"])
        for node in world.aws.fleet.clusters["pages"].nodes
    ]

    assert answers == ["ERROR", "ERROR"]  # what memcached answers to a PING


def test_an_instance_learns_its_id_from_the_metadata_service(nat: NatInstance) -> None:
    ask = """
import urllib.request
base = "http://169.254.169.254/latest/"
ttl = {"X-aws-ec2-metadata-token-ttl-seconds": "60"}
put = urllib.request.Request(base + "api/token", headers=ttl, method="PUT")
token = urllib.request.urlopen(put)
header = {"X-aws-ec2-metadata-token": token.read().decode()}
url = base + "meta-data/instance-id"
print(urllib.request.urlopen(urllib.request.Request(url, headers=header)).read().decode())
"""

    assert nat.host.run(sys.executable, "-c", ask).stdout.strip() == nat.instance_id
