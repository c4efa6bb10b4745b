"""Each way of the data path really leads to the node, by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from benchmarks.data_path import ways
from benchmarks.data_path.load import NEW, run
from benchmarks.data_path.peers import PEERS
from benchmarks.data_path.site import Site
from local import sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from benchmarks.data_path.way import Way


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    if not sandbox.inside():
        pytest.skip("needs the sandbox: python -m local.sandbox python -m pytest ...")
    folder: Path = tmp_path_factory.mktemp("data-path")
    with Site(folder) as running:
        yield running


@pytest.fixture(scope="module")
def in_kernel(site: Site) -> list[Way]:
    return ways.in_kernel(site, many=20)


def test_every_way_that_the_kernel_carries_is_passed(site: Site, in_kernel: list[Way]) -> None:
    for way in in_kernel:
        way.check(site)
        assert run(site, way, NEW, 60).rate > 0, way.name

    assert [way.name for way in in_kernel] == list(ways.KERNEL)


def test_a_way_by_which_nothing_comes_is_an_error(site: Site, in_kernel: list[Way]) -> None:
    routed, tracked = in_kernel[:2]

    with pytest.raises(RuntimeError, match="the node saw"):
        routed._replace(address=tracked.address).check(site)
    with pytest.raises(RuntimeError, match="connections are tracked"):
        routed._replace(tracks=True).check(site)
    with pytest.raises(RuntimeError, match="no answer"):
        routed._replace(port=1).check(site)


def test_every_peer_is_passed_and_so_is_tls_through_our_rules(site: Site) -> None:
    found = ways.others(site)
    for way in found:
        way.check(site)

    missing = {name: peer.missing() for name, peer in PEERS.items() if peer.missing()}
    assert {way.name for way in found} == {ways.TLS, *PEERS} - missing.keys()
    if missing:
        pytest.skip(f"not unpacked (make peers): {missing}")
