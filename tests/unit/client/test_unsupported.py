"""What `mended` says about classes that it cannot mend."""

from __future__ import annotations

from typing import Any

import pytest

from cachegate.client import mended
from cachegate.client.errors import UnsupportedClientError


class FutureManager:
    """A manager that hears of MOVED in a way of its own."""


class FutureCluster:
    def __init__(self) -> None:
        self.nodes_manager = FutureManager()


class Manager:
    """A manager of a known kind that knows no node."""

    def move_slot(self, error: Any) -> None:
        raise NotImplementedError

    def get_node(self, host: str | None, port: int | None, node_name: str | None) -> Any:
        return None


class Cluster:
    def __init__(self) -> None:
        self.nodes_manager = Manager()


@pytest.mark.parametrize("name", ["", "nobody", "nobody:", ":6379", "host:port"])
def test_no_node_is_made_for_what_names_no_place(name: str) -> None:
    assert mended(Cluster)().nodes_manager.get_node(None, None, name) is None


def test_what_is_no_client_of_a_cluster_is_refused() -> None:
    with pytest.raises(UnsupportedClientError, match="dict is no client of a cluster"):
        mended(dict)()


def test_a_library_that_is_built_in_another_way_is_refused_not_left_as_it_is() -> None:
    with pytest.raises(UnsupportedClientError, match="handles MOVED in a way that is not known"):
        mended(FutureCluster)()


def test_a_mended_class_is_still_one_of_the_library() -> None:
    class Cluster:
        """What the library says of it."""

        def __init__(self, **options: Any) -> None:
            raise ValueError(options)

    found = mended(Cluster)

    assert issubclass(found, Cluster)
    assert found.__doc__ == Cluster.__doc__
    with pytest.raises(ValueError, match="host"):
        found(host="x")
