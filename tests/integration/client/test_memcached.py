"""Memcached from inside and outside: which node has a key is decided by the names of the nodes."""

from __future__ import annotations

import socket
import ssl
from typing import TYPE_CHECKING, Any

import pytest
from pymemcache.client.hash import HashClient

from cachegate.client import Natmap, socket_module
from local.tls import Authority
from tests.integration.client.servers import running

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.integration.client.servers import Nodes

KEYS = [f"key:{number}" for number in range(3000)]


@pytest.fixture
def inside(nodes: Nodes, monkeypatch: pytest.MonkeyPatch) -> Iterator[HashClient]:
    """A client in the VPC: plain pymemcache, for which the inner names resolve.

    That they do is all that is made up: a name leads to its server's place on loopback.
    """
    real = socket.getaddrinfo
    places = dict(zip(nodes.inner, nodes.outer, strict=True))

    def look_up(host: str, port: int, *arguments: Any, **options: Any) -> Any:
        return real(*places.get((host, port), (host, port)), *arguments, **options)

    client = HashClient(nodes.inner)
    with monkeypatch.context() as patched:
        patched.setattr(socket, "getaddrinfo", look_up)
        client.set_many(dict.fromkeys(KEYS, b"inside"), noreply=False)
    yield client
    client.close()


def test_a_client_outside_finds_every_key_where_the_one_inside_put_it(
    nodes: Nodes, inside: HashClient
) -> None:
    before = [nodes.held(port, KEYS) for port in nodes.ports]
    outside = HashClient(nodes.inner, socket_module=socket_module(nodes.natmap))

    found = outside.get_many(KEYS)
    failed = outside.set_many(dict.fromkeys(KEYS, b"outside"), noreply=False)
    outside.close()

    assert found == dict.fromkeys(KEYS, b"inside")
    assert failed == []
    assert [nodes.held(port, KEYS) for port in nodes.ports] == before  # no key has a second place
    assert sum(map(len, before)) == len(KEYS)
    assert all(before)


def test_a_client_that_names_the_listen_ports_misses_two_keys_of_three(
    nodes: Nodes, inside: HashClient
) -> None:
    outside = HashClient(nodes.outer)

    missing = len(KEYS) - len(outside.get_many(KEYS))
    outside.close()

    # Two thirds of 3,000 are 2,000; whatever the ports are, 6 standard deviations are 155.
    assert 1845 < missing < 2155


def test_without_the_map_no_inner_name_is_reached(nodes: Nodes, dialled: list[str]) -> None:
    client = HashClient(nodes.inner, retry_attempts=0)

    with pytest.raises(OSError, match="an inner name"):
        client.get("key")

    assert dialled


def test_with_tls_the_inner_name_is_what_is_verified(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    context = ssl.create_default_context(cafile=authority.ca_file)

    other = authority.certificate("*.cache.invalid")  # which stands for one label only

    with running(other) as nodes, pytest.raises(ssl.SSLCertVerificationError, match="Hostname mis"):
        _greet(nodes, context)
    with running(authority.certificate("*.h4sh.cache.invalid")) as nodes:
        assert _greet(nodes, context) == b"hello"


def _greet(nodes: Nodes, context: ssl.SSLContext) -> Any:
    mapped = socket_module(nodes.natmap)
    client = HashClient(nodes.inner, socket_module=mapped, tls_context=context, retry_attempts=0)
    client.set("greeting", b"hello", noreply=False)
    found = client.get("greeting")
    client.close()
    return found


def test_all_else_is_the_module_socket() -> None:
    sockets = socket_module(Natmap({}))

    assert sockets.AF_UNIX is socket.AF_UNIX
    assert sockets.socket is socket.socket
    with pytest.raises(AttributeError):
        sockets.no_such_thing  # noqa: B018
