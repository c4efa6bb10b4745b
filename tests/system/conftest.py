"""The embedded world for system tests: skipped, with the reason, where it cannot exist."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from local import nodes, sandbox
from local.world import SHORT_WINDOWS, World
from tests.system.permissions import JUDGE, Permissions

if TYPE_CHECKING:
    from collections.abc import Iterator

PERMISSIONS = pytest.StashKey[Permissions]()


@pytest.fixture(scope="session")
def _possible() -> None:
    if not sandbox.inside():
        pytest.skip(f"needs network namespaces: {sandbox.why_not() or 'run it by make test'}")
    if nodes.missing():
        pytest.skip(f"needs {' and '.join(nodes.missing())}")


@pytest.fixture(scope="session")
def permissions(_possible: None, pytestconfig: pytest.Config) -> Permissions:
    """Return what the system tests have granted and used so far."""
    return pytestconfig.stash[PERMISSIONS]


@pytest.fixture
def world(permissions: Permissions) -> Iterator[World]:
    """Return a new world with one VPC and nothing deployed, in which no call may be denied.

    A test that expects a denial takes it out of `world.aws.gate.denied`.
    """
    with World(windows=SHORT_WINDOWS) as made:
        yield made
        permissions.note(made.aws.gate)
        assert made.aws.gate.denied == []


def pytest_configure(config: pytest.Config) -> None:
    config.stash[PERMISSIONS] = Permissions()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Judge permissions last, when all that may need them have run."""
    items.sort(key=lambda item: item.path == JUDGE)


def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> None:
    if call.when == "call" and call.excinfo is None:
        item.config.stash[PERMISSIONS].passed.add((item.path, item.name.partition("[")[0]))
