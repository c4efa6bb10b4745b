"""Kernel tests: each in namespaces of its own, for each back-end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from local import sandbox
from tests.integration.gateway import lab

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# Every claim about the kernel is a claim about both.
BACKENDS = ("nftables", "iptables")


@pytest.fixture(params=BACKENDS)
def gateway(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[lab.Gateway]:
    """A client, a NAT instance without any rules, and two nodes."""
    if not sandbox.inside():
        pytest.skip("needs the sandbox: python -m local.sandbox python -m pytest ...")
    with lab.gateway(tmp_path, request.param) as running:
        yield running
