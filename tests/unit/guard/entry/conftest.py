"""The guard's entry point wired to its fake world."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.guard.entry.wiring import ROLE, entry_point
from tests.unit.guard.fakes import World


@pytest.fixture
def world() -> World:
    world = World()
    world.set(role=ROLE, function="guard", region="eu-west-1")
    return world


@pytest.fixture
def app(world: World, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return the entry point wired to the world."""
    return entry_point(world, monkeypatch)
