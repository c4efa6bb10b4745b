"""How the traffic of the swaps counts what becomes of new connections."""

from __future__ import annotations

import contextlib
import itertools
import socket
import threading
import time
from typing import TYPE_CHECKING

import pytest

from tests.integration.gateway import traffic

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SECONDS = 0.3


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(traffic, "PATIENCE", 0.05)


@contextlib.contextmanager
def serving(answer: Callable[[int, socket.socket], None]) -> Iterator[tuple[str, int]]:
    """Call back for each connection, by its number from 0, while it is open."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=_serve, args=(server, answer))
        thread.start()
        yield server.getsockname()
        server.shutdown(socket.SHUT_RDWR)
        thread.join()


def _serve(server: socket.socket, answer: Callable[[int, socket.socket], None]) -> None:
    with contextlib.ExitStack() as kept, contextlib.suppress(OSError):
        for number in itertools.count():
            answer(number, kept.enter_context(server.accept()[0]))


def counted(address: tuple[str, int]) -> dict[str, int]:
    """Return what one thread of new connections counts there."""
    counter = traffic.Counter()
    traffic.fresh(address, time.monotonic() + SECONDS, counter)
    return counter.result()


def test_silence_is_not_taken_for_a_cut_and_counts_as_dead_to_the_end() -> None:
    with serving(lambda _number, _connection: None) as address:
        found = counted(address)

    assert found["not answered"] > 1
    assert found.keys() == {"not answered", "dead_ms"}
    assert found["dead_ms"] >= SECONDS * 1000 - 1


def test_a_port_is_dead_until_the_next_connection_is_answered() -> None:
    with serving(lambda number, each: each.sendall(b"+A") if number else None) as address:
        found = counted(address)

    assert found["not answered"] == 1
    assert found["new_answers"] > 1
    assert 50 <= found["dead_ms"] < SECONDS * 1000


def test_a_port_that_refuses_to_the_end_is_dead_all_the_time() -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        found = counted(bound.getsockname())

    assert found.keys() == {"refused", "dead_ms"}
    assert found["dead_ms"] >= SECONDS * 1000 - 1
