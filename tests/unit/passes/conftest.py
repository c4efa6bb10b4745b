"""One VPC, one NAT instance, nothing in it yet."""

from __future__ import annotations

import pytest

from tests.unit.passes.fakes import FakeWorld


@pytest.fixture
def world() -> FakeWorld:
    return FakeWorld()
