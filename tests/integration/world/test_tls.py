"""Caches with TLS show a certificate for their own names, which the world's authority signed."""

from __future__ import annotations

import socket
import ssl
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from local.caches import Node
    from local.world import World

TOKEN = "sixteen-characters-or-more"  # noqa: S105 - of this test's own caches


@pytest.fixture(scope="module", autouse=True)
def _caches(world: World) -> None:
    world.create_replication_group("shop", replicas=1, tls=True, auth=TOKEN)
    world.create_cluster("lone", tls=True)
    world.create_memcached("pages", nodes=2, tls=True)


def say(world: World, node: Node, name: str, command: str) -> str:
    """Verify a node under a name as a careful client does, and return its answer."""
    context = ssl.create_default_context(cafile=str(world.ca_file))
    with (
        socket.create_connection((str(node.address), node.port), timeout=5) as plain,
        context.wrap_socket(plain, server_hostname=name) as connection,
    ):
        connection.sendall(f"{command}\r\n".encode())
        return connection.recv(4096).decode()


def test_one_certificate_is_for_every_name_of_a_group(world: World) -> None:
    group, node = world.aws.fleet.groups["shop"], world.node("shop-001")

    for name in (node.name, group.primary_name, group.reader_name, group.configuration_name):
        assert say(world, node, name, "PING").startswith("-NOAUTH")


def test_it_is_for_no_other_name_and_no_address(world: World) -> None:
    node = world.node("shop-001")

    for name in (str(node.address), world.node("lone").name, "shop.v8rkgb.example.com"):
        with pytest.raises(ssl.SSLCertVerificationError):
            say(world, node, name, "PING")


def test_replicas_follow_through_tls_with_the_token(world: World) -> None:
    world.servers.tell(world.node("shop-001").address, "SET", "foo", "kept")
    world.wait_until(lambda: world.servers.tell(world.node("shop-002").address, "GET", "foo"))

    assert world.fail_over("shop") == "shop-002"

    assert world.servers.tell(world.node("shop-002").address, "ROLE")[0] == "master"
    world.wait_until(
        lambda: world.servers.tell(world.node("shop-001").address, "ROLE")[3] == "connected"
    )


def test_a_standalone_cluster_and_each_node_of_memcached_speak_tls(world: World) -> None:
    lone = world.node("lone")
    assert say(world, lone, lone.name, "PING") == "+PONG\r\n"
    for node_id in ("0001", "0002"):
        node = world.node("pages", node_id)
        assert node.name.startswith(f"{node_id}.pages.")
        assert say(world, node, node.name, "version").startswith("VERSION")


def test_memcached_says_nothing_in_the_clear(world: World) -> None:
    node = world.node("pages")
    with socket.create_connection((str(node.address), node.port), timeout=5) as connection:
        connection.sendall(b"version\r\n")
        try:
            answer = connection.recv(100)
        except ConnectionResetError:
            answer = b""

    assert answer == b""
