"""Probes of `doctor` against real servers, and against servers that misbehave, on loopback."""

from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
import threading
import time
from contextlib import ExitStack, closing, contextmanager, suppress
from typing import TYPE_CHECKING, Any

import pytest

from cachegate_cli.probe import Outcome, Port, Probed, probe, probe_all, source_towards
from tests.integration.cli import certificates

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

HERE = "127.0.0.1"
NODE = "sessions-001.sessions.example"
SHORT_S = 0.3  # where silence is what we wait for


def port(listen: int, engine: str | None = "redis", **more: Any) -> Port:
    usual = {"vpc": "vpc-1", "public": HERE, "key": "k", "state": "forwarding", "reason": ""}
    return Port(
        listen=listen, engine=engine, **(usual | {"tls": False, "server_name": None} | more)
    )


def seen(place: Port, context: ssl.SSLContext | None = None, **more: Any) -> tuple[Outcome, str]:
    found = probe(place, context or ssl.create_default_context(), **more)
    return found.outcome, found.said


@contextmanager
def server(*command: str, asked: Port) -> Iterator[None]:
    """Run a real server until it is there; PORT in its command is the port."""
    if shutil.which(command[0]) is None:
        pytest.skip(f"needs {command[0]}")
    argv = [str(asked.listen) if word == "PORT" else word for word in command]
    process = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 20
        while True:
            with suppress(ConnectionRefusedError), socket.create_connection((HERE, asked.listen)):
                break
            assert time.monotonic() < deadline
            assert process.poll() is None
            time.sleep(0.02)
        yield
    finally:
        process.kill()
        process.wait()


@contextmanager
def behaving(do: Callable[[socket.socket], None]) -> Iterator[int]:
    """Listen, and do this with each connection."""
    with ExitStack() as held:
        listening = held.enter_context(socket.create_server((HERE, 0)))

        def serve() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = listening.accept()
                    with closing(connection), suppress(OSError):
                        do(connection)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listening.getsockname()[1]
        listening.shutdown(socket.SHUT_RDWR)
        thread.join(10)


def free_port() -> int:
    with socket.create_server((HERE, 0)) as found:
        return int(found.getsockname()[1])


def test_a_real_redis_answers_ping() -> None:
    place = port(free_port())
    with server("redis-server", "--port", "PORT", "--save", "", asked=place):
        assert seen(place) == (Outcome.ANSWERED, "+PONG")


def test_a_real_redis_that_wants_a_password_counts_as_reached() -> None:
    place = port(free_port(), engine="valkey")
    command = "redis-server", "--port", "PORT", "--save", "", "--requirepass", "secret"
    with server(*command, asked=place):
        outcome, said = seen(place)

    assert outcome is Outcome.PASSWORD
    assert said.startswith("-NOAUTH")


def test_a_real_memcached_answers_its_version_and_no_ping() -> None:
    place = port(free_port(), engine="memcached")
    with server("memcached", "-u", "root", "-l", HERE, "-p", "PORT", "-U", "0", asked=place):
        outcome, said = seen(place)
        as_redis, _ = seen(port(place.listen))

    assert outcome is Outcome.ANSWERED
    assert said.startswith("VERSION 1.")
    assert as_redis in {Outcome.STRANGE, Outcome.CLOSED}


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Port]:
    """Run a real Redis behind TLS whose certificate is for *.sessions.example."""
    certificates.write(tmp_path, "*.sessions.example")
    place = port(free_port(), tls=True, server_name=NODE)
    command = (
        "redis-server", "--port", "0", "--tls-port", "PORT", "--save", "",
        "--tls-cert-file", str(tmp_path / "node.pem"), "--tls-key-file", str(tmp_path / "node.key"),
        "--tls-ca-cert-file", str(tmp_path / "ca.pem"), "--tls-auth-clients", "no",
    )  # fmt: skip
    with server(*command, asked=place):
        yield place


def test_tls_is_verified_for_the_name_of_the_node(node: Port, tmp_path: Path) -> None:
    ours = ssl.create_default_context(cafile=tmp_path / "ca.pem")

    assert seen(node, ours) == (Outcome.ANSWERED, "+PONG")
    outcome, said = seen(port(node.listen, tls=True, server_name="sessions.elsewhere"), ours)
    assert outcome is Outcome.UNTRUSTED
    assert "sessions.elsewhere" in said


