"""The embedded world for system tests: skipped, with the reason, where it cannot exist."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from local import nodes, sandbox
from local.world import World

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def _possible() -> None:
    if not sandbox.inside():
        pytest.skip(f"needs network namespaces: {sandbox.why_not() or 'run it by make test'}")
    if nodes.missing():
        pytest.skip(f"needs {' and '.join(nodes.missing())}")


@pytest.fixture
def world(_possible: None) -> Iterator[World]:
    """Return a new world with one VPC and nothing deployed."""
    with World() as made:
        yield made
