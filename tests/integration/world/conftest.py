"""A world for each file of tests, and a small stack of the same shapes as ours."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from local import nodes
from local.artefacts import Artefacts
from local.sandbox import inside
from local.world import World

if TYPE_CHECKING:
    from collections.abc import Iterator

    from local.deploy import Stack

TINY = Artefacts(Path(__file__).parent / "app" / "template.yaml", built=False)


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    if not inside():
        pytest.skip("needs `python -m local.sandbox`")
    if nodes.missing():
        pytest.skip(f"needs {' and '.join(nodes.missing())}")
    with World() as world:
        yield world


@pytest.fixture(scope="module")
def stack(world: World) -> Stack:
    return world.deploy("tiny", {"Word": "hello"}, TINY)