def test_a_ca_that_is_not_trusted_is_said(node: Port) -> None:
    outcome, said = seen(node)

    assert outcome is Outcome.UNTRUSTED
    assert "certificate" in said


def test_plain_words_to_a_node_with_tls_and_tls_to_a_plain_one_are_told_apart(node: Port) -> None:
    assert seen(port(node.listen))[0] in {Outcome.CLOSED, Outcome.STRANGE}
    with behaving(lambda connection: connection.sendall(b"-ERR unknown command\r\n" * 9)) as plain:
        assert seen(port(plain, tls=True, server_name=NODE))[0] in {Outcome.NO_TLS, Outcome.CLOSED}


def test_tls_without_a_name_to_verify_is_not_spoken(node: Port) -> None:
    assert seen(port(node.listen, tls=True)) == (Outcome.ANSWERED, "")


def read(connection: socket.socket) -> None:
    connection.recv(100)


def answering(answer: bytes) -> Callable[[socket.socket], None]:
    def do(connection: socket.socket) -> None:
        connection.recv(100)
        connection.sendall(answer)

    return do


@pytest.mark.parametrize(
    ("do", "outcome"),
    [
        (lambda _: None, Outcome.CLOSED),
        (read, Outcome.CLOSED),
        (answering(b"-LOADING Redis is loading the dataset in memory\r\n"), Outcome.COMPLAINED),
        (answering(b"-NOPERM no\r\n"), Outcome.PASSWORD),
        (answering(b"HTTP/1.1 400 Bad Request\r\n"), Outcome.STRANGE),
        (answering(b"+PO"), Outcome.CLOSED),
        (answering(b"x" * 5000), Outcome.STRANGE),
        (answering(b"\xff\xfe\x1b[2J\r\n"), Outcome.STRANGE),
    ],
)
def test_what_is_no_cache_is_told_apart(
    do: Callable[[socket.socket], None], outcome: Outcome
) -> None:
    with behaving(do) as listen:
        assert seen(port(listen))[0] is outcome


def test_who_takes_connections_and_says_nothing_is_mute_with_and_without_tls() -> None:
    with socket.create_server((HERE, 0)) as listening:  # the kernel takes them
        listen = listening.getsockname()[1]
        assert seen(port(listen), patience_s=SHORT_S)[0] is Outcome.MUTE
        secured = port(listen, tls=True, server_name=NODE)
        assert seen(secured, patience_s=SHORT_S)[0] is Outcome.MUTE
        assert seen(port(listen, engine=None))[0] is Outcome.ANSWERED


def test_a_drop_at_a_time_does_not_prolong_the_probe() -> None:
    def drip(connection: socket.socket) -> None:
        for _ in range(200):
            connection.sendall(b"+")
            time.sleep(SHORT_S / 10)

    began = time.monotonic()
    with behaving(drip) as listen:
        assert seen(port(listen), patience_s=SHORT_S)[0] is Outcome.MUTE
    assert time.monotonic() - began < 200 * SHORT_S / 10


def test_a_reset_is_no_silence() -> None:
    assert seen(port(free_port()))[0] is Outcome.REFUSED


def test_silence_is_no_reset() -> None:
    with ExitStack() as held:
        full = held.enter_context(socket.socket())
        full.bind((HERE, 0))
        full.listen(0)  # a queue of one: who comes next gets no answer from the kernel
        for _ in range(2):
            waiting = held.enter_context(socket.socket())
            waiting.settimeout(0)
            waiting.connect_ex(full.getsockname())

        assert seen(port(full.getsockname()[1]), patience_s=SHORT_S)[0] is Outcome.SILENT


def test_a_machine_without_a_way_there_says_so() -> None:
    outcome, said = seen(port(1, public="255.255.255.255"))

    assert outcome is Outcome.NO_WAY
    assert said


def test_all_are_probed_and_returned_in_their_order() -> None:
    done: list[None] = []
    with behaving(answering(b"+PONG\r\n")) as listen:
        ports = [port(free_port()), port(listen), port(free_port())]
        found = probe_all(ports, ssl.create_default_context(), lambda: done.append(None))

    assert [each.port for each in found] == ports
    assert [each.outcome for each in found] == [
        Outcome.REFUSED, Outcome.ANSWERED, Outcome.REFUSED,
    ]  # fmt: skip
    assert len(done) == 3
    assert isinstance(found[0], Probed)


def test_the_own_address_is_that_of_the_way_there() -> None:
    assert source_towards(HERE) == HERE
    assert source_towards("255.255.255.255") is None
