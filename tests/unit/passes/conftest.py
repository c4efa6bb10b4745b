"""One VPC, one NAT instance, nothing in it yet."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.passes.entry import entry_point
from tests.unit.passes.fakes import FakeWorld


@pytest.fixture
def world() -> FakeWorld:
    return FakeWorld()


@pytest.fixture
def app(world: FakeWorld, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return the entry point wired to the world."""
    return entry_point(world, monkeypatch)
