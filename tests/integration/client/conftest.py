"""What a file of tests of clients shares, and a look at what they try to reach."""

from __future__ import annotations

import shutil
import socket
from typing import TYPE_CHECKING, Any

import pytest

from tests.integration.client.cluster import Cluster
from tests.integration.client.servers import Nodes, running

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    if shutil.which("redis-server") is None:
        pytest.skip("needs redis-server")
    cluster = Cluster(tmp_path_factory.mktemp("cluster"))
    yield cluster
    cluster.stop()


@pytest.fixture(scope="module")
def nodes() -> Iterator[Nodes]:
    if shutil.which("memcached") is None:
        pytest.skip("needs memcached")
    with running() as nodes:
        yield nodes


@pytest.fixture
def dialled(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Inner names that something tried to reach; nothing does, and no resolver is asked."""
    names: list[str] = []
    real = socket.getaddrinfo

    def look_up(host: Any, *arguments: Any, **options: Any) -> Any:
        if str(host).endswith(".invalid"):
            names.append(host)
            raise socket.gaierror(socket.EAI_NONAME, "an inner name")
        return real(host, *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    return names
