"""The README quotes figures of the last full run, and no others."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.cost.prices import HOURS, Prices
from benchmarks.cost.usage import KEPT
from benchmarks.passes.ceilings import CEILING, COMMAND, LIMIT
from benchmarks.rows import Rows

README = " ".join((Path(__file__).parents[3] / "README.md").read_text().split())


@pytest.mark.skipif(not (KEPT / "run.json").exists(), reason="no full run was kept yet: make bench")
def test_the_readme_quotes_the_measured_ceilings_in_tens() -> None:
    rows = Rows.load(KEPT, "planning")
    unlike, alike = (rows.median(CEILING, f"{COMMAND}, {name}") for name in ("unlike", "alike"))
    assert (
        f"one command of {rows.median(LIMIT, COMMAND):,.0f} characters: "
        f"{unlike // 10 * 10:,.0f} forwards whose names and addresses have nothing in common, "
        f"{alike // 10 * 10:,.0f} of nodes that are numbered alike"
    ) in README


def test_the_readme_quotes_the_price_of_an_address() -> None:
    assert f"It costs {Prices.load().usd('address', HOURS):.2f} USD a month also unused" in README
